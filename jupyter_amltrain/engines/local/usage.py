"""What the processes of a local job use, from ``/proc``; systems without it tell nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from ..disk_io import disk_io
from ..protocol import Usage


def usage_of_group(group: int) -> Usage | None:
    """All processes of a process group together; None when there is none, or the system does not tell.

    The network is everybody's on this machine, so nothing is said of it. Memory that processes share counts for each.
    """
    members = list(_members(group))
    if not members:
        return None
    ticks, memory = 0, 0
    for pid, used in members:
        ticks += used
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            memory += int(_text(f"/proc/{pid}/statm").split()[1])
    read, written = disk_io(pid for pid, _ in members) or (None, None)
    return Usage(
        at=time.time(),
        cpu_seconds=ticks / os.sysconf("SC_CLK_TCK"),
        memory_bytes=memory * os.sysconf("SC_PAGE_SIZE"),
        disk_read_bytes=read,
        disk_written_bytes=written,
    )


def _members(group: int) -> Iterator[tuple[int, int]]:
    """Process id and CPU time, that of its ended children included, of each process of the group."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                # The name of the program, in parentheses, may hold anything.
                fields = _text(f"/proc/{name}/stat").rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] not in "ZX":
                    yield int(name), sum(map(int, fields[11:15]))


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
