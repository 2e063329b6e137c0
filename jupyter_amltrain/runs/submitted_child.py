"""Runs that a job submits below its own run (``job/python-path/amltrain_job/submitted_child.py`` asks for them).

What a job says is not trusted: its child is the run that the user submitted, with another script of the same snapshot,
other arguments or another command. Nothing is read from the job's folder and no other environment, target or folder of
this machine can be named, so a job can start nothing that it could not do itself.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ExperimentExecutionException, NameNotFoundException, UserErrorException
from ..submission.checks import command_vector, seconds, texts
from ..submission.data import OUTPUT, UPLOAD
from ..submission.job import RunDefinition
from . import status as states
from .filters import texts_of

if TYPE_CHECKING:
    from .record import RunRecord
    from .store import Store

_REQUEST = re.compile(r"[0-9a-f]{16}")
_OF_THE_SOURCE = ("azureml.git.", "mlflow.source.git.")


def submit_child(workspace_folder: Path, store: Store, parent: RunRecord, asked: Mapping[str, Any]) -> str:
    """Enter the run that a job asks for and have it started; its id. The same request again gives the same run.

    Raises:
        UserErrorException: another environment or target is asked for, or something that cannot be right.
        ExperimentExecutionException: the snapshot has no such script.
    """
    from ..compute.definition import target_definition
    from ..submission.submit import enter
    from .launch import start_supervisor

    run_id = _run_id(parent, asked)
    there = _entered(store, parent, run_id)
    if there is None:
        # What a supervisor that was killed half-way has left; no run has it.
        shutil.rmtree(workspace_folder / "runs" / run_id, ignore_errors=True)
        properties = {
            key: str(value)
            for key, value in store.properties(parent.id).items()
            if key.startswith(_OF_THE_SOURCE) and value is not None
        }
        there = enter(
            workspace_folder,
            store,
            run_id,
            _definition(workspace_folder, parent, asked),
            max_nodes=int(target_definition(store, parent.target)["max_nodes"]),
            snapshot={**parent.snapshot, "notes": []},
            tags=texts_of("tags", asked.get("tags") or {}),
            properties=properties,
            parent=parent.id,
        )
    if there.status == states.PREPARING:
        start_supervisor(workspace_folder, there.id)
    return there.id


def waits_for_parent(store: Store, run: RunRecord) -> str:
    """Why a queued run cannot start before the runs above it are over, as a sentence; "" when it can."""
    from ..compute.definition import target_definition

    if run.status != states.QUEUED:
        return ""
    held, above = 0, run.parent
    while above:
        record = store.run(above)
        held += record.nodes if record.target == run.target and record.status in states.ACTIVE else 0
        above = record.parent
    slots = int(target_definition(store, run.target)["max_nodes"])
    if held + run.nodes <= slots:
        return ""
    return (
        f"The run {run.id} waits for a slot of the target '{run.target}', and this run, which would wait for it, has"
        f" {held} of {slots}: both would wait for ever. Give the target more slots"
        f" (ComputeTarget(ws, '{run.target}').update(max_nodes={held + run.nodes})), or do not wait in the script."
    )


def is_below(store: Store, run: RunRecord, above: str) -> bool:
    """Whether a run was submitted by another one, or by one that that one submitted."""
    while run.parent and run.parent != above:
        run = store.run(run.parent)
    return run.parent == above


def _run_id(parent: RunRecord, asked: Mapping[str, Any]) -> str:
    request, at = str(asked["request"]), int(asked["at"])
    if not _REQUEST.fullmatch(request) or not 0 <= at < 10**11:
        raise UserErrorException("The request has no number.")
    return f"{parent.experiment}_{at}_{request[:8]}"


def _entered(store: Store, parent: RunRecord, run_id: str) -> RunRecord | None:
    try:
        run = store.run(run_id)
    except NameNotFoundException:
        return None
    if run.parent != parent.id:
        raise UserErrorException(f"There is a run {run_id} already, and it is not a child of this one.")
    return run


def _definition(workspace_folder: Path, parent: RunRecord, asked: Mapping[str, Any]) -> RunDefinition:
    definition = RunDefinition.from_json(parent.definition)
    for what, wanted, own in (
        ("compute_target", asked.get("compute_target"), parent.target),
        ("environment", asked.get("environment"), str(definition.environment.get("name") or "")),
    ):
        if wanted is not None and wanted != own:
            raise UserErrorException(
                f"A child that a job submits has the {what} of its parent, '{own}', not '{wanted}'. Leave it out, or"
                " call run.submit_child(config) in the notebook."
            )
    script, command = str(asked.get("script") or ""), command_vector(asked.get("command") or "")
    if bool(script) == bool(command):
        raise UserErrorException("Name either the script of the child or its command.")
    if script:
        _check_script(workspace_folder, definition.snapshot_id, script)
    return replace(
        definition,
        script=script,
        command=command,
        arguments=texts("arguments", list(asked.get("arguments") or ())),
        # What the parent writes is its own; two runs would be in each other's way.
        data=tuple(item for item in definition.data if item.role != OUTPUT and item.mode != UPLOAD),
        max_run_duration_seconds=seconds("max_run_duration_seconds", asked.get("max_run_duration_seconds"))
        or definition.max_run_duration_seconds,
    )


def _check_script(workspace_folder: Path, snapshot_id: str, script: str) -> None:
    from ..submission.snapshot import read_manifest

    paths = [entry.path for entry in read_manifest(snapshot_id, workspace_folder / "objects").entries]
    if script.removeprefix("./") not in paths:
        scripts = [path for path in paths if path.endswith(".py")]
        raise ExperimentExecutionException(NameNotFoundException("script in the snapshot", script, scripts).message)
