"""A run put into the dictionaries of the SDK: details, error, detailed status (azureml-v1.md sections 9.2 and 9.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.lineage import data_definitions, input_datasets, output_datasets
from ..environment.output.terminal_text import plain_line
from ..submission.data import JobData
from . import status as states
from .artifacts import list_artifacts
from .ending import tail
from .follow import log_files
from .record import RunRecord

if TYPE_CHECKING:
    from .store import Store

_TAIL_LINES = 20
_TRACEBACK_LINES = 60
_LINE_CHARACTERS = 500


def details(store: Store, run_folder: Path, run: RunRecord) -> dict[str, Any]:
    """What ``Run.get_details`` returns; log files are given by their paths on this machine."""
    data = data_of_run(run)
    found: dict[str, Any] = {
        "runId": run.id,
        "target": run.target,
        "status": run.status,
        # Scripts ask whether the key is there, as the SDK leaves out what is not known yet.
        **{key: _utc(at) for key, at in (("startTimeUtc", run.started), ("endTimeUtc", run.ended)) if at is not None},
        "properties": store.properties(run.id),
        "inputDatasets": input_datasets(data),
        "outputDatasets": output_datasets(store, run.id, data) if run.status in states.TERMINAL else [],
        "runDefinition": run_definition(run),
        "logFiles": {
            artifact.name: str(run_folder / artifact.name)
            for artifact in list_artifacts(run_folder)
            if not artifact.name.startswith("outputs/")
        },
    }
    notes = run.snapshot.get("notes") or ()
    if notes:
        found["warnings"] = [{"source": "jupyter_amltrain", "message": note} for note in notes]
    if run.status == states.FAILED:
        found["error"] = error(run, run_folder)
    return found


def error(run: RunRecord, run_folder: Path) -> dict[str, Any]:
    """Why a run failed; ``details`` are the last lines of its log, a traceback whole."""
    ended = run.exit or {}
    known = run.error or {}
    if ended:
        code = "SystemError" if ended.get("infrastructure") else "UserError"
    else:
        code = known.get("code") or "SystemError"
    return {
        "error": {
            "code": code,
            "message": known.get("message") or ended.get("reason") or run.reason or "The reason is not known.",
            "messageParameters": {},
            "details": last_lines(log_tail(run_folder)),
        },
        "environment": run.engine,
        "location": run.target,
        "time": _utc(run.ended),
    }


def detailed_status(store: Store, run_folder: Path, run: RunRecord, now: float) -> dict[str, Any]:
    """State, why, since when, and the last line that the run wrote; ``details`` is the SDK's name for why.

    ``elapsed_s`` is how long it has been in its state, of a run that is over how long it took from its submit.
    """
    since = run.ended or state_since(store, run)
    lines = last_lines(log_tail(run_folder))
    why = reason(store, run)
    return {
        "status": run.status,
        "details": why or None,
        "reason": why,
        "since": _utc(since),
        "elapsed_s": run.ended - run.created if run.ended else max(0.0, now - since),
        "last_log_line": lines[-1] if lines else "",
    }


def reason(store: Store, run: RunRecord) -> str:
    """Why a run is in its state, as of now."""
    return store.queue_reason(run) if run.status == states.QUEUED else run.reason


def state_since(store: Store, run: RunRecord) -> float:
    """When the run came into its present state; a new reason is not a new state."""
    since = run.created
    previous = ""
    for change in store.transitions(run.id):
        if change.status != previous:
            since, previous = change.at, change.status
    return since


def log_tail(run_folder: Path) -> str:
    """The end of the newest log that holds anything."""
    for name in reversed(log_files(run_folder)):
        text = tail(run_folder / name)
        if text.strip():
            return text
    return ""


def last_lines(text: str) -> list[str]:
    """The last lines of a log as a screen would show them, from the beginning of a traceback when it ends with one."""
    lines = text.rstrip().split("\n")[-_TRACEBACK_LINES:]
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    first = min([len(lines) - _TAIL_LINES, *starts[-1:]])
    shown = [plain_line(line)[:_LINE_CHARACTERS] for line in lines[max(0, first) :]]
    return [line for line in shown if line.strip()]


def run_definition(run: RunRecord) -> dict[str, Any]:
    """What was submitted, with the keys of the SDK; the environment has its passwords masked."""
    asked = run.definition
    return {
        "script": asked.get("script") or None,
        "command": list(asked.get("command") or ()),
        "arguments": list(asked.get("arguments") or ()),
        "sourceDirectory": asked.get("source_directory"),
        "framework": "Python",
        "communicator": "None",
        "target": run.target,
        **data_definitions(data_of_run(run)),
        "maxRunDurationSeconds": asked.get("max_run_duration_seconds"),
        "nodeCount": run.nodes,
        "environment": _environment(asked.get("environment")),
        "environmentVariables": dict(asked.get("environment_variables") or {}),
        "history": {"outputCollection": True, "directoriesToWatch": ["logs"], "snapshotProject": True},
        "docker": {"useDocker": run.engine != "local", "shmSize": (asked.get("environment") or {}).get("shm_size")},
    }


def data_of_run(run: RunRecord) -> tuple[JobData, ...]:
    """What data it reads and writes."""
    return tuple(JobData(**item) for item in run.definition.get("data") or ())


def _environment(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not spec:
        return None
    from ..environment.spec import Environment

    plain: dict[str, Any] = json.loads(repr(Environment._from_spec(spec)))
    return plain


def _utc(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
