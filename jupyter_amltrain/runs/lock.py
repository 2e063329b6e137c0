"""One supervisor per run: a file lock that the system drops when its holder dies, however it dies."""

from __future__ import annotations

import os
from pathlib import Path

from ..file_lock import locked_if_free, open_lock, sign, take


class RunLock:
    """The lock of one run. The one who holds it is the run's supervisor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, patience_s: float = 0.0) -> bool:
        """Take the lock; False when another process keeps it for ``patience_s`` seconds.

        Patience is for :meth:`is_free`, which holds it for some microseconds.
        """
        descriptor = open_lock(self._path)
        if not take(descriptor, patience_s):
            os.close(descriptor)
            return False
        sign(descriptor, str(os.getpid()))
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock now, so that the run has no supervisor."""
    if not path.exists():
        return True
    with locked_if_free(path) as free:
        return free
