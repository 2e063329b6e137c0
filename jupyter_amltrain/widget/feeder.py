"""The one thread of a kernel that looks for what is new of all runs that are shown."""

from __future__ import annotations

import os
import threading
import time
from typing import Protocol

_LOOK_S = 0.01
_IDLE_LOOK_S = 0.05
_IDLE_AFTER_S = 10.0


class Fed(Protocol):
    """Something that wants to be looked after."""

    def look(self, busy: bool) -> bool:
        """Send what is new; True when something was. May be called from the feeder's thread alone."""

    def wants_more(self) -> bool:
        """Whether something can still become new."""


class Feeder:
    """Looks after runs in turn, for as long as there are any; the thread ends with the last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fed: list[Fed] = []
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._again = threading.Event()
        self._cells = 0

    def feed(self, one: Fed) -> None:
        """Look after this, too; at once."""
        with self._lock:
            if one not in self._fed:
                self._fed.append(one)
            if self._pid != os.getpid() or self._thread is None:
                self._pid = os.getpid()  # a fork has no threads but the one that forked
                self._thread = threading.Thread(target=self._run, name="amltrain-feeder", daemon=True)
                self._thread.start()
        self._again.set()

    def cell_begins(self, *_: object) -> None:
        """The kernel has begun with a cell."""
        self._cells = 1

    def cell_ends(self, *_: object) -> None:
        """The kernel waits for the next cell."""
        self._cells = 0

    def _run(self) -> None:
        try:
            last_news = time.monotonic()
            while fed := self._wanting():
                for one in fed:
                    if one.look(bool(self._cells)):
                        last_news = time.monotonic()
                idle = time.monotonic() - last_news > _IDLE_AFTER_S
                self._again.wait(_IDLE_LOOK_S if idle else _LOOK_S)
                self._again.clear()
        finally:
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _wanting(self) -> list[Fed]:
        """Those that still want to be looked after; with the last of them the thread is given up."""
        with self._lock:
            self._fed = [one for one in self._fed if one.wants_more()]
            if not self._fed:
                self._thread = None
            return list(self._fed)


feeder = Feeder()
"""The kernel's one."""
