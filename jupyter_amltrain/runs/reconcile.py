"""Sets right what a dead process left behind: whoever opens a workspace, or waits for a run, calls this."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import status as states
from .folder import SUPERVISOR_LOCK
from .launch import start_supervisor
from .lock import is_free
from .owner import how_it_went
from .record import SCRIPT_RUN, Change, RunRecord

if TYPE_CHECKING:
    from .store import Store

_YOUNG_S = 1.5
"""A run that changed state this lately may have a supervisor that is just starting."""


def reconcile(workspace_folder: Path, store: Store) -> None:
    """Give each live run that has no supervisor a new one, and free slots to those who wait.

    The new supervisor re-attaches, or closes the run with the reason when its job is gone. A run that nothing executes
    is closed when the process that logged to it is gone. Costs one query where nothing is live.
    """
    live = store.runs(status=(*states.ACTIVE, states.QUEUED), children=True)
    for run in live:
        if run.type != SCRIPT_RUN:
            _close_if_left(store, run)
            continue
        if run.status == states.QUEUED:
            continue
        last_change = max((change.at for change in store.transitions(run.id)), default=run.created)
        if time.time() - last_change < _YOUNG_S:
            continue
        if is_free(workspace_folder / "runs" / run.id / SUPERVISOR_LOCK):
            start_supervisor(workspace_folder, run.id)
    for target in {run.target for run in live if run.status == states.QUEUED}:
        start_waiting(workspace_folder, store, target)


def _close_if_left(store: Store, run: RunRecord) -> None:
    """Close a run whose kernel is gone; what a job makes below its own has no owner and ends with the job."""
    told = how_it_went(run.handle) if run.handle else ""
    if not told:
        return
    how: dict[str, object] = {"status": states.FAILED, "error": {"code": "UserError", "message": told}}
    if run.parent and (of_parent := store.run(run.parent).status) in (states.COMPLETED, states.CANCELED):
        how = {"status": of_parent}  # as for a child that a script left open
    store.end_logged_run(run, Change("state", "", how, time.time()))


def start_waiting(workspace_folder: Path, store: Store, target: str) -> None:
    """Start the runs that have waited longest for a target, as many as it has room for."""
    while run_id := store.claim_next(target):
        start_supervisor(workspace_folder, run_id)
