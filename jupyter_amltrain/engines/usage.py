"""What an engine of containers tells of one → :class:`Usage`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .disk_io import disk_io, processes_of_container
from .protocol import Usage


def usage_of_statistics(statistics: Mapping[str, Any], at: float) -> Usage | None:
    """The answer to ``GET /containers/…/stats`` as a value; None for a container that does not run.

    Memory is what ``docker stats`` shows: without the files that the system only keeps in it because there is room.
    """
    memory: Mapping[str, Any] = statistics.get("memory_stats") or {}
    cpu = ((statistics.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    if not memory.get("usage") and not cpu:
        return None
    details = memory.get("stats") or {}
    idle_files = details.get("total_inactive_file", details.get("inactive_file", 0))
    networks = (statistics.get("networks") or {}).values()
    return Usage(
        at=at,
        cpu_seconds=None if cpu is None else cpu / 1e9,
        memory_bytes=max(0, memory["usage"] - idle_files) if memory.get("usage") else None,
        network_received_bytes=_sum(network.get("rx_bytes") for network in networks),
        network_sent_bytes=_sum(network.get("tx_bytes") for network in networks),
        disk_read_bytes=_disk(statistics, "read"),
        disk_written_bytes=_disk(statistics, "write"),
    )


def with_disk(usage: Usage, inspect: Callable[[], Mapping[str, Any]]) -> Usage:
    """The same with what the container's processes read and wrote, where the engine itself does not tell.

    Args:
        inspect: what the engine says of the container.
    """
    if usage.disk_read_bytes is not None or usage.disk_written_bytes is not None:
        return usage
    about = inspect()
    counted = disk_io(processes_of_container(str(about["Id"]), int(about["State"]["Pid"])))
    return replace(usage, disk_read_bytes=counted[0], disk_written_bytes=counted[1]) if counted else usage


def _disk(statistics: Mapping[str, Any], operation: str) -> int | None:
    # An empty list is nothing read so far, or a kernel that does not count: nothing is told until something is.
    entries = (statistics.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    return _sum(entry.get("value") for entry in entries if str(entry.get("op")).lower() == operation)


def _sum(values: Any) -> int | None:
    known = [int(value) for value in values if value is not None]
    return sum(known) if known else None
