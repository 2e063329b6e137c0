"""``LocalEngine``: the protocol, said with processes and virtual environments."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from ...environment.conda.solve import check_specs
from ...environment.network.host_settings import workspace_settings
from ...environment.packages.requirements import Packages, normalised, wanted_packages
from ...environment.secrets import with_credentials
from ...errors import EngineException, GpuUnavailableException, UserErrorException
from ..by_hand import shell_command
from ..protocol import REBUILD, Discarded, EnvironmentSpec, Exit, Handle, Image, Preparation, Stored, Usage
from . import conda_prefix, process, stored, virtualenv
from .inventory import look_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...submission.job import Job, Resources
    from ..protocol import Chunk, Mark

# What a kernel or a hub sets for itself: tokens are none of the job's business, and the plot backend of a notebook
# needs packages that the job's environment may not have.
_KERNELS_OWN = ("JPY_", "JUPYTERHUB_", "JUPYTER_TOKEN", "MPLBACKEND", "PYDEVD_")
_OTHER_PYTHON = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")


class LocalEngine:
    """The ``local`` engine: no daemon and no image needed, and no isolation either."""

    name = "local"
    isolated = False
    host_paths = True

    def check(
        self, environment: EnvironmentSpec, resources: Resources, secrets: Mapping[str, str] | None = None
    ) -> list[str]:
        """See :meth:`Engine.check`."""
        _refuse_images(environment)
        packages = wanted_packages(environment)
        check_specs(packages)
        if environment.get("user_managed"):
            _own_interpreter(environment)
        return [*packages.notes, *_ignored(environment, resources), *_gpu_notes(resources)]

    def prepare(
        self,
        environment: EnvironmentSpec,
        log: Preparation,
        secrets: Mapping[str, str] | None = None,
        renew: str = "",
    ) -> Image:
        """See :meth:`Engine.prepare`."""
        _refuse_images(environment)
        if environment.get("user_managed"):
            return _own_image(environment, log)
        network = workspace_settings(environment.get("network") or {})
        packages = wanted_packages(environment)
        plan = replace(_plan(packages, secrets or {}), variables=network.seen_with(network.ca_origin))
        rebuild = renew == REBUILD
        fill = partial(
            conda_prefix.fill,
            packages=packages,
            network=environment.get("network") or {},
            secrets=secrets or {},
            log=log,
            renew=rebuild,
        )
        folder, built = virtualenv.make(plan, log, rebuild=rebuild, fill=fill if packages.conda else None)
        interpreter = str(virtualenv.interpreter_of(folder))
        contents = look_beside(str(folder), interpreter, log, again=built)
        return Image(
            reference=str(folder),
            interpreter=interpreter,
            name=f"conda environment {plan.fingerprint[:8]}"
            if packages.conda
            else f"virtual environment {plan.fingerprint[:8]} (Python {plan.python_version})",
            digest=f"sha256:{plan.fingerprint}",
            built=built,
            python=contents.python if contents else "",
        )

    def start(self, job: Job) -> Handle:
        """See :meth:`Engine.start`."""
        if job.nodes != 1:
            raise EngineException(f"The local engine runs one node, and {job.nodes} were asked for.")
        for mount in job.mounts:
            if mount.source != mount.target:
                raise EngineException(
                    f"The local engine cannot show {mount.source} at {mount.target}: its jobs see the files of this "
                    "machine where they are. Use a target on Docker."
                )
        raw = Path(job.run_folder, process.RAW_FOLDER)
        handle = process.start(raw, job.command, job.working_dir, job_variables(job, os.environ))
        return {**handle, "by_hand": shell_command(job.working_dir, job.environment, job.command)}

    def poll(self, handle: Handle) -> Exit | None:
        """See :meth:`Engine.poll`."""
        return process.poll(handle)

    def stream(self, handle: Handle, after: Mark | None = None) -> Iterator[Chunk]:
        """See :meth:`Engine.stream`."""
        return process.stream(handle, after)

    def usage(self, handle: Handle) -> Usage | None:
        """See :meth:`Engine.usage`."""
        return process.usage(handle)

    def stop(self, handle: Handle, grace_s: float) -> None:
        """See :meth:`Engine.stop`."""
        process.stop(handle, grace_s)

    def remove(self, handle: Handle) -> None:
        """See :meth:`Engine.remove`."""
        process.stop(handle, grace_s=0)
        shutil.rmtree(handle["folder"], ignore_errors=True)

    def stored(self, environments: Mapping[str, EnvironmentSpec]) -> tuple[Stored, ...]:
        """See :meth:`Engine.stored`."""
        leads: dict[str, list[str]] = {}
        for name, spec in environments.items():
            with suppress(UserErrorException):
                _refuse_images(spec)
                if not spec.get("user_managed"):
                    plan = _plan(wanted_packages(spec), {})
                    leads.setdefault(str(virtualenv.newest(plan) or plan.folder), []).append(name)
        return stored.list_stored(leads)

    def discard(self, things: Sequence[Stored]) -> Discarded:
        """See :meth:`Engine.discard`."""
        return stored.discard_stored(things)


def job_variables(job: Job, around: Mapping[str, str]) -> dict[str, str]:
    """The job's whole environment: what is around it, the Python it is to find first, and what we add."""
    variables = {name: value for name, value in around.items() if not name.startswith(_KERNELS_OWN)}
    python = Path(job.image or sys.executable)
    if python.is_dir():
        for name in _OTHER_PYTHON:
            variables.pop(name, None)
        variables.update(conda_prefix.conda_variables(python) or {"VIRTUAL_ENV": str(python)})
        python = virtualenv.interpreter_of(python)
    variables["PATH"] = os.pathsep.join([str(python.parent), variables.get("PATH", os.defpath)])
    own = {"CUDA_VISIBLE_DEVICES": ",".join(job.gpus)} if job.gpus else {}
    return {**variables, **job.defaults, **own, **job.environment}


