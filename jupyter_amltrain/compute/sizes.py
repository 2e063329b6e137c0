"""Azure's VM sizes by name, and what asking for one means on the machine at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from ..errors import ComputeTargetException
from ..submission.job import Resources, size_bytes
from .host import GIB, HostCapacity, counted, host_capacity

GPU_POLICIES = ("require", "prefer", "ignore")
"""What to do about the GPUs of a VM size: refuse the run where there are none, run it on the CPU, never ask."""


@dataclass(frozen=True)
class VmSize:
    """One VM size; memory is in GiB, which Azure's pages call GB."""

    name: str
    cpus: int
    memory_gb: float
    gpus: int = 0

    def __str__(self) -> str:
        gpus = f", {counted(self.gpus, 'GPU')}" if self.gpus else ""
        return f"{counted(self.cpus, 'CPU')}, {self.memory_gb:g} GB{gpus}"


# Families with the same memory for every CPU: name, GiB for each CPU, CPU counts.
_FAMILIES = (
    *((f"D{{}}{kind}", 4.0, (2, 4, 8, 16, 32, 48, 64)) for kind in ("_v3", "s_v3", "_v4", "s_v4", "d_v4", "ds_v4")),
    *((f"D{{}}{kind}", 4.0, (2, 4, 8, 16, 32, 48, 64, 96)) for kind in ("a_v4", "as_v4", "_v5", "s_v5", "ds_v5")),
    *((f"E{{}}{kind}", 8.0, (2, 4, 8, 16, 20, 32, 48)) for kind in ("_v3", "s_v3", "_v4", "s_v4", "ds_v4", "s_v5")),
    ("F{}", 2.0, (1, 2, 4, 8, 16)),
    ("F{}s", 2.0, (1, 2, 4, 8, 16)),
    ("F{}s_v2", 2.0, (2, 4, 8, 16, 32, 48, 64, 72)),
)

# All others: name, CPUs, GiB, GPUs.
_SINGLE = """
A1_v2 1 2 0         A2_v2 2 4 0         A4_v2 4 8 0         A8_v2 8 16 0
A2m_v2 2 16 0       A4m_v2 4 32 0       A8m_v2 8 64 0
D1 1 3.5 0          D2 2 7 0            D3 4 14 0           D4 8 28 0
D11 2 14 0          D12 4 28 0          D13 8 56 0          D14 16 112 0
D1_v2 1 3.5 0       D2_v2 2 7 0         D3_v2 4 14 0        D4_v2 8 28 0        D5_v2 16 56 0
D11_v2 2 14 0       D12_v2 4 28 0       D13_v2 8 56 0       D14_v2 16 112 0     D15_v2 20 140 0
DS1_v2 1 3.5 0      DS2_v2 2 7 0        DS3_v2 4 14 0       DS4_v2 8 28 0       DS5_v2 16 56 0
DS11_v2 2 14 0      DS12_v2 4 28 0      DS13_v2 8 56 0      DS14_v2 16 112 0    DS15_v2 20 140 0
E64_v3 64 432 0     E64s_v3 64 432 0    E64_v4 64 504 0     E64s_v4 64 504 0    E64ds_v4 64 504 0
H8 8 56 0           H16 16 112 0        H16r 16 112 0       H8m 8 112 0         H16m 16 224 0
HB60rs 60 228 0     HC44rs 44 352 0     HB120rs_v2 120 456 0                    HB120rs_v3 120 448 0
M64s 64 1024 0      M64ms 64 1792 0     M128s 128 2048 0    M128ms 128 3892 0
NC6 6 56 1          NC12 12 112 2       NC24 24 224 4       NC24r 24 224 4
NC6_Promo 6 56 1    NC12_Promo 12 112 2 NC24_Promo 24 224 4
NC6s_v2 6 112 1     NC12s_v2 12 224 2   NC24s_v2 24 448 4   NC24rs_v2 24 448 4
NC6s_v3 6 112 1     NC12s_v3 12 224 2   NC24s_v3 24 448 4   NC24rs_v3 24 448 4
NC4as_T4_v3 4 28 1  NC8as_T4_v3 8 56 1  NC16as_T4_v3 16 110 1                   NC64as_T4_v3 64 440 4
NC24ads_A100_v4 24 220 1                NC48ads_A100_v4 48 440 2                NC96ads_A100_v4 96 880 4
NC40ads_H100_v5 40 320 1                NC80adis_H100_v5 80 640 2
ND6s 6 112 1        ND12s 12 224 2      ND24s 24 448 4      ND24rs 24 448 4     ND40rs_v2 40 672 8
ND96asr_v4 96 900 8 ND96amsr_A100_v4 96 1900 8              ND96isr_H100_v5 96 1900 8
NV6 6 56 1          NV12 12 112 2       NV24 24 224 4
NV12s_v3 12 112 1   NV24s_v3 24 224 2   NV48s_v3 48 448 4
NV36ads_A10_v5 36 440 1                 NV72ads_A10_v5 72 880 2
"""


