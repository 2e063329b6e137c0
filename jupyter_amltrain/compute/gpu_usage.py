"""What the GPUs of this machine do now, asked of the driver's own library (NVML), with nothing to install."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple


class GpuUsage(NamedTuple):
    """One GPU: its number, percent of the last moments in which it worked, and memory taken, by whomever."""

    number: int
    percent: float
    memory_bytes: int


class _Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


def gpu_usage(numbers: Iterable[str] = ()) -> list[GpuUsage]:
    """The GPUs of these numbers, or all where none is named; none where there is no driver."""
    library = _library()
    if library is None:
        return []
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return []
    wanted = {int(number) for number in numbers if number.isdecimal()} or {*range(count.value)}
    found = (_usage_of(library, number) for number in sorted(wanted) if number < count.value)
    return [usage for usage in found if usage]


def _usage_of(library: Any, number: int) -> GpuUsage | None:
    device, busy, memory = ctypes.c_void_p(), _Utilization(), _Memory()
    if (
        library.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(device))
        or library.nvmlDeviceGetUtilizationRates(device, ctypes.byref(busy))
        or library.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory))
    ):
        return None  # such as a part of a GPU (MIG), of which the driver does not tell this
    return GpuUsage(number, float(busy.gpu), int(memory.used))


@lru_cache(maxsize=1)
def _library() -> Any:
    """The library, ready to be asked; None where there is none."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        return None if library.nvmlInit_v2() else library
    except (OSError, AttributeError):
        return None
