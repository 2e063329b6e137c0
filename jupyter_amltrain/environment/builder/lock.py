"""One process at a time makes an image or a virtual environment: a file lock that dies with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...engines.protocol import Preparation
from ...errors import CanceledException, StoreException
from ...home import advice_for, home_folder, made_folder

_LOOK_EVERY_S = 0.1


def lock_path(key: str) -> Path:
    """The lock file of what ``key`` (a file name) stands for."""
    return made_folder(home_folder() / "locks") / f"{key}.lock"


@contextmanager
def held(path: Path, what: str, log: Preparation) -> Iterator[tuple[int, bool]]:
    """Hold a lock; gives its descriptor, for processes that are to hold it too, and whether it was waited for.

    Whoever waits says so in its log, with what the other one makes. The lock is free as soon as the last process that
    holds it is gone, however it went.

    Args:
        what: what is made while it is held, for those who wait.

    Raises:
        CanceledException: the user gave up waiting.
        StoreException: the lock file cannot be made.
    """
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreException(
            f"The lock file {path} cannot be made: {error.strerror}. {advice_for(error)}", inner_exception=error
        ) from error
    try:
        waited = not _taken(lock)
        if waited:
            _wait(lock, path, log)
        with contextlib.suppress(OSError):  # the disk is full; it is only for those who wait
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"process {os.getpid()} ({what})".encode(), 0)
        yield lock, waited
    finally:
        os.close(lock)


@contextmanager
def free(path: Path) -> Iterator[bool]:
    """Whether nobody holds a lock now; when so, it is held meanwhile."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield False
        return
    try:
        yield _taken(lock)
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(lock: int, path: Path, log: Preparation) -> None:
    holder = path.read_text(encoding="utf-8", errors="replace") or "another process"
    log.phase(f"waiting for {holder}")
    log.write(f"Waiting for {holder}, which makes the same.\n".encode())
    while not _taken(lock):
        if log.canceled():
            raise CanceledException(f"Canceled while waiting for {holder}, which goes on.")
        time.sleep(_LOOK_EVERY_S)
