"""What this machine has to give: processors, memory, GPUs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GIB = 1024**3


@dataclass(frozen=True)
class HostCapacity:
    """What one machine has. ``gpus`` is None when that cannot be told without asking the engine."""

    cpus: float
    memory_bytes: int
    gpus: int | None = None

    def __str__(self) -> str:
        gpus = f", {counted(self.gpus, 'GPU')}" if self.gpus else ""
        return f"{counted(self.cpus, 'CPU')}, {self.memory_bytes / GIB:.3g} GB{gpus}"


def counted(number: float, thing: str) -> str:
    """``1 CPU``, ``2 CPUs``."""
    return f"{number:g} {thing}{'' if number == 1 else 's'}"


@cache
def host_capacity() -> HostCapacity:
    """What this process may use: the machine's, less what affinity and control group take away."""
    return HostCapacity(cpus=_cpus(), memory_bytes=_memory_bytes(), gpus=_gpus())


def _cpus() -> float:
    try:
        available = float(len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS
        available = float(os.cpu_count() or 1)
    quota, _, period = _first_line("/sys/fs/cgroup/cpu.max").partition(" ")
    if not quota:
        quota = _first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        period = _first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    if quota.isdigit() and period.isdigit() and int(period):
        return max(min(available, round(int(quota) / int(period), 2)), 0.01)
    return available


def _memory_bytes() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _first_line(limit)
        if text.isdigit():
            return min(total, int(text))
    return total


def _gpus() -> int | None:
    # The NVIDIA driver's own list; under WSL and Docker Desktop there is none although there may be a GPU.
    folder = Path("/proc/driver/nvidia/gpus")
    try:
        return len(list(folder.iterdir()))
    except OSError:
        return None


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
