"""One process at a time makes an image or a virtual environment: a file lock that dies with its holder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...engines.protocol import Preparation
from ...errors import CanceledException, StoreException
from ...file_lock import open_lock, sign, take
from ...home import home_folder, made_folder

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
    lock = open_lock(path)
    try:
        waited = not take(lock)
        if waited:
            _wait(lock, path, log)
        sign(lock, f"process {os.getpid()} ({what})")
        yield lock, waited
    finally:
        os.close(lock)


@contextmanager
def free(path: Path) -> Iterator[bool]:
    """Whether nobody holds a lock now; when so, it is held meanwhile."""
    try:
        lock = open_lock(path)
    except StoreException:
        yield False
        return
    try:
        yield take(lock)
    finally:
        os.close(lock)


def _wait(lock: int, path: Path, log: Preparation) -> None:
    holder = path.read_text(encoding="utf-8", errors="replace") or "another process"
    log.phase(f"waiting for {holder}")
    log.write(f"Waiting for {holder}, which makes the same.\n".encode())
    while not take(lock, _LOOK_EVERY_S):
        if log.canceled():
            raise CanceledException(f"Canceled while waiting for {holder}, which goes on.")
