"""A run that was submitted before: submitted again, and as the cell that would submit it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..compute.definition import LOCAL, target_definition
from ..data.binding import bound
from ..data.inputs import read_inputs
from ..engines.registry import get_engine
from ..errors import UserErrorException
from ..runs import status as states
from ..runs.launch import start_supervisor
from ..runs.record import RERUN_OF
from .cell_script import CELL_HEAD
from .data import data_of, gathered
from .job import RunDefinition, size_bytes
from .objects import ObjectStore, taking_snapshot
from .snapshot import read_manifest
from .submit import enter, new_run_id

if TYPE_CHECKING:
    from ..runs.record import RunRecord
    from ..workspace import Workspace


def submit_again(workspace: Workspace, run_id: str, options: Sequence[str] = ()) -> RunRecord:
    """Submit what a run was: the same files, environment and arguments, on the same target.

    Args:
        options: options of ``%aml_submit``: ``--shm SIZE`` in place of the one that it had, ``--mount PATH:TARGET`` and
            ``--input NAME=PATH`` besides its data, and what follows ``--`` in place of the script's arguments.

    Raises:
        UserErrorException: it is a run that is only logged to, or an option cannot change.
        SnapshotException: its files are not kept any more.
        AzureMLException: as for a first submit.
    """
    before = workspace.store.run(run_id)
    if not before.definition.get("snapshot_id"):
        raise UserErrorException(f"{run_id} was not submitted, only logged to, so it cannot be submitted again.")
    definition = _changed(workspace, RunDefinition.from_json(before.definition), options)
    target = target_definition(workspace.store, definition.target)
    engine = get_engine(definition.engine)
    spec = {**definition.environment, "runs_script": bool(definition.script)}
    notes = engine.check(spec, definition.resources, {})
    tags = workspace.store.tags(run_id)
    kept = {key: value for key, value in workspace.store.properties(run_id).items() if value is not None}
    about = {**before.snapshot, "notes": notes}
    with taking_snapshot(workspace.objects):
        read_manifest(definition.snapshot_id, workspace.objects)
        run = enter(
            workspace.folder,
            workspace.store,
            new_run_id(definition.experiment),
            definition,
            max_nodes=int(target["max_nodes"]),
            snapshot=about,
            tags=tags,
            properties={**kept, RERUN_OF: run_id},
            parent="",
        )
    if run.status != states.QUEUED:
        start_supervisor(workspace.folder, run.id, {})
    return run


def _changed(workspace: Workspace, definition: RunDefinition, options: Sequence[str]) -> RunDefinition:
    rest = list(options)
    added: dict[str, list[str]] = {"--input": [], "--mount": []}
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if option == "--" and not equals and definition.script:
            definition = replace(definition, arguments=tuple(rest))
            break
        if option not in ("--shm", *added) or not (equals or rest):
            raise UserErrorException(f"A rerun cannot take {' '.join(options)}; submit it with a cell instead.")
        value = value if equals else rest.pop(0)
        if option == "--shm":
            definition = replace(definition, resources=replace(definition.resources, shm_bytes=size_bytes(value)))
        else:
            added[option].append(value)
    data = map(data_of, read_inputs(workspace, added["--input"], added["--mount"]).values())
    fresh = bound(workspace, gathered(item for item in data if item is not None))
    return replace(definition, data=gathered((*definition.data, *fresh)))


def as_cell(run: RunRecord, objects: Path) -> str:
    """The notebook cell that submits the same; a cell that was the script is whole again."""
    asked = run.definition
    if not asked.get("snapshot_id"):
        return f"%aml_run {run.id}"
    environment = asked.get("environment") or {}
    version = environment.get("version")
    words = ["--env", f"{environment.get('name')}:{version}" if version else str(environment.get("name"))]
    if run.target != LOCAL:
        words += ["--target", run.target]
    words += ["--experiment", run.experiment]
    code = _cell(asked, objects)
    script = str(asked.get("script") or "")
    if code is None:
        words += ["--source", str(asked.get("source_directory")), script]
    elif script != "cell.py":
        words += ["--name", script]
    arguments = [str(word) for word in asked.get("arguments") or ()]
    line = shlex.join([*words, *(["--", *arguments] if arguments else [])])
    return f"%aml_submit {line}" if code is None else f"%%aml_submit {line}\n{code}"


def _cell(asked: Mapping[str, object], objects: Path) -> str | None:
    """The text of the cell that was the script, None when the script is a file."""
    snapshot = read_manifest(str(asked["snapshot_id"]), objects)
    entry = next((entry for entry in snapshot.entries if entry.path == asked.get("script")), None)
    if entry is None:
        return None
    try:
        text = Path(ObjectStore(objects).path(entry.sha256)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.removeprefix(CELL_HEAD) if text.startswith(CELL_HEAD) else None


def by_hand(run: RunRecord) -> str:
    """The command with which the engine's own client does the same; it is known once the run was started."""
    command = (run.handle or {}).get("by_hand")
    if command:
        return str(command)
    return "The command is known once the run has been started."
