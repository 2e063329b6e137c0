"""Reading BuildKit's progress as ``docker build --progress=plain`` prints it, for want of a machine's form. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace

from .buildkit import Event, Vertex, VertexLog

_LINE = re.compile(r"#(\d+) (.*)")
_OUTPUT = re.compile(r"\d+\.\d+ (.*)")
_DONE = re.compile(r"DONE (\d+(?:\.\d+)?)s$")
_ERROR = re.compile(r"(?:ERROR: |error: )?(failed to solve.*|.*did not complete successfully.*|executor failed.*)")


class PlainProgress:
    """Lines, one after the other → the events that the engine's own API would have sent.

    Attributes:
        error: why it failed, as the last lines say it; "" while they say nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.error = ""
        self._clock = clock
        self._steps: dict[str, Vertex] = {}

    def take(self, line: str) -> list[Event]:
        """The events that one line tells."""
        found = _LINE.fullmatch(line)
        if not found:
            self._take_end(line.strip())
            return []
        key, text = found.groups()
        step = self._steps.get(key)
        if step is None:
            return [self._kept(Vertex(key, text, started=self._clock()))]
        output = _OUTPUT.fullmatch(text)
        if output:
            return [VertexLog(key, 1, f"{output[1]}\n".encode())]
        done = _DONE.match(text)
        assert step.started is not None
        if done:
            return [self._kept(replace(step, completed=step.started + float(done[1])))]
        if text == "CACHED":
            return [self._kept(replace(step, cached=True, completed=step.started))]
        if text == "CANCELED" or text.startswith("ERROR"):
            why = "context canceled" if text == "CANCELED" else text.partition(" ")[2] or "failed"
            return [self._kept(replace(step, completed=self._clock(), error=why))]
        return []  # its name again after another one's output, its digest, or what an export is at

    def _kept(self, step: Vertex) -> Vertex:
        self._steps[step.digest] = step
        return step

    def _take_end(self, text: str) -> None:
        found = _ERROR.fullmatch(text)
        if found:
            self.error = found[1]
        elif text.startswith(("ERROR: ", "error: ")) or (text and not self._steps):
            self.error = text.partition(": ")[2] if text.lower().startswith("error: ") else text
