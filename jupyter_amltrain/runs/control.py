"""Canceling a run, from any process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import status as states
from .folder import SUPERVISOR_LOCK
from .launch import start_supervisor
from .lock import is_free

if TYPE_CHECKING:
    from .store import Store


def cancel(workspace_folder: Path, store: Store, run_id: str) -> bool:
    """Ask a run to end: at once when it waits, else by the ladder SIGINT, SIGTERM, SIGKILL. False when it was over.

    Returns before the job has ended; what it wrote until then is kept.
    """
    if store.move(run_id, states.CANCELED, "canceled while it waited", only_from=states.WAITING):
        return True
    live = tuple(state for state in states.ACTIVE if state != states.CANCEL_REQUESTED)
    requested = store.move(run_id, states.CANCEL_REQUESTED, "cancel requested", only_from=live)
    if requested and is_free(workspace_folder / "runs" / run_id / SUPERVISOR_LOCK):
        start_supervisor(workspace_folder, run_id)
    return requested


def fail(workspace_folder: Path, store: Store, run_id: str, error: Mapping[str, Any]) -> bool:
    """End a run as one that failed, for a reason that somebody else knows. False when it was over."""
    told = {"message": "failed from outside, by run.fail()", **error, "told": True}
    if store.move(run_id, states.FAILED, str(told["message"]), only_from=states.WAITING, error=told):
        return True
    if store.run(run_id).status in states.TERMINAL:
        return False
    store.update_run(run_id, error=told)
    return cancel(workspace_folder, store, run_id)
