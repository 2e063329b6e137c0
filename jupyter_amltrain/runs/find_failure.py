"""Collects what is there about a failed run, for :mod:`.failure` to tell why it failed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..compute.host import host_capacity
from ..engines.protocol import Exit
from ..errors import AzureMLException
from ..home import home_folder
from .circumstances import circumstances
from .description import log_tail
from .ending import tail
from .failure import failure_of
from .folder import DRIVER_LOG, code_folder
from .record import RunRecord
from .run_state import Failure

if TYPE_CHECKING:
    from .store import Store

_TAIL_BYTES = 512 << 10
"""Of a job of many ranks each prints its traceback, and its launcher a summary."""


def find_failure(store: Store, run_folder: Path, record: RunRecord, *, isolated: bool) -> Failure:
    """Why a run failed; reads its log's end and the names of its snapshot."""
    folder = str(record.definition.get("source_directory") or "")
    about = circumstances(
        record,
        code_folder(run_folder),
        home_folder(),
        _names(run_folder, record),
        isolated=isolated,
        host_memory_bytes=host_capacity().memory_bytes,
        peak_memory_bytes=_peak_memory(store, record),
        # A relative path is one from the folder that was submitted; an absolute one stays what it is.
        is_here=lambda path: os.path.exists(os.path.join(folder, path)),
    )
    message = str((record.error or {}).get("message") or record.reason)
    log = tail(run_folder / DRIVER_LOG, _TAIL_BYTES) if record.exit else log_tail(run_folder)
    return failure_of(Exit(**record.exit) if record.exit else None, message, log, about)


def _names(run_folder: Path, record: RunRecord) -> frozenset[str]:
    from ..submission.snapshot import read_manifest

    snapshot_id = record.definition.get("snapshot_id")
    if not snapshot_id:
        return frozenset()
    try:
        snapshot = read_manifest(snapshot_id, run_folder.parents[1] / "objects")
    except AzureMLException:
        return frozenset()  # it was deleted, or is damaged: the failure is told without it
    return frozenset(entry.path for entry in snapshot.entries)


def _peak_memory(store: Store, record: RunRecord) -> int | None:
    known = (record.exit or {}).get("peak_memory_bytes")
    if known:
        return int(known)
    seen = [point.value for point in store.sample_metric(record.id, "system/memory", 500)]
    return int(max(seen)) if seen else None