def _rows() -> Iterator[VmSize]:
    for pattern, memory_gb, counts in _FAMILIES:
        for cpus in counts:
            yield VmSize(f"STANDARD_{pattern.format(cpus)}".upper(), cpus, cpus * memory_gb)
    words = iter(_SINGLE.split())
    for name, count, memory, gpus in zip(words, words, words, words, strict=True):
        yield VmSize(f"STANDARD_{name}".upper(), int(count), float(memory), int(gpus))


@cache
def vm_sizes() -> Mapping[str, VmSize]:
    """Upper-case name → size, of all sizes known here."""
    return {size.name: size for size in sorted(_rows(), key=lambda size: size.name)}


def find_size(name: str) -> VmSize:
    """The size of that name, in whatever case it is written.

    Raises:
        ComputeTargetException: there is none; the message suggests the nearest.
    """
    if not isinstance(name, str):
        raise ComputeTargetException(
            f"Invalid provisioning configuration, vm_size is a name such as 'STANDARD_NC6', not {name!r}."
        )
    wanted = name.strip().upper()
    known = vm_sizes()
    if wanted in known:
        return known[wanted]
    nearest = [
        *get_close_matches(f"STANDARD_{wanted}", known, n=1, cutoff=0.85),
        *get_close_matches(wanted, known, n=1, cutoff=0.85),
    ]
    advice = f"did you mean '{nearest[0]}'?" if nearest else "AmlCompute.supported_vmsizes() lists the known ones."
    raise ComputeTargetException(
        f"Invalid provisioning configuration, there is no vm_size '{name}'; {advice} Without a vm_size a node may use"
        " all of this machine."
    )


def resources_for(size: VmSize, host: HostCapacity) -> tuple[Resources, tuple[str, ...]]:
    """The limits that stand for a VM of this size, capped to what the host has, and a note where that made a change."""
    cpus = min(float(size.cpus), host.cpus)
    memory_bytes = min(int(size.memory_gb * GIB), host.memory_bytes)
    # A host without any GPU is left to the GPU policy, which refuses the run or says that it goes to the CPU.
    gpus = min(size.gpus, host.gpus) if host.gpus else size.gpus
    resources = Resources(cpus=cpus, memory_bytes=memory_bytes, gpus=gpus)
    capped = [cpus < size.cpus, memory_bytes < int(size.memory_gb * GIB), gpus < size.gpus]
    if not any(capped):
        return resources, ()
    has = HostCapacity(host.cpus, host.memory_bytes, host.gpus if capped[2] else None)
    using = "those" if all(capped[:2]) else str(HostCapacity(cpus, memory_bytes, gpus if capped[2] else None))
    return resources, (f"{size.name} has {size}; this host has {has}: using {using}.",)


def target_resources(
    definition: Mapping[str, Any], host: HostCapacity | None = None
) -> tuple[Resources, tuple[str, ...]]:
    """What one node of a target may use on this machine, and what a person should know about that.

    The environment variable AMLTRAIN_GPU (``require``, ``prefer``, ``ignore``) overrides the target's GPU policy.

    Raises:
        ComputeTargetException: AMLTRAIN_GPU has another value.
    """
    notes: tuple[str, ...] = ()
    resources = Resources()
    if definition.get("vm_size"):
        resources, notes = resources_for(find_size(definition["vm_size"]), host or host_capacity())
    chosen = definition.get("gpu")
    if not resources.gpus and chosen in ("require", "prefer"):
        # No GPU by its size, but asked for in so many words: all there are.
        resources = replace(resources, gpus=-1)
    override = os.environ.get("AMLTRAIN_GPU")
    policy = one_of("AMLTRAIN_GPU", override, GPU_POLICIES) if override else chosen or "require"
    if policy == "ignore" and resources.gpus:
        notes += (f"The run gets no GPU: {'AMLTRAIN_GPU' if override else 'gpu of the target'} is 'ignore'.",)
    resources = replace(
        resources,
        gpus=0 if policy == "ignore" else resources.gpus,
        gpu_policy="prefer" if policy == "prefer" else "require",
    )
    if definition.get("shm_size") is not None:
        resources = replace(resources, shm_bytes=size_bytes(definition["shm_size"]))
    if definition.get("memory") is not None:
        resources = replace(resources, memory_bytes=size_bytes(definition["memory"]))
    if definition.get("cpus") is not None:
        resources = replace(resources, cpus=float(definition["cpus"]))
    return resources, notes


def one_of(what: str, value: object, choices: tuple[str, ...]) -> str:
    """The choice that ``value`` is, in whatever case it is written.

    Raises:
        ComputeTargetException: it is none; the message suggests the nearest.
    """
    by_lower = {choice.lower(): choice for choice in choices}
    text = str(value).strip().lower()
    if text in by_lower:
        return by_lower[text]
    nearest = get_close_matches(text, by_lower, n=1, cutoff=0.6)
    advice = f"; did you mean '{by_lower[nearest[0]]}'?" if nearest else f"; it takes {', '.join(choices)}."
    raise ComputeTargetException(f"Invalid configuration, {what} cannot be {value!r}{advice}")
