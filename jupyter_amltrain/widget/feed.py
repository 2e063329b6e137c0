"""What is shown in views, however many there are: who is told of it, and what each view was sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from .client import Client

Send = Callable[[dict[str, Any], list[bytes]], None]


class Watcher(Protocol):
    """A widget. It is told from whatever thread."""

    def tell(self, state: dict[str, Any]) -> None:
        """The state of what it shows has changed."""

    def trouble(self, sentence: str) -> None:
        """The view cannot be brought up to date, and why; "" when it can be again."""


class Feed:
    """One thing that views show; all but :meth:`look` may be called from any thread."""

    def __init__(self) -> None:
        self._watchers: tuple[Watcher, ...] = ()
        self._clients: dict[str, tuple[Client, Send]] = {}
        self._lock = threading.Lock()
        self._finished = False
        self._wakes = 0

    def watch(self, watcher: Watcher) -> None:
        """Have a widget told of every change of the state."""
        with self._lock:
            self._watchers = (*self._watchers, watcher)
        self._begin_again()

    def leave(self, watcher: Watcher) -> None:
        """Tell a widget no more."""
        with self._lock:
            self._watchers = tuple(one for one in self._watchers if one is not watcher)

    def open(self, name: str, send: Send) -> None:
        """A view is drawn: from now on it is sent what there is, then what is new."""
        with self._lock:
            self._clients = {**self._clients, name: (self._client(name), send)}
        self._begin_again()

    def client(self, name: str) -> Client | None:
        """A view by the name that it gave itself, None when it is not known."""
        found = self._clients.get(name)
        return found[0] if found else None

    def names(self) -> list[str]:
        """The views that there are."""
        return list(self._clients)

    def close(self, name: str) -> None:
        """A view is gone."""
        with self._lock:
            self._clients = {other: client for other, client in self._clients.items() if other != name}

    def wake(self) -> None:
        """A view has room again, or wants something else."""
        with self._lock:
            self._finished = False
            self._wakes += 1
        self._be_looked_after()

    def wants_more(self) -> bool:
        """Whether anybody looks at it, and something is still to be sent or to happen."""
        return bool(self._watchers) and not self._finished

    def _begin_again(self) -> None:
        self.wake()

    def _be_looked_after(self) -> None:
        """Have the feeder look at this again."""
        raise NotImplementedError

    def _client(self, name: str) -> Client:
        raise NotImplementedError

    # --- from the feeder's thread --------------------------------------------------------------------------------

    def _forget_silent(self, busy: bool) -> None:
        for name, (client, _) in self._clients.items():
            if client.forgotten(busy):
                self.close(name)

    def _send_batches(self, busy: bool) -> bool:
        told = False
        for client, send in self._clients.values():
            while (found := client.batch(busy)) is not None:
                send(*found)
                told = True
        return told

    def _drained(self) -> bool:
        return all(client.drained() for client, _ in self._clients.values())

    def _finish(self, drained: bool, wakes: int) -> None:
        """It wants no more when all is sent, unless somebody has asked for more since there were ``wakes``."""
        with self._lock:
            self._finished = drained and wakes == self._wakes
