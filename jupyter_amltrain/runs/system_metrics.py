"""What a job uses of the machine, once a second, as metrics whose names begin with ``system/``.

Of a run that lasts longer not every second is kept (:class:`.thinning.Thinning`).
A thread of its own asks the engine, which may take half a second for an answer; the log never waits for it. What
cannot be asked or stored is left out: these metrics are there to look at, and nothing depends on them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..engines.protocol import Usage
from ..errors import AzureMLException
from .record import SYSTEM, NewPoint, RunRecord
from .thinning import Thinning

if TYPE_CHECKING:
    from ..compute.gpu_usage import GpuUsage
    from .store import Store

_EVERY_S = 1.0

_RATES = {
    "network_received": "network_received_bytes",
    "network_sent": "network_sent_bytes",
    "disk_read": "disk_read_bytes",
    "disk_written": "disk_written_bytes",
}


@contextmanager
def system_metrics(
    store: Store, run: RunRecord, ask: Callable[[], Usage | None], gpus: tuple[str, ...] | None
) -> Iterator[None]:
    """Store what the job uses for as long as the block lasts; a job of less than a second leaves nothing.

    Args:
        ask: asks the engine.
        gpus: numbers of the job's GPUs, () for all, None when it has none.
    """
    over = threading.Event()
    thinning = Thinning(run.started or time.time())

    def watch() -> None:
        before: Usage | None = None
        due = time.monotonic() + _EVERY_S
        while not over.wait(max(0.0, due - time.monotonic())):
            due = max(due + _EVERY_S, time.monotonic())
            try:
                now = ask()
                if over.is_set():
                    break
                points = thinning.add(usage_points(before, now, _gpu_usage(gpus)))
                before = now
                if points:
                    store.add_points(run, points)
            except (AzureMLException, OSError, ValueError):
                continue  # the engine is away, or the disk is full
        store.close()

    # Nobody waits for its end: it may be waiting for the engine.
    threading.Thread(target=watch, name="amltrain-system-metrics", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        with suppress(AzureMLException, OSError):
            store.add_points(run, thinning.rest())


def _gpu_usage(gpus: tuple[str, ...] | None) -> Iterable[GpuUsage]:
    if gpus is None:
        return ()
    from ..compute.gpu_usage import gpu_usage  # ctypes is nothing that every run should wait for

    return gpu_usage(gpus)


def usage_points(before: Usage | None, now: Usage | None, gpus: Iterable[GpuUsage] = ()) -> list[NewPoint]:
    """The metrics of one moment: what is a rate or a share needs the moment before."""
    at = now.at if now else time.time()
    values: dict[str, float | None] = {}
    if now:
        values["memory"] = now.memory_bytes
    if now and before and now.at > before.at:
        seconds = now.at - before.at
        cpu = _growth(before.cpu_seconds, now.cpu_seconds)
        values["cpu"] = None if cpu is None else 100 * cpu / seconds
        for name, field in _RATES.items():
            grown = _growth(getattr(before, field), getattr(now, field))
            values[name] = None if grown is None else grown / seconds
    for gpu in gpus:
        values[f"gpu/{gpu.number}"] = gpu.percent
        values[f"gpu/{gpu.number}/memory"] = gpu.memory_bytes
    return [
        NewPoint(f"{SYSTEM}/{name}", "scalar", value, None, at, 0, source=SYSTEM)
        for name, value in values.items()
        if value is not None
    ]


def _growth(before: float | None, now: float | None) -> float | None:
    """By how much a count went up; it goes down when a process ends that nobody waited for."""
    return None if before is None or now is None else max(0.0, now - before)
