"""ScriptRunConfig → run: everything that can be wrong is refused here, before anything is started or left behind."""

from __future__ import annotations

import posixpath
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..engines.registry import default_engine_name, get_engine
from ..errors import (
    ComputeTargetException,
    ExperimentExecutionException,
    NameNotFoundException,
    StoreException,
)
from ..home import advice_for
from ..runs import status as states
from ..runs.folder import make_run_folder
from ..runs.launch import start_supervisor
from .git import git_properties
from .job import Resources, RunDefinition, size_bytes
from .manifest import shown
from .snapshot import Snapshot, take_snapshot

if TYPE_CHECKING:
    from ..engines.protocol import EnvironmentSpec
    from ..environment.spec import Environment
    from ..runs.record import RunRecord
    from ..workspace import Workspace
    from .cell_script import CellScript
    from .config import Request, ScriptRunConfig

_LOCAL = "local"
_SCRIPTS_NAMED = 5


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
    try:
        engine = get_engine(engine_name)
    except NameNotFoundException as error:
        raise ComputeTargetException(f"The target '{request.target}' names its engine: {error.message}") from None
    notes += engine.check(spec, resources, secrets)
    if not engine.isolated:
        notes.append(f"runs on the {engine_name} engine: not isolated from this machine")
    with ThreadPoolExecutor(1) as pool:
        git = pool.submit(git_properties, source)
        snapshot = (cell.snapshot if cell else take_snapshot)(source, workspace.objects, workspace.folder / "cache")
        properties = git.result()
    if request.script and not cell:
        _check_taken_along(request.script, snapshot)
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
            f"The run's folder {folder} cannot be made: {error.strerror}. {advice_for(error)}",
            inner_exception=error,
        ) from error


def _source_directory(source_directory: Path, script: str, needs_no_script: bool) -> Path:
    folder = source_directory.expanduser().absolute()
    if folder.is_file():
        raise ExperimentExecutionException(
            f"The source directory {folder} is a file, not a folder. Give its folder, {folder.parent}, and name the"
            f" file in script: script='{folder.name}'."
        )
    if not folder.is_dir():
        raise ExperimentExecutionException(
            f"The source directory {shown(str(folder))} does not exist. Create it, or correct source_directory"
            f" (relative paths start at the notebook's folder, {Path.cwd()})."
        )
    if needs_no_script:
        return folder
    if not script:
        raise ExperimentExecutionException("No script was named. Pass script='train.py' to ScriptRunConfig.")
    path = folder / script
    if path.is_dir():
        raise ExperimentExecutionException(f"The script {path} is a folder.{_scripts_in(path, 'Name the file in it')}")
    if not path.is_file():
        # The sentence of the SDK (azureml-v1.md section 7.1), then what is there instead.
        raise ExperimentExecutionException(
            f"{shown(posixpath.normpath(path))} script path doesn't exist. The script should be inside the project"
            f" folder.{_scripts_in(folder, 'There are', script)}"
        )
    if folder.resolve() not in path.resolve().parents:
        raise ExperimentExecutionException(
            f"The script {script} lies outside of the source directory {folder}. Only files inside it reach the job:"
            f" copy the script there, or give source_directory='{path.resolve().parent}'."
        )
    return folder


def _scripts_in(folder: Path, there_are: str, wanted: str = "") -> str:
    """The scripts that the user may have meant, as a sentence with a space in front."""
    scripts = sorted(item.name for item in folder.glob("*.py") if item.is_file())
    by_stem = {PurePath(name).stem: name for name in scripts}
    nearest = get_close_matches(PurePath(wanted).stem, by_stem, n=1, cutoff=0.6)
    if nearest:
        return f" Did you mean '{by_stem[nearest[0]]}'?"
    more = " …" if len(scripts) > _SCRIPTS_NAMED else ""
    return f" {there_are}: {', '.join(scripts[:_SCRIPTS_NAMED])}{more}." if scripts else " There is no .py file in it."


def _check_taken_along(script: str, snapshot: Snapshot) -> None:
    path = posixpath.normpath(script)
    why = "" if path in snapshot else snapshot.why_left_out(path)
    if why:
        raise ExperimentExecutionException(
            f"The script {script} would not reach the job, because the snapshot leaves it out ({why}). Move"
            " it, or change that rule."
        )


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
        missing = NameNotFoundException("compute target", name, {_LOCAL, *workspace.store.list_targets()})
        raise ComputeTargetException(missing.message)
    if nodes > int(target["max_nodes"]):
        raise ComputeTargetException(
            f"The run asks for {nodes} node{'' if nodes == 1 else 's'} and the target '{name}' has at most"
            f" {target['max_nodes']}, so it would wait for ever. Raise the limit with ComputeTarget(ws,"
            f" '{name}').update(max_nodes={nodes}){', or lower node_count' if nodes > 1 else ''}."
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
