"""What processes of this machine read from disks and wrote to them, from ``/proc``.

Engines that cannot tell it of a container (``blkio`` of newer kernels counts only what it throttles; engines without
root see no controller) are helped out: its processes are those of its control group, when it is on this machine at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CONTROL_GROUPS = "/sys/fs/cgroup"


def disk_io(pids: Iterable[int]) -> tuple[int, int] | None:
    """Bytes read and written by processes, with those that they waited for; None when nothing can be told of any."""
    counts = []
    for pid in pids:
        with suppress(OSError, ValueError, KeyError):  # it has just ended, or is somebody else's
            fields = dict(line.split(": ") for line in _text(f"/proc/{pid}/io").splitlines())
            counts.append((int(fields["read_bytes"]), int(fields["write_bytes"])))
    return (sum(read for read, _ in counts), sum(written for _, written in counts)) if counts else None


def processes_of_container(container_id: str, pid: int) -> list[int]:
    """The processes of a container whose first one has that id; none when it is not on this machine."""
    with suppress(OSError, ValueError):
        for line in _text(f"/proc/{pid}/cgroup").splitlines():
            _, controllers, group = line.split(":", 2)
            if container_id not in group:
                continue  # another machine's process has the same id here
            for top in (controllers or "unified", "."):
                with suppress(OSError):
                    return [int(word) for word in _text(f"{_CONTROL_GROUPS}/{top}{group}/cgroup.procs").split()]
    return []


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")
