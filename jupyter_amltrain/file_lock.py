"""File locks: the system drops one when the last process that holds it is gone, however it went."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import StoreException
from .home import advice_for

_LOOK_EVERY_S = 0.005


def open_lock(path: Path) -> int:
    """The descriptor of a lock file, which is made when missing; to close it gives the lock back.

    Raises:
        StoreException: the file cannot be made.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreException(
            f"The lock file {path} cannot be made: {error.strerror}. {advice_for(error)}", inner_exception=error
        ) from error


def take(lock: int, patience_s: float = 0.0) -> bool:
    """Hold an open lock; False when another process kept it for ``patience_s`` seconds."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        time.sleep(_LOOK_EVERY_S)


def sign(lock: int, text: str) -> None:
    """Write into a lock file who holds it, for those who wait and people who look."""
    with suppress(OSError):  # the disk is full; the lock holds all the same
        os.ftruncate(lock, 0)
        os.pwrite(lock, text.encode(), 0)


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[int]:
    """Hold a lock, after whoever has it now; gives its descriptor, for processes that are to hold it too.

    Args:
        shared: others may hold it at the same time if they share it, too.

    Raises:
        StoreException: the file cannot be made.
    """
    lock = open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


@contextmanager
def locked_if_free(path: Path, patience_s: float = 0.0) -> Iterator[bool]:
    """Hold a lock unless another process keeps it for ``patience_s`` seconds; gives whether it is held.

    Raises:
        StoreException: the file cannot be made.
    """
    lock = open_lock(path)
    try:
        yield take(lock, patience_s)
    finally:
        os.close(lock)
