"""Facts about the engine and its machine that checks before a long step need."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api import EngineApi
from .preflight import architecture_name

_CONTAINERD_ROOT = "/var/lib/containerd"
_EMULATORS = {"amd64": "x86_64", "arm64": "aarch64", "arm": "arm", "386": "i386"}


@dataclass(frozen=True)
class EngineView:
    """What an engine says about itself.

    Attributes:
        name: product and version.
        architecture: in the words of images.
        root: where it keeps images.
        is_here: it runs on this machine, and its folder is one of ours; a socket alone does not say so (Docker Desktop
            and other virtual machines, Jupyter itself in a container).
        runtimes: names of the container runtimes.
        cdi: it knows devices by the Container Device Interface.
    """

    name: str
    architecture: str
    root: str
    is_here: bool
    runtimes: tuple[str, ...] = ()
    cdi: bool = False
    containerd: bool = False

    @classmethod
    def ask(cls, api: EngineApi) -> EngineView:
        """What the engine answers, with a look at whether it is on this machine."""
        _, found = api.get("/info")
        info: Mapping[str, Any] = found or {}
        root = str(info.get("DockerRootDir") or "")
        here = os.uname()
        is_here = api.is_here and info.get("KernelVersion") == here.release and info.get("Name") == here.nodename
        devices = [str(device.get("ID", "")) for device in info.get("DiscoveredDevices") or ()]
        return cls(
            name=f"{'Podman' if 'podman' in str(info.get('ServerVersion', '')).lower() else 'Docker'}"
            f" {info.get('ServerVersion', '')}, {info.get('OperatingSystem', '')}".strip(", "),
            architecture=architecture_name(str(info.get("Architecture") or "")),
            root=root,
            is_here=bool(is_here and root and os.path.isdir(root)),
            runtimes=tuple(info.get("Runtimes") or ()),
            cdi=any("nvidia" in device for device in devices),
            containerd="io.containerd.snapshotter.v1" in str(info.get("DriverStatus")),
        )

    def free_bytes(self) -> int | None:
        """Free space where the engine keeps images; None when it is not a disk of this machine."""
        if not self.is_here:
            return None
        places = [self.root, *([_CONTAINERD_ROOT] if self.containerd and os.path.isdir(_CONTAINERD_ROOT) else [])]
        try:
            return min(room.f_bavail * room.f_frsize for room in map(os.statvfs, places))
        except OSError:  # not ours to look at
            return None

    def emulates(self, architecture: str) -> bool | None:
        """Whether the kernel runs programs of another processor; None when the engine is elsewhere."""
        if not self.is_here:
            return None
        folder = Path("/proc/sys/fs/binfmt_misc")
        wanted = _EMULATORS.get(architecture_name(architecture), architecture)
        for path in (folder / f"qemu-{wanted}", folder / "rosetta"):
            try:
                text = path.read_text()
            except OSError:
                continue
            # Without F the emulator would have to be in the image.
            if text.startswith("enabled") and "F" in text.partition("flags:")[2].partition("\n")[0]:
                return True
        return False
