"""ScriptRunConfig → run: everything that can be wrong is refused here, before anything is started or left behind."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..compute.definition import LOCAL, target_definition
from ..data.binding import bound, for_run, open_notes
from ..engines.registry import default_engine_name, get_engine
from ..environment.secrets import SECRET_PREFIX
from ..environment.sections import DEFAULT_SHM_SIZE
from ..errors import (
    ComputeTargetException,
    NameNotFoundException,
    StoreException,
)
from ..home import advice_for
from ..runs import status as states
from ..runs.folder import make_run_folder
from ..runs.launch import start_supervisor
from .git import git_properties
from .job import AUTOMATIC, PATTERNS, SYSTEM_METRICS, Resources, RunDefinition, size_bytes
from .network import setting_at_submit
from .objects import taking_snapshot
from .script import check_taken_along, source_folder
from .snapshot import take_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from ..engines.protocol import EnvironmentSpec
    from ..environment.spec import Environment
    from ..runs.record import RunRecord
    from ..runs.store import Store
    from ..workspace import Workspace
    from .cell_script import CellScript
    from .config import Request, ScriptRunConfig


def submit(
    workspace: Workspace,
    experiment: str,
    config: ScriptRunConfig,
    tags: Mapping[str, str | None] | None = None,
    cell: CellScript | None = None,
    *,
    properties: Mapping[str, str] | None = None,
    parent: str = "",
) -> RunRecord:
    """Enter a run and have it started as soon as its target has room; returns at once.

    Args:
        cell: the script when it is a notebook cell; the one that ``config`` names is then not looked for.
        properties: properties of the run besides those of its source.
        parent: id of the run that it is a child of.

    Raises:
        ExperimentExecutionException: the script or its folder is missing.
        ComputeTargetException: the target does not exist, or is too small for the run.
        EngineException: the engine does not answer, or cannot give what the run needs.
        StoreException: the home folder cannot be written.
    """
    request = config.request()
    source = source_folder(request.source_directory, request.script, bool(request.command or cell))
    environment = _environment(workspace, request.environment)
    target = _target(workspace, request.target, request.node_count)
    spec, secrets = environment._to_spec(), environment._secrets()
    network = setting_at_submit(workspace.network)
    if network:
        spec["network"] = network
    if request.docker and request.docker.use_docker:
        spec["docker_enabled"] = True
    engine_name = choose_engine(target, spec)
    resources, notes = _resources(target, spec, request)
    try:
        engine = get_engine(engine_name)
    except NameNotFoundException as error:
        raise ComputeTargetException(f"The target '{request.target}' names its engine: {error.message}") from None
    notes += engine.check({**spec, "runs_script": bool(request.script)}, resources, secrets)
    data = bound(workspace, request.data)
    notes += open_notes(data) if engine.host_paths else []
    notes += _waiting_notes(workspace, request, target, secrets)
    if not engine.isolated:
        notes.append(f"runs on the {engine_name} engine: not isolated from this machine")
    # Until the run is entered nothing refers to the snapshot, so nobody may tidy up meanwhile.
    with taking_snapshot(workspace.objects):
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            git = pool.submit(git_properties, source)
            snapshot = (cell.snapshot if cell else take_snapshot)(source, workspace.objects, workspace.folder / "cache")
            properties = {**git.result(), **(properties or {})}
        about = {
            "summary": snapshot.summary(),
            "file_count": snapshot.file_count,
            "size_bytes": snapshot.size_bytes,
            "notes": [*snapshot.notes, *notes],
            "seconds": time.monotonic() - began,
            "from_cell": cell is not None,
        }
        if request.script and not cell:
            check_taken_along(request.script, snapshot)
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
            environment_variables={
                **{name: os.environ[name] for name in (AUTOMATIC, PATTERNS, SYSTEM_METRICS) if name in os.environ},
                **spec["environment_variables"],
                **request.environment_variables,
            },
            resources=resources,
            node_count=request.node_count,
            network_mode=target.get("network_mode"),
            max_run_duration_seconds=request.max_run_duration_seconds,
            framework=request.framework,
            communicator=request.communicator,
            data=data,
        )
        run = enter(
            workspace.folder,
            workspace.store,
            new_run_id(experiment),
            definition,
            max_nodes=int(target["max_nodes"]),
            snapshot=about,
            tags=tags or {},
            properties=properties,
            parent=parent,
        )
    if run.status != states.QUEUED:
        start_supervisor(workspace.folder, run.id, secrets)
    return run


def new_run_id(experiment: str) -> str:
    """An id for a run, as the SDK makes them: experiment, seconds, and what nobody else has."""
    return f"{experiment}_{int(time.time())}_{uuid4().hex[:8]}"


def enter(
    workspace_folder: Path,
    store: Store,
    run_id: str,
    definition: RunDefinition,
    *,
    max_nodes: int,
    snapshot: Mapping[str, Any],
    tags: Mapping[str, str | None],
    properties: Mapping[str, str],
    parent: str,
) -> RunRecord:
    """Make the folder of a run and enter it; its target has so many slots.

    Raises:
        StoreException: the home folder cannot be written.
    """
    definition = replace(definition, data=for_run(definition.data, run_id))
    folder = workspace_folder / "runs" / run_id
    if folder.exists():  # before anything that would tidy up after a failure
        raise StoreException(f"The run's folder {folder} is there already. Submit again.")
    try:
        make_run_folder(folder)
        store.ensure_experiment(definition.experiment)
        return store.add_run(
            run_id,
            experiment=definition.experiment,
            target=definition.target,
            engine=definition.engine,
            nodes=definition.node_count,
            max_nodes=max_nodes,
            definition=definition.to_json(),
            snapshot=snapshot,
            tags=tags,
            parent=parent,
            properties={
                **properties,
                "ContentSnapshotId": definition.snapshot_id,
                "_azureml.ComputeTargetType": "local" if definition.target == LOCAL else "amlcompute",
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


def _waiting_notes(
    workspace: Workspace, request: Request, target: Mapping[str, Any], secrets: Mapping[str, str]
) -> list[str]:
    """What to tell of a run that will wait: it is started by another process, which does not have its passwords."""
    if not any(name == "password" or name.startswith(SECRET_PREFIX) for name in secrets):
        return []
    busy, waiting = workspace.store.load_of(request.target)
    if not waiting and busy + request.node_count <= int(target["max_nodes"]):
        return []
    return [
        "it waits for a free slot, and passwords are not kept meanwhile: if its image still has to be pulled or built"
        " then, it fails. Build the environment first, or say where the password is: 'env:NAME' or 'keyring:SERVICE'"
        " (in the address of an index: ${NAME})"
    ]


def _environment(workspace: Workspace, environment: Environment | str) -> Environment:
    from ..environment.spec import Environment

    return Environment.get(workspace, environment) if isinstance(environment, str) else environment


def _target(workspace: Workspace, name: str, nodes: int) -> dict[str, Any]:
    known = {LOCAL, *workspace.store.list_targets()}
    if name not in known:
        raise ComputeTargetException(NameNotFoundException("compute target", name, known).message)
    target = target_definition(workspace.store, name)
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
    if target.get("type") == LOCAL and not wants_container:
        return LOCAL
    return default_engine_name()


def _resources(
    target: Mapping[str, Any], environment: EnvironmentSpec, request: Request
) -> tuple[Resources, list[str]]:
    from ..compute.sizes import target_resources

    resources, notes = target_resources(target)
    shm_size = (request.docker.shm_size if request.docker else None) or environment["shm_size"]
    # Every environment has the SDK's default, so that does not come before what the target was given on purpose.
    if shm_size and not (shm_size == DEFAULT_SHM_SIZE and target.get("shm_size")):
        resources = replace(resources, shm_bytes=size_bytes(shm_size))
    return resources, list(notes)
