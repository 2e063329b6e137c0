"""TensorBoard's event files that a job writes are read where they lie on this machine; the job does nothing for it."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .record import NewPoint, RunRecord
from .tfevents import Scalar, read_scalars

if TYPE_CHECKING:
    from .store import Store

SOURCE = "tensorboard"

_MARK = ".tfevents."
_EVERY_S = 1.0
_BUDGET_S = 0.03
_BLOCK_BYTES = 256 << 10
_NOT_ENTERED = ("__pycache__", "node_modules")
_INTEGERS = 2**63


class EventFiles:
    """The event files below the working folder of a run.

    Where a file was read up to is stored together with its values, so each is taken in once, whoever is killed when.

    Args:
        folder: the working folder on this machine.
        tell: told in a sentence of a file that cannot be read.
    """

    def __init__(self, store: Store, run: RunRecord, folder: Path, tell: Callable[[str], None]) -> None:
        self._store = store
        self._run = run
        self._folder = folder
        self._tell = tell
        self._positions = store.event_files(run.id)
        self._damaged: set[str] = set()
        self._walk = self._files()
        self._next = time.monotonic() + _EVERY_S

    def look(self) -> None:
        """Take in what is new, if it is time to; never for long, since the job's output waits meanwhile."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY_S
        end = now + _BUDGET_S
        for path in list(self._positions):
            if self._read(path) and time.monotonic() > end:
                return
        # A large folder is gone through a little at a time.
        for path in self._walk:
            if path:
                self._read(path)
            if time.monotonic() > end:
                return
        self._walk = self._files()

    def finish(self) -> None:
        """Take in all that there is: the job has ended."""
        for path in self._files():
            while path and self._read(path):
                pass

    def _files(self) -> Iterator[str]:
        """Event files below the folder, as paths relative to it, with "" after each folder that was gone through."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(self._folder / folder) as entries:
                    for entry in entries:
                        path = f"{folder}/{entry.name}" if folder else entry.name
                        # No link is followed: it may lead anywhere.
                        if entry.is_dir(follow_symlinks=False):
                            if not entry.name.startswith(".") and entry.name not in _NOT_ENTERED:
                                waiting.append(path)
                        elif _MARK in entry.name:
                            yield path
            except OSError:
                continue
            yield ""

    def _read(self, path: str) -> bool:
        """Take in the next block of a file; whether there was one."""
        position = self._positions.get(path, 0)
        if path in self._damaged:
            return False
        try:
            data = _read_block(self._folder / path, position)
            scalars, length = read_scalars(data)
        except (OSError, ValueError) as error:
            self._damaged.add(path)
            self._tell(f"The event file {path} is not read any further: {error}.")
            return False
        if not length:
            return False
        first = next(iter(self._positions), path)
        points = [_point(scalar, path, first) for scalar in scalars if _is_storable(scalar)]
        self._store.take_in_events(self._run, path, position + length, points)
        self._positions[path] = position + length
        return True


def _read_block(path: Path, position: int) -> bytes:
    """Bytes of a plain file from a position on; nothing of a pipe or device, which could keep us waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        data = os.pread(descriptor, _BLOCK_BYTES, position)
        # One record may be longer than a block.
        return data if len(data) < _BLOCK_BYTES else data + os.pread(descriptor, 1 << 20, position + len(data))
    finally:
        os.close(descriptor)


def _is_storable(scalar: Scalar) -> bool:
    return abs(scalar.at) < _INTEGERS and -_INTEGERS <= scalar.step < _INTEGERS


def _point(scalar: Scalar, path: str, first: str) -> NewPoint:
    name = metric_name(scalar.tag, os.path.dirname(path), os.path.dirname(first))
    return NewPoint(name, "scalar", scalar.value, scalar.step, scalar.at, 0, source=SOURCE)


def metric_name(tag: str, folder: str, first: str) -> str:
    """Name of a metric: the tag, and in front of it the folder of the file where there are several.

    The folder is taken from that of the first file on, which is mostly the whole; Keras has one for training and one
    for validation beside each other, which both are named.
    """
    if os.path.basename(first) == "train":
        first = os.path.dirname(first)
    way = os.path.relpath(folder or ".", first or ".")
    parts = [part for part in way.split(os.sep) if part not in (".", "..")]
    return "/".join([*parts, tag])