def _refuse_images(environment: EnvironmentSpec) -> None:
    name = environment.get("name", "")
    if environment.get("dockerfile") or environment.get("context"):
        raise UserErrorException(
            f"The environment '{name}' has a Dockerfile, and the local engine cannot build one."
            f"{_why_no_docker()} Start Docker and use a target on it."
        )
    if environment.get("image") and (environment.get("user_managed") or environment.get("mode") == "layered"):
        raise UserErrorException(
            f"The environment '{name}' brings its packages in the image {environment['image']}, and the local engine "
            f"cannot run images.{_why_no_docker()} Start Docker and use a target on it, or list its packages for pip."
        )


def _why_no_docker() -> str:
    """Why the run came here, when that is because no Docker engine answers: a sentence with a space in front."""
    from ..registry import docker_problem

    problem = docker_problem()
    return f" {problem}" if problem else ""


def _ignored(environment: EnvironmentSpec, resources: Resources) -> list[str]:
    notes = []
    if environment.get("image"):
        notes.append(
            f"The local engine runs no images: {environment['image']} is left out, only the packages are used."
        )
    if environment.get("arguments"):
        notes.append("The local engine has no containers: the docker arguments are left out.")
    asked = {"cpus": resources.cpus, "memory": resources.memory_bytes, "processes": resources.pids}
    limits = [name for name, value in asked.items() if value]
    if limits:
        notes.append(f"The local engine does not limit {', '.join(limits)}: the job may use all of this machine.")
    return notes


def _gpu_notes(resources: Resources) -> list[str]:
    if not resources.gpus:
        return []
    there = _gpu_count()
    if there >= max(resources.gpus, 1):
        return []
    asked = "a GPU" if resources.gpus in (1, -1) else f"{resources.gpus} GPUs"
    found = "has none" if not there else f"has {there}"
    if resources.gpu_policy == "prefer":
        return [f"The target asks for {asked} and this machine {found}: the job runs with what there is."]
    raise GpuUnavailableException(
        f"The target asks for {asked} and this machine {found} that can be used. Install the NVIDIA driver, use a CPU "
        "target, or set AMLTRAIN_GPU=prefer to run without."
    )


def _gpu_count() -> int:
    devices = len(glob("/dev/nvidia[0-9]*"))
    # Under WSL all GPUs are behind one device.
    return devices or (1 if os.path.exists("/dev/dxg") and shutil.which("nvidia-smi") else 0)


def _plan(packages: Packages, secrets: Mapping[str, str]) -> virtualenv.Plan:
    return virtualenv.plan_virtualenv(
        packages.python or "",
        content=normalised(packages),
        lines=tuple(with_credentials(line, secrets) for line in (*packages.options, *packages.pip)),
        secrets=tuple(secrets.values()),
    )


def _own_image(environment: EnvironmentSpec, log: Preparation) -> Image:
    interpreter = _own_interpreter(environment)
    is_ours = interpreter == sys.executable
    reference = "" if is_ours else interpreter
    # Whoever installs in it tells nobody, so it is looked at for every run.
    contents = look_beside(reference, interpreter, log, again=True)
    name = f"the notebook's own Python {platform.python_version()}" if is_ours else interpreter
    return Image(reference, interpreter, name, python=contents.python if contents else "")


def _own_interpreter(environment: EnvironmentSpec) -> str:
    wanted = environment.get("interpreter_path") or "python"
    if wanted == "python":
        return sys.executable
    found = shutil.which(os.path.expanduser(wanted))
    if found is None:
        raise UserErrorException(
            f"The interpreter {wanted} of the environment '{environment.get('name', '')}' is not on this machine. "
            "Correct python.interpreter_path, or leave it away to use the notebook's own Python."
        )
    return os.path.abspath(found)
