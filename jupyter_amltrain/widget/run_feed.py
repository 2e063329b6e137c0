"""What is new of the runs of a workspace, for all views of all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AzureMLException
from ..runs import status as states
from ..runs.state_of import StateReader
from ..runs.store import Store
from ..runs.upkeep import keep_up
from .client import Client
from .feeder import feeder

if TYPE_CHECKING:
    from ..runs.record import RunRecord

Send = Callable[[dict[str, Any], list[bytes]], None]

_STATE_PAUSE_S = 0.2
_LOOK_AGAIN_S = 2.0
_BATCH_PAUSE_S = 0.015


class RunFeed:
    """One run, however many views show it."""

    def __init__(self, workspace: WorkspaceFeed, run_id: str) -> None:
        self.run_id = run_id
        self.ids: dict[tuple[int, int], int] = {}
        self._workspace = workspace
        self._folder = workspace.folder / "runs" / run_id
        self._reader = StateReader(workspace.store, self._folder)
        self._listeners: tuple[Callable[[dict[str, Any]], None], ...] = ()
        self._clients: dict[str, tuple[Client, Send]] = {}
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {}
        self._next_state = self._next_batch = 0.0
        self._stale = True
        self._record: RunRecord | None = None

    # --- from any thread -----------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Have a widget told of every change of the run's state."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        self._stale = True
        self._workspace.wake()

    def leave(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Tell a widget no more."""
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one != listener)

    def open(self, name: str, send: Send) -> None:
        """A view is drawn: from now on it is sent what there is, then what is new."""
        with self._lock:
            client = Client(name, self._workspace.store, self.run_id, self._folder, self.ids)
            self._clients = {**self._clients, name: (client, send)}
        self._workspace.wake()

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
        self._workspace.wake()

    # --- from the feeder's thread --------------------------------------------------------------------------------

    def wants_more(self) -> bool:
        """Whether anybody looks at it, and something is still to be sent or to happen."""
        if not self._listeners:
            return False
        over = self._record is not None and self._record.status in states.TERMINAL
        return not over or not self._state or any(not client.drained() for client, _ in self._clients.values())

    def look(self, changed: bool, busy: bool) -> bool:
        """Send what is new; True when something was."""
        now = time.monotonic()
        told = False
        self._stale |= changed
        # Files below outputs/ come without a word in the store, so it is looked now and then all the same.
        if now >= self._next_state and (self._stale or now >= self._next_state + _LOOK_AGAIN_S):
            self._stale = False
            self._next_state = now + _STATE_PAUSE_S
            told = self._look_at_state()
        clients = self._clients
        for name, (client, _) in clients.items():
            if changed:
                client.changed()
            if client.forgotten():
                self.close(name)
        if now < self._next_batch:
            return told
        for client, send in clients.values():
            while (found := client.batch(busy)) is not None:
                send(*found)
                told = True
        self._next_batch = now + _BATCH_PAUSE_S
        return told

    def _look_at_state(self) -> bool:
        self._record = self._workspace.store.run(self.run_id)
        state = asdict(self._reader.read(self._record, time.time()))
        before = {**self._state, "now": state["now"]}
        if state == before:
            return False
        self._state = state
        for listener in self._listeners:
            listener(state)
        return True


class WorkspaceFeed:
    """The runs of one workspace that are shown: one look at its database is enough for all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder)
        self._runs: dict[str, RunFeed] = {}
        self._lock = threading.Lock()

    def run(self, run_id: str) -> RunFeed:
        """The feed of one run, the same for all its views."""
        with self._lock:
            return self._runs.get(run_id) or self._runs.setdefault(run_id, RunFeed(self, run_id))

    def wake(self) -> None:
        """There is something to do."""
        feeder.feed(self)

    def wants_more(self) -> bool:
        """See :class:`~.feeder.Fed`."""
        return any(run.wants_more() for run in list(self._runs.values()))

    def look(self, busy: bool) -> bool:
        """See :class:`~.feeder.Fed`."""
        try:
            changed = self.store.changed()
            keep_up(self.folder, self.store)
            runs = [run for run in list(self._runs.values()) if run.wants_more()]
            news = False
            for run in runs:
                news |= run.look(changed, busy)
            return news
        except AzureMLException:
            # A full disk, or a workspace that is being deleted: whoever looks again sees it, and a request says why.
            return False


_workspaces: dict[Path, WorkspaceFeed] = {}
_lock = threading.Lock()


def feed_of(workspace_folder: Path, run_id: str) -> RunFeed:
    """The feed of a run in this process.

    Raises:
        NameNotFoundException: there is no such run.
    """
    with _lock:
        workspace = _workspaces.get(workspace_folder) or _workspaces.setdefault(
            workspace_folder, WorkspaceFeed(workspace_folder)
        )
    workspace.store.run(run_id)
    return workspace.run(run_id)
