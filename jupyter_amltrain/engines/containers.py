"""Job → the request that creates its container. Pure, but for asking the engine once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..environment.network.host_settings import loopback_names, not_overridden, without_credentials
from ..submission.job import JOB_ROOT, Job

_LOG_DRIVERS = {
    # Nothing may rotate away before it was read: one file, as large as it gets, uncompressed.
    "docker": {"Type": "local", "Config": {"max-size": "1024g", "max-file": "2", "compress": "false"}},
    "podman": {"Type": "k8s-file", "Config": {}},
}


@dataclass(frozen=True)
class EngineFacts:
    """What about an engine decides how containers are asked for.

    Attributes:
        kind: ``docker`` or ``podman``.
        rootless: the engine runs as the caller, who is root inside.
        selinux: mounts need their label set aside.
        network: network mode to use when the job names none; None is the engine's own default.
    """

    engine_id: str
    api_version: str = "auto"
    kind: str = "docker"
    rootless: bool = False
    selinux: bool = False
    network: str | None = None

    @property
    def home_needed(self) -> bool:
        """Whether jobs run as a user for whom the image has no home folder."""
        return os.getuid() != 0 and not (self.rootless and self.kind == "docker")

    @classmethod
    def ask(cls, client: Any) -> EngineFacts:
        """The facts, from the engine that docker-py's low-level ``client`` talks to."""
        version, info = client.version(), client.info()
        components = " ".join(component.get("Name", "") for component in version.get("Components") or [])
        security = " ".join(info.get("SecurityOptions") or [])
        bridges = client.networks(names=["bridge", "podman"])
        return cls(
            engine_id="".join(c for c in str(info.get("ID") or info.get("Name")) if c.isalnum())[:40],
            api_version=str(version["ApiVersion"]),
            kind="podman" if "Podman" in components else "docker",
            rootless="rootless" in security,
            selinux="selinux" in security,
            network=None if bridges else "host",
        )


def network_of(job: Job, facts: EngineFacts) -> str | None:
    """The network mode of a job's container; None is the engine's own default."""
    return job.network_mode or os.environ.get("AMLTRAIN_NETWORK") or facts.network


def network_settings(job: Job, facts: EngineFacts, own: Iterable[str]) -> tuple[dict[str, str], str]:
    """The host's network settings that a job's container gets, and a note on those that mean nothing there, or "".

    Args:
        own: names of the variables that the image sets itself.
    """
    mode = network_of(job, facts)
    settings = {} if mode == "none" else not_overridden(job.defaults, own)
    lost = [] if mode == "host" else loopback_names(settings)
    if not lost:
        return settings, ""
    shown = ", ".join(dict.fromkeys(without_credentials(settings[name]) for name in lost))
    note = (
        f"{shown} is this machine's own address, which is another one inside a container, so the job is not told of it."
        " Use network_mode='host' (or AMLTRAIN_NETWORK=host), or name an address that containers reach with"
        " Workspace.set_network."
    )
    return {name: value for name, value in settings.items() if name not in lost}, note


def container_request(
    job: Job, facts: EngineFacts, user_name: str, *, gpus: bool = True, settings: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The body of ``POST /containers/create`` for a job, as a value.

    The image's entry point is replaced by the command: what runs is what the run says, whatever the image would
    have started.

    Args:
        settings: as :func:`network_settings` gives them.
    """
    resources = job.resources
    user, home = job.user, {}
    security = ["no-new-privileges"]
    host: dict[str, Any] = {
        "Init": True,
        "Mounts": [
            {"Type": "bind", "Source": m.source, "Target": m.target, "ReadOnly": m.read_only} for m in job.mounts
        ],
        "ShmSize": resources.shm_bytes,
        "LogConfig": _LOG_DRIVERS[facts.kind],
    }
    if facts.rootless:
        # The caller is root inside a rootless Docker; Podman can keep the caller's own number.
        user = user if facts.kind == "podman" else "0:0"
        host |= {"UsernsMode": "keep-id"} if facts.kind == "podman" else {}
    if facts.home_needed:
        home = {"HOME": f"{JOB_ROOT}/run/home"}
    if facts.selinux:
        security.append("label=disable")
    if resources.cpus:
        host["NanoCpus"] = int(resources.cpus * 1e9)
    if resources.memory_bytes:
        host |= {"Memory": resources.memory_bytes, "MemorySwap": resources.memory_bytes}
    if resources.pids:
        host["PidsLimit"] = resources.pids
    if resources.gpus and gpus:
        which = {"Count": 0, "DeviceIDs": [*job.gpus]} if job.gpus else {"Count": resources.gpus, "DeviceIDs": None}
        host["DeviceRequests"] = [{"Driver": "", **which, "Capabilities": [["gpu"]], "Options": {}}]
    network = network_of(job, facts)
    if network:
        host["NetworkMode"] = network
    host["SecurityOpt"] = security
    # torch asks getpass who it is, and a uid that the image does not know has no name.
    variables = {"USER": user_name, "LOGNAME": user_name, **(settings or {}), **home, **job.environment}
    return {
        "Image": job.image,
        "Entrypoint": [job.command[0]],
        "Cmd": list(job.command[1:]),
        "WorkingDir": job.working_dir,
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "User": user or "",
        "Labels": dict(job.labels),
        "AttachStdout": True,
        "AttachStderr": True,
        "AttachStdin": False,
        "OpenStdin": False,
        "Tty": False,
        "HostConfig": host,
    }
