"""Run definition → Job: everything an engine needs to start a run, as one value, planned without touching anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ..environment.network.host_settings import certificate_variables, not_overridden
from ..errors import UserErrorException
from .data import DATA_FOLDER, JobData, Placed, job_variables, shown_value, with_paths

if TYPE_CHECKING:
    from ..engines.protocol import Image

JOB_ROOT = "/amltrain"
"""Where container engines mount things: ``run`` (the run's own folder, writable) and ``job`` (the launcher)."""

CERTIFICATES = f"{JOB_ROOT}/ca.crt"
"""Where a container sees the certificates that this host trusts."""

AUTOMATIC = "AMLTRAIN_AUTOLOG"
"""Variable that keeps what frameworks report from being logged automatically, with the value ``0``."""

PATTERNS = "AMLTRAIN_LOG_PATTERNS"
"""Variable that has metrics looked for in what a job prints, with the value ``1``."""

MLFLOW_ADDRESS = "amltrain:"
"""Address of the tracking store that MLflow in a job writes to."""

SYSTEM_METRICS = "AMLTRAIN_SYSTEM_METRICS"
"""Variable that keeps what a job uses of the machine from being logged, with the value ``0``."""

WORK_FOLDER = "work"
"""Folder below the run's folder that the job sees as its own; the working folder lies in it, so its parent is
writable too (scripts write ``../data``)."""

CODE_FOLDER = "code"
"""Working folder of the job: the writable copy of the snapshot, below :data:`WORK_FOLDER`."""


@dataclass(frozen=True)
class Resources:
    """What one node of a run may use. None is "no limit".

    Attributes:
        cpus: CPU cores, fractions allowed.
        memory_bytes: memory including swap.
        shm_bytes: size of ``/dev/shm``, where PyTorch's data loaders pass batches.
        pids: most processes and threads.
        gpus: number of GPUs, 0 for none, -1 for all.
        gpu_policy: ``require`` refuses the run when the engine has no GPU to give, ``prefer`` runs it on the CPU
            and says so in the log.
    """

    cpus: float | None = None
    memory_bytes: int | None = None
    shm_bytes: int = 2 * 1024**3
    pids: int | None = None
    gpus: int = 0
    gpu_policy: str = "require"


@dataclass(frozen=True)
class Mount:
    """A folder or file of this host (``source``) that the job sees at ``target``."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class JobNetwork:
    """What a job is told about the network of this host.

    Attributes:
        variables: proxies, indexes and the like; they may hold credentials.
        certificates: file on this host with the certificates to trust, or "".
    """

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificates: str = ""


_NO_NETWORK = JobNetwork()


@dataclass(frozen=True)
class RunDefinition:
    """What the user asked for, complete and without secrets: stored with the run, read by the supervisor.

    ``script`` with ``arguments`` is run by the environment's Python; ``command`` (exclusive with it) is run as it is.
    Elements of ``arguments`` are text, one ``argv`` entry each; no shell is involved.
    """

    experiment: str
    target: str
    engine: str
    environment: Mapping[str, Any]
    source_directory: str
    snapshot_id: str
    script: str = ""
    arguments: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    node_count: int = 1
    network_mode: str | None = None
    max_run_duration_seconds: float | None = None
    framework: str = "Python"
    communicator: str = "None"
    data: tuple[JobData, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON form, the inverse of :meth:`from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunDefinition:
        """The definition that :meth:`to_json` wrote."""
        return cls(
            **{
                **value,
                "arguments": tuple(value["arguments"]),
                "command": tuple(value["command"]),
                "resources": Resources(**value["resources"]),
                "data": tuple(JobData(**item) for item in value.get("data", ())),
            }
        )


@dataclass(frozen=True)
class Job:
    """Everything an engine needs, a value. ``image`` is :attr:`Image.reference`.

    ``environment`` holds only what we add; the image's own variables stay. ``defaults`` are variables that come after
    the image's own: network settings of the host, which may hold credentials and are not to be stored or shown.
    ``gpus`` are the numbers of the GPUs it gets, () when ``resources.gpus`` says how many and the engine chooses.
    """

    run_id: str
    image: str
    command: tuple[str, ...]
    working_dir: str
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...] = ()
    resources: Resources = field(default_factory=Resources)
    network_mode: str | None = None
    user: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    nodes: int = 1
    run_folder: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict, repr=False)
    gpus: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The deterministic name under which the engine knows it; engines take ASCII only."""
        return "amltrain-" + re.sub(r"[^a-zA-Z0-9_.-]", "_", self.run_id)


def size_bytes(text: str | int) -> int:
    """Bytes of a size as ``docker run`` takes it: ``2g``, ``512m``, ``64k``, or a plain number.

    Raises:
        UserErrorException: it is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?", str(text).strip().lower())
    if not match:
        raise UserErrorException(f"'{text}' is not a size. Write it like 2g, 512m or a number of bytes.")
    return int(float(match[1]) * 1024 ** " kmgt".index(match[2].replace("b", "") or " "))


def plan_job(
    run_id: str,
    definition: RunDefinition,
    image: Image,
    run_folder: PurePath,
    job_code: PurePath,
    *,
    host_paths: bool,
    workspace: Mapping[str, str],
    user: str | None,
    bytecode: PurePath | None = None,
    network: JobNetwork = _NO_NETWORK,
    gpus: tuple[str, ...] = (),
    data: Mapping[str, Placed] | None = None,
) -> Job:
    """The job of a run, as a value; nothing is looked up and nothing is started.

    Args:
        run_folder: the run's folder on this host.
        job_code: folder on this host that holds the launcher (a copy of ``jupyter_amltrain/job``).
        host_paths: whether the engine's jobs see host paths (:attr:`Engine.host_paths`).
        workspace: ``name``, ``subscription_id``, ``resource_group`` of the workspace.
        user: ``uid:gid`` to run as, or None for the engine's default.
        bytecode: folder on this host where the jobs of one image keep compiled modules, since what they compile in
            their container is gone with it; None for no such folder.
        network: network settings of this host; the image's own and the user's come before them.
        gpus: numbers of the GPUs that it gets, () when the engine chooses.
        data: name → where the run's data is on this host.
    """
    work = run_folder / WORK_FOLDER
    seen_work = str(work) if host_paths else f"{JOB_ROOT}/run"
    seen_code = str(job_code) if host_paths else f"{JOB_ROOT}/job"
    working_dir = f"{seen_work}/{CODE_FOLDER}"
    placed = data or {}
    seen = {
        item.name: (item, _seen_at(item, placed[item.name], seen_work, host_paths))
        for item in definition.data
        if item.name in placed
    }
    variables = {
        # Names scripts look at (azureml-v1.md section 15); no token is among them.
        "AZUREML_RUN_ID": run_id,
        "AZUREML_ROOT_RUN_ID": run_id,
        "AZUREML_ARM_SUBSCRIPTION": workspace["subscription_id"],
        "AZUREML_ARM_RESOURCEGROUP": workspace["resource_group"],
        "AZUREML_ARM_WORKSPACE_NAME": workspace["name"],
        "AZUREML_ARM_PROJECT_NAME": definition.experiment,
        "AZUREML_OUTPUT_DIRECTORY": "./outputs",
        "AZUREML_LOGDIRECTORY_PATH": "./logs",
        "AZUREML_NODE_COUNT": str(definition.node_count),
        **_told_names(run_id, definition, workspace),
        "AMLTRAIN_RUN_ID": run_id,
        # MLflow finds the store behind this address by itself (job/python-path/amltrain_job/mlflow_store.py).
        "MLFLOW_TRACKING_URI": MLFLOW_ADDRESS,
        "AMLTRAIN_JOB": seen_code,
        # There is one driver log, so the launcher joins stderr to stdout: apart, they would reach it out of order.
        "AMLTRAIN_ONE_STREAM": "1",
        **job_variables(seen),
        **definition.environment_variables,
    }
    command = with_paths(
        definition.command or (definition.script, *definition.arguments),
        {item.variable: shown_value(item, path) for item, path in seen.values()},
    )
    if image.interpreter:
        launcher = (image.interpreter, f"{seen_code}/launch.py", *(("--command",) if definition.command else ()))
        command = (*launcher, *command)
    mounts: tuple[Mount, ...] = ()
    if not host_paths:
        mounts = (Mount(str(work), f"{JOB_ROOT}/run"), Mount(str(job_code), f"{JOB_ROOT}/job", read_only=True))
        if bytecode is not None:
            mounts += (Mount(str(bytecode), f"{JOB_ROOT}/bytecode"),)
            variables = {"PYTHONPYCACHEPREFIX": f"{JOB_ROOT}/bytecode", **variables}
        if network.certificates:
            mounts += (Mount(network.certificates, CERTIFICATES, read_only=True),)
        for name, (item, path) in seen.items():
            mounts += _data_mounts(item, placed[name], path, seen_work)
    settings = dict(network.variables)
    if network.certificates:
        settings.update(certificate_variables(network.certificates if host_paths else CERTIFICATES))
    return Job(
        run_id=run_id,
        image=image.reference,
        command=command,
        working_dir=working_dir,
        environment=variables,
        mounts=mounts,
        resources=definition.resources,
        network_mode=definition.network_mode,
        user=user,
        labels={
            "amltrain.run": run_id,
            "amltrain.workspace": workspace["name"],
            "amltrain.experiment": definition.experiment,
            "amltrain.target": definition.target,
        },
        nodes=definition.node_count,
        run_folder=str(run_folder),
        gpus=gpus,
        defaults=not_overridden(settings, definition.environment_variables),
    )


def _told_names(run_id: str, definition: RunDefinition, workspace: Mapping[str, str]) -> dict[str, str]:
    """Names and ids that some scripts look at (azureml-v1.md section 15); none leads to a service."""
    scope = (
        f"/subscriptions/{workspace['subscription_id']}/resourceGroups/{workspace['resource_group']}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{workspace['name']}"
    )
    on_cluster = {
        "AZ_BATCHAI_JOB_NAME": run_id,
        "AZ_BATCHAI_MPI_MASTER_NODE": "localhost",
        "AZ_BATCHAI_NODE_LIST": "localhost",
        "AZ_BATCHAI_TASK_INDEX": "0",
    }
    return {
        **({} if definition.target == "local" else on_cluster),
        "AZUREML_WORKSPACE_ID": workspace.get("id") or workspace["name"],
        "AZUREML_WORKSPACE_SCOPE": scope,
        "AZUREML_EXPERIMENT_ID": workspace.get("experiment_id") or definition.experiment,
        "AZUREML_EXPERIMENT_SCOPE": f"{scope}/experiments/{definition.experiment}",
        "AZUREML_DATA_CONTAINER_ID": f"dcid.{run_id}",
        "AZUREML_FRAMEWORK": definition.framework,
        "AZUREML_COMMUNICATOR": definition.communicator,
        "AZUREML_TARGET_TYPE": "local" if definition.target == "local" else "amlcompute",
        "AZUREML_PROCESS_NAME": "rank_0",
    }


def _seen_at(item: JobData, placed: Placed, seen_work: str, host_paths: bool) -> str:
    """The path under which the job sees data."""
    wanted = item.path_on_compute
    if wanted and not wanted.startswith("/"):
        return f"{seen_work}/{CODE_FOLDER}/{wanted}"
    if host_paths:
        return placed.source
    if wanted:
        return wanted
    if placed.inside:
        return f"{seen_work}/{DATA_FOLDER}/{PurePath(placed.source).relative_to(_data_folder(placed.source))}"
    single = f"/{item.definition['single']}" if item.definition.get("single") else ""
    return f"{JOB_ROOT}/data/{item.name}{single}"


def _data_folder(source: str) -> PurePath:
    """The folder for data in the job's own folder that ``source`` lies in."""
    path = PurePath(source)
    return next(parent for parent in path.parents if parent.name == DATA_FOLDER and parent.parent.name == WORK_FOLDER)


def _data_mounts(item: JobData, placed: Placed, path: str, seen_work: str) -> tuple[Mount, ...]:
    linked = tuple(Mount(source, target, read_only=True) for source, target in placed.linked)
    if placed.inside and path.startswith(f"{seen_work}/"):
        return linked
    return (Mount(placed.source, path, read_only=not (item.writable or placed.inside)), *linked)
