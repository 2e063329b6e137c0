"""What one view has been sent of its run or build, and what it is to be sent next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runs.follow import read_log

if TYPE_CHECKING:
    from .curve_feed import CurveFeed

BATCHES = 8
LOG_BYTES = 256 << 10
BEHIND_BYTES = 4 << 20
_TAIL_BYTES = 256 << 10
_PER_SECOND_BYTES = 12 << 20
_SILENT_S = 5.0
_FORGOTTEN_S = 60.0
_FORGOTTEN_WHILE_BUSY_S = 600.0
_TRICKLE_S = 1.0
_TRICKLE_BYTES = 32 << 10


class Client:
    """One view of one run or build. The feeder's thread asks it for batches; what the front end says comes from others.

    Nothing here waits: a view that does not take in what it was sent is not sent more.

    Args:
        folder: what the names of logs are relative to.
        logs: gives the names of the logs that there are, in the order in which they are to be read.
        curves: what has curves.
    """

    def __init__(self, name: str, folder: Path, logs: Callable[[], list[str]], curves: CurveFeed | None = None) -> None:
        self.name = name
        self._folder = folder
        self._logs = logs
        self._curves = curves
        self._curves_are_new = curves is not None
        self._file, self._offset, self._chosen = "", 0, False
        self._names: list[str] = []
        self._jump: tuple[str, int | None] | None = None
        self._sequence = 0
        self._under_way: deque[int] = deque()
        self._heard = self._sent = time.monotonic()
        self._spent_bytes, self._second = 0, 0

    # --- what the front end says ---------------------------------------------------------------------------------

    def taken(self, sequence: int) -> None:
        """A batch and those before it were taken in."""
        self.alive()
        while self._under_way and self._under_way[0] <= sequence:
            self._under_way.popleft()

    def alive(self) -> None:
        """Something was heard of it."""
        self._heard = time.monotonic()

    def follow_log(self, file: str, start: int | None) -> None:
        """From now on bytes of this log, from ``start`` or from a little before its end on."""
        self.alive()
        self._jump = (file, start)

    # --- what it is sent -----------------------------------------------------------------------------------------

    def changed(self) -> None:
        """The store has news; perhaps of this run."""
        self._curves_are_new = self._curves is not None
        self._names = []

    def forgotten(self, busy: bool) -> bool:
        """Whether nothing was heard of it for so long that nobody can be there; it is longer while a cell runs."""
        patience_s = _FORGOTTEN_WHILE_BUSY_S if busy else _FORGOTTEN_S
        return bool(self._under_way) and time.monotonic() - self._heard > patience_s

    def batch(self, busy: bool) -> tuple[dict[str, Any], list[bytes]] | None:
        """The next message and its buffers, None when there is nothing new or the view has enough for now.

        Args:
            busy: whether the kernel runs a cell, so that the front end's answers may not get through.
        """
        most_bytes = self._room_bytes(busy)
        if not most_bytes:
            return None
        log, buffers = self._log(most_bytes)
        series: list[dict[str, Any]] = []
        values = False
        if self._curves and self._curves_are_new:
            series, columns, self._curves_are_new = self._curves.news()
            values = self._curves.values_changed
            buffers += columns
        if log is None and not series and not values:
            return None
        self._sequence += 1
        self._under_way.append(self._sequence)
        self._sent = time.monotonic()
        self._spent_bytes += sum(map(len, buffers))
        message = {"client": self.name, "kind": "batch", "seq": self._sequence, "log": log, "series": series}
        return {**message, "values": values}, buffers

    def _room_bytes(self, busy: bool) -> int:
        """How much of the log may be in the next batch; 0 when it has to wait."""
        now = time.monotonic()
        if int(now) != self._second:
            self._second, self._spent_bytes = int(now), 0
        if self._spent_bytes >= _PER_SECOND_BYTES:
            return 0
        if len(self._under_way) < BATCHES and (not self._under_way or now - self._heard < _SILENT_S):
            return LOG_BYTES
        return _TRICKLE_BYTES if busy and now - self._sent > _TRICKLE_S else 0

    def drained(self) -> bool:
        """Whether it was sent all that there is."""
        return not self._curves_are_new and self._jump is None and self._offset >= self._size(self._file)

    def _log(self, most_bytes: int) -> tuple[dict[str, Any] | None, list[bytes]]:
        self._choose_file()
        size = self._size(self._file)
        if size - self._offset > BEHIND_BYTES:
            self._offset = size - _TAIL_BYTES
        if self._offset >= size:
            return None, []
        start = self._offset
        data = read_log(self._folder, self._file, start, most_bytes)
        self._offset += len(data)
        return ({"file": self._file, "start": start, "size": max(size, self._offset)}, [data]) if data else (None, [])

    def _choose_file(self) -> None:
        jump, self._jump = self._jump, None
        if jump is not None:
            file, start = jump
            if file in self._logs():
                self._chosen = True
                self._file, self._offset = file, self._tail(file) if start is None else start
        elif not self._chosen:
            self._names = self._names or self._logs()
            # The log of the job takes the place of that of the build, once it has begun.
            newest = next((name for name in reversed(self._names) if name == self._file or self._size(name)), "")
            if newest != self._file:
                self._file, self._offset = newest, self._tail(newest)

    def _tail(self, name: str) -> int:
        return max(0, self._size(name) - _TAIL_BYTES)

    def _size(self, name: str) -> int:
        try:
            return (self._folder / name).stat().st_size if name else 0
        except OSError:
            return 0
