"""What is new of the runs of a workspace, for all views of all of them."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import AzureMLException, NameNotFoundException
from ..runs import status as states
from ..runs.follow import log_files
from ..runs.state_of import StateReader
from ..runs.store import Store
from ..runs.upkeep import keep_up
from .client import Client
from .curve_feed import CurveFeed
from .feed import Feed, Watcher
from .feeder import feeder

_STATE_PAUSE_S = 0.2
_LOOK_AGAIN_S = 2.0
_BATCH_PAUSE_S = 0.015
_TROUBLE_PAUSE_S = 5.0


class RunFeed(Feed):
    """One run, however many views show it."""

    def __init__(self, workspace: WorkspaceFeed, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.ids: dict[tuple[int, int], int] = {}
        self._workspace = workspace
        self._folder = workspace.folder / "runs" / run_id
        self._reader = StateReader(workspace.store, self._folder)
        self._state: dict[str, Any] = {}
        self._next_state = self._next_batch = 0.0
        self._stale = True
        self._over = False
        self._trouble = ""

    # --- from any thread -----------------------------------------------------------------------------------------

    def leave(self, watcher: Watcher) -> None:
        """Tell a widget no more."""
        super().leave(watcher)
        if not self._watchers:
            self._workspace.forget(self)

    def _client(self, name: str) -> Client:
        curves = CurveFeed(self._workspace.store, self.run_id, self.ids)
        return Client(name, self._folder, partial(log_files, self._folder), curves)

    def _be_looked_after(self) -> None:
        self._workspace.wake()

    def _begin_again(self) -> None:
        self._state = {}  # whoever has just come is told what the others know already
        self._stale, self._next_state, self._next_batch = True, 0.0, 0.0
        super()._begin_again()

    # --- from the feeder's thread --------------------------------------------------------------------------------

    def look(self, changed: bool, busy: bool) -> bool:
        """Send what is new; True when something was."""
        now = time.monotonic()
        told = False
        wakes = self._wakes
        self._stale |= changed
        # Files below outputs/ come without a word in the store, so it is looked now and then all the same.
        if now >= self._next_state and (self._stale or now >= self._next_state + _LOOK_AGAIN_S):
            self._stale = False
            self._next_state = now + _STATE_PAUSE_S
            told = self._look_at_state(now)
        if changed:
            for client, _ in self._clients.values():
                client.changed()
        self._forget_silent(busy)
        if now >= self._next_batch:
            self._next_batch = now + _BATCH_PAUSE_S
            told |= self._send_batches(busy)
        self._finish(self._over and not self._stale and self._drained(), wakes)
        return told

    def troubled(self, error: Exception) -> None:
        """Tell the views that a look has failed; the next one is some seconds later."""
        deleted = isinstance(error, NameNotFoundException)
        why = error.message if isinstance(error, AzureMLException) else repr(error)
        again = "" if deleted else " It is tried again every few seconds; the run itself is not concerned."
        self._next_state = self._next_batch = time.monotonic() + _TROUBLE_PAUSE_S
        self._stale, self._finished = True, deleted
        self._tell_trouble(f"This view is not up to date: {why}{again}")

    def _tell_trouble(self, sentence: str) -> None:
        if sentence != self._trouble:
            self._trouble = sentence
            for watcher in self._watchers:
                watcher.trouble(sentence)

    def _look_at_state(self, now: float) -> bool:
        record = self._workspace.store.run(self.run_id)
        state = asdict(self._reader.read(record, time.time()))
        self._over = record.status in states.TERMINAL
        self._tell_trouble("")
        if not self._worth_telling(state, now):
            return False
        self._state, self._told = state, now
        for watcher in self._watchers:
            watcher.tell(state)
        return True

    def _worth_telling(self, state: dict[str, Any], now: float) -> bool:
        """Whether it is news: sizes that grow are so now and then, and nearly nothing is where nobody looks."""
        told = self._state
        if not self._clients and told:
            return any(state[name] != told[name] for name in ("status", "display_name"))
        if all(state[name] == before for name, before in told.items() if name not in _SIZES) and told:
            grown = any(state[name] != told[name] for name in _SIZES - {"now"})
            return grown and (self._over or now >= self._told + _LOOK_AGAIN_S)
        return True

    _told = 0.0


_SIZES = {"now", "logs", "output_count", "output_bytes"}


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

    def forget(self, run: RunFeed) -> None:
        """Nobody shows the run any more."""
        with self._lock:
            self._runs = {run_id: one for run_id, one in self._runs.items() if one is not run}

    def wake(self) -> None:
        """There is something to do."""
        feeder.feed(self)

    def wants_more(self) -> bool:
        """See :class:`~.feeder.Fed`."""
        return any(run.wants_more() for run in list(self._runs.values()))

    def look(self, busy: bool) -> bool:
        """See :class:`~.feeder.Fed`."""
        runs = [run for run in list(self._runs.values()) if run.wants_more()]
        try:
            changed = self.store.changed()
            keep_up(self.folder, self.store)
        except AzureMLException as error:
            for run in runs:
                run.troubled(error)
            return False
        news = False
        for run in runs:
            try:
                news |= run.look(changed, busy)
            except Exception as error:  # noqa: BLE001 - the view says it; the views of other runs go on
                run.troubled(error)
        return news


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
