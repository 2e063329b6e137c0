"""The steps of a build or a pull as they go, told to the ``Preparation`` that a person watches."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...engines.protocol import Preparation, Step
from .installer import InstallerOutput
from .terminal_text import plain_line

KEPT_LINES = 200
"""How many of a step's last lines are kept, for a failure to be told from."""

SHOWN_LINES = 8
"""How many of them a view gets."""

_PHASE_EVERY_S = 0.25


@dataclass
class _Kept:
    step: Step
    began: float = 0.0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    shown: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN_LINES))
    installer: InstallerOutput = field(default_factory=InstallerOutput)


class Steps:
    """The steps of one piece of work.

    Args:
        prefix: tells their keys from those of other work in the same preparation.
        clock: seconds that only grow.
    """

    def __init__(self, log: Preparation, prefix: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._prefix = prefix
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._phase_told = 0.0

    def announce(self, key: str, name: str) -> None:
        """There will be this step."""
        if key not in self._kept:
            self._tell(key, _Kept(Step(f"{self._prefix} {key}", name, "waiting")))

    def begin(self, key: str, name: str) -> None:
        """It runs."""
        kept = self._kept.get(key) or _Kept(Step(f"{self._prefix} {key}", name))
        kept.began = self._clock()
        kept.step = replace(kept.step, name=name, state="running")
        self._tell(key, kept)

    def line(self, key: str, text: str) -> None:
        """It printed a line."""
        kept = self._kept.get(key)
        if kept is None:
            return
        plain = plain_line(text)
        kept.lines.append(plain)
        if not plain.strip():
            return
        kept.shown.append(plain)
        kept.step = replace(kept.step, tail=tuple(kept.shown))
        found = kept.installer
        found.take(plain)
        if found.detail or found.total:
            kept.step = replace(kept.step, current=found.current, total=found.total, detail=found.detail)
        self._tell(key, kept)

    def progress(self, key: str, current: int, total: int, detail: str = "") -> None:
        """It got that far."""
        kept = self._kept.get(key)
        if kept is not None:
            kept.step = replace(kept.step, current=current, total=total, detail=detail)
            self._tell(key, kept)

    def end(self, key: str, state: str = "done", seconds: float | None = None) -> None:
        """It is over, in the way that ``state`` says; nothing happens when it was over before."""
        kept = self._kept.get(key)
        if kept is None or kept.step.state not in ("running", "waiting"):
            return
        if seconds is None:
            seconds = self._clock() - kept.began if kept.step.state == "running" else 0.0
        kept.step = replace(kept.step, state=state, seconds=seconds)
        self._tell(key, kept)

    def end_all(self, state: str) -> None:
        """All that still run are over."""
        for key, kept in list(self._kept.items()):
            if kept.step.state == "running":
                self.end(key, state)

    def lines(self, key: str) -> list[str]:
        """The last lines that it printed."""
        kept = self._kept.get(key)
        return list(kept.lines) if kept else []

    def phase(self, text: str) -> None:
        """Say how far it is, now and then: others write every phase to a database."""
        now = self._clock()
        if now - self._phase_told >= _PHASE_EVERY_S:
            self._phase_told = now
            self._log.phase(text)

    def _tell(self, key: str, kept: _Kept) -> None:
        if kept.step.state == "running":
            kept.step = replace(kept.step, seconds=self._clock() - kept.began)
        self._kept[key] = kept
        self._log.step(kept.step)
