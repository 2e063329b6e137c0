"""ScriptRunConfig → run: everything that can be wrong is refused here, before anything is started or left behind."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..engines.registry import default_engine_name, get_engine
from ..errors import (
    ComputeTargetException,
    ExperimentExecutionException,
    NameNotFoundException,
    StoreException,
)
from ..runs import status as states
from ..runs.folder import make_run_folder
from ..runs.launch import start_supervisor
from .git import git_properties
from .job import Resources, RunDefinition, size_bytes
from .snapshot import Snapshot, take_snapshot

if TYPE_CHECKING:
    from ..engines.protocol import EnvironmentSpec
    from ..environment.spec import Environment
    from ..runs.record import RunRecord
    from ..workspace import Workspace
    from .cell_script import CellScript
    from .config import Request, ScriptRunConfig

_LOCAL = "local"


def submit(
    workspace: Workspace,
    experiment: str,
    config: ScriptRunConfig,
    tags: Mapping[str, str | None] | None = None,
    cell: CellScript | None = None,
) -> RunRecord:
    """Enter a run and have it started as soon as its target has room; returns at once.

    Args:
        cell: the script when it is a notebook cell; the one that ``config`` names is then not looked for.

    Raises:
        ExperimentExecutionException: the script or its folder is missing.
        ComputeTargetException: the target does not exist, or is too small for the run.
        EngineException: the engine does not answer, or cannot give what the run needs.
        StoreException: the home folder cannot be written.
    """
    request = config.request()
    source = _source_directory(request.source_directory, request.script, bool(request.command or cell))
    environment = _environment(workspace, request.environment)
    target = _target(workspace, request.target, request.node_count)
    spec, secrets = environment._to_spec(), environment._secrets()
    if request.docker and request.docker.use_docker:
        spec["docker_enabled"] = True
    engine_name = choose_engine(target, spec)
    resources, notes = _resources(target, spec, request)
    engine = get_engine(engine_name)
    notes += engine.check(spec, resources, secrets)
    if not engine.isolated:
        notes.append(f"runs on the {engine_name} engine: not isolated from this machine")
    with ThreadPoolExecutor(1) as pool:
        git = pool.submit(git_properties, source)
        snapshot = (cell.snapshot if cell else take_snapshot)(source, workspace.objects, workspace.folder / "cache")
        properties = git.result()
    definition = RunDefinition(
        experiment=experiment,
        target=request.target,
        engine=engine_name,
        environment=spec,
        source_directory=str(source),
        snapshot_id=snapshot.id,
        script=cell.name if cell else request.script,
        arguments=request.arguments,
        command=request.command,
        environment_variables={**spec["environment_variables"], **request.environment_variables},
        resources=resources,
        node_count=request.node_count,
        network_mode=target.get("network_mode"),
        max_run_duration_seconds=request.max_run_duration_seconds,
    )
    run = _enter(workspace, definition, target, snapshot, notes, tags or {}, properties)
    if run.status != states.QUEUED:
        start_supervisor(workspace.folder, run.id, secrets)
    return run


def _enter(
    workspace: Workspace,
    definition: RunDefinition,
    target: Mapping[str, Any],
    snapshot: Snapshot,
    notes: list[str],
    tags: Mapping[str, str | None],
    properties: Mapping[str, str],
) -> RunRecord:
    run_id = f"{definition.experiment}_{int(time.time())}_{uuid4().hex[:8]}"
    folder = workspace.run_folder(run_id)
    try:
        make_run_folder(folder)
        workspace.store.ensure_experiment(definition.experiment)
        return workspace.store.add_run(
            run_id,
            experiment=definition.experiment,
            target=definition.target,
            engine=definition.engine,
            nodes=definition.node_count,
            max_nodes=int(target["max_nodes"]),
            definition=definition.to_json(),
            snapshot={
                "summary": snapshot.summary(),
                "file_count": snapshot.file_count,
                "size_bytes": snapshot.size_bytes,
                "notes": [*snapshot.notes, *notes],
            },
            tags=tags,
            properties={
                **properties,
                "ContentSnapshotId": snapshot.id,
                "_azureml.ComputeTargetType": "local" if definition.target == _LOCAL else "amlcompute",
            },
        )
    except (OSError, StoreException) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, StoreException):
            raise
        raise StoreException(
            f"The run's folder {folder} cannot be made: {error.strerror}. Free some space there, or set AMLTRAIN_HOME"
            " to a folder on another disk.",
            inner_exception=error,
        ) from error


def _source_directory(source_directory: Path, script: str, needs_no_script: bool) -> Path:
    folder = source_directory.expanduser().absolute()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise ExperimentExecutionException(
            f"The source directory {folder} {what}. Create it, or correct source_directory (relative paths start at"
            f" the notebook's folder, {Path.cwd()})."
        )
    if needs_no_script:
        return folder
    if not script:
        raise ExperimentExecutionException("No script was named. Pass script='train.py' to ScriptRunConfig.")
    path = folder / script
    if not path.is_file():
        # The sentence of the SDK (azureml-v1.md section 7.1), then what is there instead.
        scripts = sorted(item.name for item in folder.glob("*.py"))[:5]
        there = f" There are: {', '.join(scripts)}." if scripts else " There is no .py file in it."
        raise ExperimentExecutionException(
            f"{path} script path doesn't exist. The script should be inside the project folder.{there}"
        )
    if folder.resolve() not in path.resolve().parents:
        raise ExperimentExecutionException(
            f"The script {script} lies outside of the source directory {folder}. Only files inside it reach the job."
        )
    return folder


def _environment(workspace: Workspace, environment: Environment | str) -> Environment:
    from ..environment.spec import Environment

    return Environment.get(workspace, environment) if isinstance(environment, str) else environment


def _target(workspace: Workspace, name: str, nodes: int) -> dict[str, Any]:
    target = workspace.store.get_target(name)
    if target is None and name == _LOCAL:
        from ..compute.target import ComputeTarget

        ComputeTarget(workspace, _LOCAL)  # always there, made when first asked for
        target = workspace.store.get_target(name)
    if target is None:
        missing = NameNotFoundException("compute target", name, workspace.store.list_targets())
        raise ComputeTargetException(missing.message)
    if nodes > int(target["max_nodes"]):
        raise ComputeTargetException(
            f"The run asks for {nodes} nodes and {name} has at most {target['max_nodes']}, so it would wait for ever."
            f" Lower node_count, or raise max_nodes with ComputeTarget(ws, '{name}').update(max_nodes={nodes})."
        )
    return target


def choose_engine(target: Mapping[str, Any], environment: EnvironmentSpec) -> str:
    """The engine a run goes to: its target's own; on ``local`` the host unless Docker is asked for; else the default.

    The rule of the SDK for ``local`` is ``docker.enabled`` (azureml-v1.md section 3.3); a base image or Dockerfile set
    by the user asks for a container just as plainly.
    """
    if target.get("engine"):
        return str(target["engine"])
    wants_container = environment["docker_enabled"] or environment["image"] or environment["dockerfile"]
    if target.get("type") == _LOCAL and not wants_container:
        return _LOCAL
    return default_engine_name()


def _resources(
    target: Mapping[str, Any], environment: EnvironmentSpec, request: Request
) -> tuple[Resources, list[str]]:
    from ..compute.sizes import target_resources

    resources, notes = target_resources(target)
    shm_size = (request.docker.shm_size if request.docker else None) or environment["shm_size"]
    if shm_size:
        resources = replace(resources, shm_bytes=size_bytes(shm_size))
    return resources, list(notes)
