"""What an engine can do, found out with containers that are created to be looked into and removed again."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import suppress
from typing import Any

from ..compute.host import host_capacity
from ..environment.inspection.engine_view import EngineView
from ..environment.inspection.preflight import GpuFacts
from ..errors import EngineException
from ..home import home_folder

_LABELS = {"amltrain.probe": "1"}
_LEFT_BEHIND_AFTER_S = 60
_GPU_REFUSALS = (
    "could not select device driver",
    "nvidia-container-cli",
    "unresolvable CDI devices",
    "failed to discover GPU",
)


def gpu_refusal(client: Any) -> str:
    """The engine's own words when no container with a GPU could start here, "" when one could; nothing is run.

    The engine looks for its GPU driver, and NVIDIA's hook for the device, before the program; so a program that
    does not exist tells the two refusals apart.
    """
    from docker import errors

    images = client.images(quiet=True)
    if not images:
        return ""  # nothing to ask with: the start will tell
    config = client.create_host_config(
        device_requests=[{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}],
        network_mode="none",
    )
    probe = client.create_container(images[0], ["/amltrain-gpu-probe"], host_config=config, labels=_LABELS)["Id"]
    try:
        client.start(probe)
    except errors.APIError as error:
        text = str(error.explanation or error)
        return text if is_gpu_refusal(text) else ""
    finally:
        client.remove_container(probe, force=True)
    return ""


def gpu_facts(client: Any, view: EngineView) -> GpuFacts:
    """What there is of GPUs, and which piece is missing where there are none to give."""
    refusal = gpu_refusal(client)
    here = view.is_here
    wsl = os.path.exists("/dev/dxg")
    return GpuFacts(
        refusal=refusal,
        engine_is_here=here,
        driver=os.path.exists("/proc/driver/nvidia/version") or wsl or shutil.which("nvidia-smi") is not None,
        toolkit=any(map(shutil.which, ("nvidia-container-runtime-hook", "nvidia-ctk", "nvidia-container-cli"))),
        runtime="nvidia" in view.runtimes or view.cdi,
        count=None if wsl else host_capacity().gpus,
    )


def is_gpu_refusal(text: str) -> bool:
    """Whether an engine that says so has no GPU to give."""
    return any(sign in text for sign in _GPU_REFUSALS)


def ensure_shared(client: Any, engine_id: str, image: str) -> None:
    """Refuse clearly when the engine does not see our folders (remote engine, Jupyter itself in a container).

    Asked once per engine and home folder: a container that is created, never started, and looked into.

    Raises:
        EngineException: it does not see them.
    """
    from docker import errors

    home = home_folder()
    memory = home / "cache" / f"shared-{engine_id}"
    if memory.exists():
        return
    memory.parent.mkdir(exist_ok=True)
    nonce = f"amltrain-probe-{os.getpid()}-{threading.get_ident()}"
    (memory.parent / nonce).touch()
    try:
        config = client.create_host_config(
            mounts=[{"Type": "bind", "Source": str(memory.parent), "Target": "/amltrain-probe", "ReadOnly": True}]
        )
        probe = client.create_container(image, ["/amltrain-probe"], host_config=config, labels=_LABELS)["Id"]
        try:
            client.get_archive(probe, f"/amltrain-probe/{nonce}")
        finally:
            client.remove_container(probe, force=True)
    except errors.ImageNotFound:
        raise  # says nothing about folders
    except errors.APIError as error:
        raise EngineException(
            f"The engine does not see the folder {home} of this machine, so it cannot give the job its files"
            f" ({error.explanation or error}). Set AMLTRAIN_HOME to a folder that both see under the same path"
            " (Docker Desktop: Settings, Resources, File sharing), or use an engine on this machine."
        ) from error
    finally:
        (memory.parent / nonce).unlink(missing_ok=True)
    memory.touch()


def sweep_probes(client: Any) -> None:
    """Remove the probes whose maker was killed before it could remove them."""
    from docker import errors

    for found in client.containers(all=True, filters={"label": "amltrain.probe", "status": ["created", "exited"]}):
        if found["Created"] < time.time() - _LEFT_BEHIND_AFTER_S:
            with suppress(errors.APIError):
                client.remove_container(found["Id"])
