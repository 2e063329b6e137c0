"""The two ways in which a cell shows a build: lines of text, or a view that is drawn anew as it goes."""

from __future__ import annotations

import codecs
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..environment.output.terminal_text import plain_line
from .build_view import BuildState, render_build, summary

if TYPE_CHECKING:
    from pathlib import Path

    from ..engines.protocol import Step
    from .screen import Screen, ShownBuild

_SILENCE_S = 2.0
_REDRAW_S = 0.25
_KEPT_LINES = 40


def watcher_for(shell: Any, begun: BuildState, quiet: bool, screen: Screen, log: Path) -> TextWatcher | CellWatcher:
    """The way that suits the shell: a view where a front end shows HTML, which is wherever there is a kernel.

    Args:
        begun: the build before its first step.
        log: where the output of the build is kept.
    """
    if quiet:
        return TextWatcher(lambda text: None)
    if getattr(shell, "kernel", None) is None:
        return TextWatcher(write_out)
    return LiveWatcher(begun, _Display().show, screen, log)


def write_out(text: str) -> None:
    """Write to the cell's output at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


class TextWatcher:
    """Shows a build's output as it is; after two seconds of silence, what is being waited for."""

    def __init__(self, show: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._clock = clock
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._heard = clock()
        self._told = ""

    def write(self, data: bytes) -> None:
        """Output, shown at once."""
        self._heard = self._clock()
        self._show(self._decoder.decode(data))

    def step(self, step: Step) -> None:
        """Nothing: the output has the steps in words."""

    def look(self, phase: str) -> None:
        """Tell of a silence, once."""
        if phase != self._told and self._clock() - self._heard > _SILENCE_S:
            self._told = phase
            self._show(f"… {phase}\n")

    def done(self, name: str, kind: str, outcome: str, stacked: str, size: str) -> None:
        """The environment is there: the line that sums it up."""
        outcome = ", ".join(part for part in (outcome, stacked) if part)
        print(f"✓ {' · '.join(part for part in (name, kind, outcome, size) if part)}")

    def failed(self, state: str, why: str) -> None:
        """It is over without success; ``why`` is the message of the error, which comes by itself."""


class CellWatcher(TextWatcher):
    """Draws the steps of a build in the cell; a build that has none is told in text.

    Args:
        begun: the build before its first step.
        draw: shows HTML and its text, in place of what it showed before.
    """

    def __init__(
        self, begun: BuildState, draw: Callable[[str, str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(write_out, clock)
        self._draw = draw
        self._state = begun
        self._began = clock()
        self._began_at = time.time()
        self._steps: dict[str, tuple[Step, float]] = {}
        self._log: deque[str] = deque(maxlen=_KEPT_LINES)
        self._rest = ""
        self._why = ""
        self._drawn: tuple[str, str] | None = None
        self._drawn_at = -_REDRAW_S

    def write(self, data: bytes) -> None:
        """Output: the end of it is kept; sentences that come while no step runs are about the whole build."""
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        plain = [text for line in lines if (text := plain_line(line)).strip()]
        self._log.extend(plain)
        if not any(step.state == "running" for step, _ in self._steps.values()):
            # Indented lines are tables, such as that of a conda lock.
            notes = [line for line in plain if not line.startswith((" ", "Successfully "))]
            self._state = replace(self._state, notes=(*self._state.notes, *notes)[-_KEPT_LINES:])

    def step(self, step: Step) -> None:
        """News of a step, drawn at the next look; whoever does not time its steps has them timed here."""
        now = self._clock()
        before, since = self._steps.get(step.key, (step, now))
        if step.state in ("done", "failed") and not step.seconds and before.state == "running":
            step = replace(step, seconds=before.seconds + now - since)
        self._steps[step.key] = (step, now)

    def look(self, phase: str) -> None:
        """Draw what has changed, unless that was done a moment ago; what is found at once is not worth a view."""
        now = self._clock()
        worth_it = self._steps or now - self._began > _SILENCE_S
        if worth_it and now - self._drawn_at >= _REDRAW_S:
            self._drawn_at = now
            self._redraw(replace(self._now(), phase=phase))

    def done(self, name: str, kind: str, outcome: str, stacked: str, size: str) -> None:
        """The environment is there: the view becomes one line that opens."""
        if not self._drawn and not self._steps:
            for note in self._state.notes:
                print(note)
            super().done(name, kind, outcome, stacked, size)
            return
        self._redraw(replace(self._now(), name=name, state="done", words=(kind, stacked, size), log=tuple(self._log)))

    def failed(self, state: str, why: str) -> None:
        """It is over without success; the view stays, with where it was."""
        self._why = why
        if self._drawn or self._steps:
            self._redraw(replace(self._now(), state=state, log=tuple(self._log)))
        else:
            for note in self._state.notes:
                print(note)

    def _now(self) -> BuildState:
        now = self._clock()
        steps = tuple(
            replace(step, seconds=step.seconds + now - since) if step.state == "running" else step
            for step, since in self._steps.values()
        )
        seconds = now - self._began
        return replace(self._state, seconds=seconds, steps=steps, at=self._began_at + int(seconds))

    def _redraw(self, state: BuildState) -> None:
        picture = render_build(state), summary(state)
        if picture != self._drawn:
            self._drawn = picture
            self._show_picture(state, *picture)

    def _show_picture(self, state: BuildState, html: str, text: str) -> None:
        self._draw(html, text)


class LiveWatcher(CellWatcher):
    """Shows a build as a live view where a front end has one, and there a click ends the build.

    Args:
        begun: the build before its first step.
        draw: shows HTML and its text where there are no live views.
        log: where the output of the build is kept.
    """

    def __init__(self, begun: BuildState, draw: Callable[[str, str], object], screen: Screen, log: Path) -> None:
        super().__init__(begun, draw)
        self._screen = screen
        self._log_path = log
        self._live: ShownBuild | None = None
        self._canceled = threading.Event()

    def look(self, phase: str) -> None:
        """Draw what has changed.

        Raises:
            KeyboardInterrupt: a click in the view has ended the build, as the notebook's stop button does.
        """
        if self._canceled.is_set():
            raise KeyboardInterrupt
        super().look(phase)

    def _show_picture(self, state: BuildState, html: str, text: str) -> None:
        # Made with the first picture: an environment that is found at once costs no widget.
        self._live = self._live or self._screen.show_build(self._log_path, self._canceled.set)
        if self._live is None:
            self._draw(html, text)
        else:
            from .build_state import run_state

            shown = run_state(state, self._log_path, time.time(), self._why)
            self._live.show(shown, html, text, over=state.state != "running")


class _Display:
    """One output of the cell, shown once and then replaced."""

    def __init__(self) -> None:
        self._id = uuid4().hex
        self._shown = False

    def show(self, html: str, text: str) -> None:
        from IPython.display import display

        display({"text/html": html, "text/plain": text}, raw=True, display_id=self._id, update=self._shown)
        self._shown = True
