"""Runs in a terminal: what a notebook shows as a view is text there, above one line that tells how the run is."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from io import TextIOBase
from typing import TYPE_CHECKING, TextIO

from ..runs import status as states
from ..runs.glance import glance
from ..runs.html import shortened

if TYPE_CHECKING:
    from ..runs.run import Run

_REDRAW_S = 0.25
_ERASE = "\r\x1b[K"


def can_redraw(out: TextIO) -> bool:
    """Whether a line of this can be replaced: it is a terminal, and not one that only prints."""
    return out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def wait_in_terminal(run: Run) -> None:
    """Wait for a run with its logs as text, and below them, where a line can be replaced, how it is.

    Raises:
        ActivityFailedException: the run failed.
        ExperimentExecutionException: the waiting was interrupted; the run goes on.
    """
    if not can_redraw(sys.stdout):
        run.wait_for_completion(show_output=True)
        return
    line = LiveLine(sys.stdout, lambda width: _how_it_is(run, width))
    try:
        with redirect_stdout(line):
            run.wait_for_completion(show_output=True)
    finally:
        line.erase()


def _how_it_is(run: Run, width: int) -> str:
    from ..saved.glances import in_words

    store = run.experiment.workspace.store
    record = store.run(run.id)
    words = in_words(glance(store, record), time.time())
    hint = "" if record.status in states.TERMINAL else "  · Ctrl-C stops watching, not the run"
    return f"{words}{hint}" if len(words) + len(hint) <= width else shortened(words, width)


class LiveLine(TextIOBase):
    """Text for a terminal, with one line below it that is replaced; it stands only where a line has been ended.

    Args:
        words: what the line says in at most so many characters.
    """

    def __init__(self, out: TextIO, words: Callable[[int], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._words = words
        self._clock = clock
        self._drawn = False
        self._ended = True
        self._text = ""
        self._next = 0.0

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the terminal."""
        return self._out.encoding

    def write(self, text: str) -> int:
        """Write above the line."""
        if text:
            self.erase()
            self._out.write(text)
            self._ended = text.endswith("\n")
        return len(text)

    def flush(self) -> None:
        """Have it on screen, with the line."""
        now = self._clock()
        stale = now >= self._next
        if self._ended and (stale or not self._drawn):
            if stale:
                self._next = now + _REDRAW_S
                # One column is left free: some terminals begin a new line when the last is written.
                self._text = self._words(max(1, shutil.get_terminal_size().columns - 1))
            self.erase()
            self._out.write(self._styled(self._text))
            self._drawn = True
        self._out.flush()

    def erase(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._out.write(_ERASE)
            self._drawn = False

    def close(self) -> None:
        """Take the line away; what Python does when nobody has this any more would draw it once more."""
        self.erase()

    def _styled(self, text: str) -> str:
        encoding = self._out.encoding or "ascii"
        text = text.encode(encoding, "replace").decode(encoding)
        return text if os.environ.get("NO_COLOR") else f"\x1b[36m{text}\x1b[0m"
