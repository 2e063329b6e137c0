"""What is new in a run after this cursor? The one way in which every face follows a run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import status as states
from .folder import BUILD_LOG, CONDA_LOCK, DRIVER_LOG, ENVIRONMENT
from .record import Point, RunRecord

if TYPE_CHECKING:
    from .store import Store

_BLOCK_BYTES = 1 << 20
_FIRST_POLL_S = 0.002


@dataclass(frozen=True)
class Update:
    """Something new: the run's state, bytes of one of its logs, or metric points.

    Attributes:
        run: the run as of now.
        log: the log file with news, such as ``azureml-logs/70_driver_log.txt``; "" for none.
        data: its new bytes.
        cursor: offset in the file after them.
        points: new metric points, oldest first.
    """

    run: RunRecord
    log: str = ""
    data: bytes = b""
    cursor: int = 0
    points: tuple[Point, ...] = ()


def log_files(run_folder: Path) -> list[str]:
    """The names of the logs that the run has so far, in the order in which they are to be read.

    The list of what its image has and its conda lock are beside them, and are no logs.
    """
    names = (f"azureml-logs/{path.name}" for path in run_folder.glob("azureml-logs/*.txt"))
    return sorted(name for name in names if name not in (ENVIRONMENT, CONDA_LOCK))


def read_log(run_folder: Path, name: str, after: int = 0, limit: int = _BLOCK_BYTES) -> bytes:
    """Bytes of a log from offset ``after`` on, at most ``limit`` of them."""
    try:
        with open(run_folder / name, "rb") as file:
            file.seek(after)
            return file.read(limit)
    except FileNotFoundError:
        return b""


def follow(
    store: Store,
    run_folder: Path,
    run_id: str,
    *,
    log_after: Mapping[str, int] | None = None,
    points_after: int | None = None,
    poll_s: float = 0.01,
    idle_s: float | None = None,
) -> Iterator[Update]:
    """Every change of a run, until it is over and everything was given out.

    Args:
        log_after: log name to offset from which on its bytes are wanted; files not named start at 0.
        points_after: cursor from which on points are wanted, None for no points.
        poll_s: longest pause between two looks; a look at a run where nothing happens costs some 20 µs.
        idle_s: after that long without news give an update without news, so that the caller can do other things.
    """
    cursors = dict(log_after or {})
    shown: RunRecord | None = None
    busy = 0
    while True:
        # First whether it is over, then what it wrote: nothing is written after the end.
        run = store.run(run_id)
        over = run.status in states.TERMINAL
        news = False
        if shown is None or (run.status, run.reason) != (shown.status, shown.reason):
            shown, news = run, True
            if not over:
                yield Update(run)
        for name in log_files(run_folder):
            while data := read_log(run_folder, name, cursors.get(name, 0)):
                cursors[name] = cursors.get(name, 0) + len(data)
                news = True
                yield Update(run, name, data, cursors[name])
        if points_after is not None:
            while found := store.points(run_id, points_after, limit=50_000):
                points_after = found[-1].cursor
                news = True
                yield Update(run, points=tuple(found))
        if over:
            yield Update(run)
            return
        # News after a silence are noticed at once; a flood is taken in larger portions.
        busy = busy + 1 if news else 0
        pause_s = min(poll_s, _FIRST_POLL_S * max(1, busy))
        if not _wait_for_change(store, run_folder, cursors, pause_s, poll_s, idle_s):
            yield Update(run)


def _wait_for_change(
    store: Store, run_folder: Path, cursors: Mapping[str, int], pause_s: float, poll_s: float, idle_s: float | None
) -> bool:
    """True when the store or a log has changed, False after ``idle_s``; looks cost microseconds and may come often."""
    end = None if idle_s is None else time.monotonic() + idle_s
    time.sleep(pause_s)
    while not store.changed() and not _has_grown(run_folder, cursors):
        if end is not None and time.monotonic() >= end:
            return False
        time.sleep(pause_s)
        pause_s = min(poll_s, pause_s * 1.5)
    return True


def _has_grown(run_folder: Path, cursors: Mapping[str, int]) -> bool:
    for name in (DRIVER_LOG, BUILD_LOG):
        try:
            if (run_folder / name).stat().st_size > cursors.get(name, 0):
                return True
        except FileNotFoundError:
            continue
    return False
