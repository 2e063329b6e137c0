"""Jobs as processes: start one behind a keeper, read what it wrote, ask how it ended, end it.

Everything is known from the files that the keeper leaves (``jupyter_amltrain/job/keeper.py`` lists them) and from
process ids with start times, so any process of this user can do any of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import EngineException
from ...file_lock import locked
from ...job import keeper
from ..exits import explain_exit
from ..protocol import Chunk, Exit, Handle, Mark, Usage
from .usage import usage_of_group

RAW_FOLDER = "raw"
"""Folder below the run's folder that holds what the keeper writes."""

_STREAMS = ("stdout", "stderr")
_READ_BYTES = 1 << 20
_SHORTEST_WAIT_S = 0.002
_LONGEST_WAIT_S = 0.02
_KILL_WAIT_S = 10.0

REMOVED = Exit(code=None, reason="The files of this run were removed from outside.", infrastructure=True)
GONE = Exit(
    code=None,
    reason="The process of this run is gone and nothing says how it ended: it was killed together with its keeper, or "
    "this machine was restarted. Submit the run again.",
    infrastructure=True,
)


def start(raw: Path, command: Sequence[str], working_dir: str, environment: Mapping[str, str]) -> Handle:
    """Start the job whose files lie in ``raw``, unless it was started before; its handle in both cases."""
    raw.mkdir(parents=True, exist_ok=True)
    handle = _started(raw)
    if handle is not None:
        return handle
    with locked(raw / "start.lock") as lock:
        handle = _started(raw)
        if handle is None:
            _launch_keeper(raw, command, working_dir, environment, lock)
            handle = _started(raw)
    if handle is None:
        raise EngineException(f"The job could not be started: its keeper left nothing in {raw}.")
    return handle


def _launch_keeper(
    raw: Path, command: Sequence[str], working_dir: str, environment: Mapping[str, str], lock: int
) -> None:
    request = {
        "folder": str(raw),
        "command": list(command),
        "working_dir": working_dir,
        "environment": dict(environment),
        "lock": lock,
    }
    # The keeper inherits the lock: when this process is killed here, the next one waits until the keeper has either
    # written started.json or given up, and so never starts a second job.
    done = subprocess.run(
        [sys.executable, "-I", "-S", keeper.__file__],
        input=json.dumps(request).encode(),
        capture_output=True,
        pass_fds=(lock,),
        start_new_session=True,
        check=False,
    )
    if done.returncode or not (raw / keeper.STARTED).exists():
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise EngineException(f"The job could not be started: {lines[-1] if lines else 'its keeper ended at once'}.")


def _started(raw: Path) -> Handle | None:
    started = _read_json(raw / keeper.STARTED)
    return None if started is None else {"engine": "local", "folder": str(raw), **started}


def poll(handle: Handle) -> Exit | None:
    """None while the job or its keeper lives, else how it ended."""
    folder = Path(handle["folder"])
    ended = _read_exit(folder)
    if ended is not None:
        return ended
    if not (folder / keeper.STARTED).exists():
        return REMOVED
    if _alive(handle, "pid") or _alive(handle, "job_pid"):
        return None
    # It may have ended between the two looks.
    return _read_exit(folder) or GONE


def _alive(handle: Handle, who: str) -> bool:
    started = handle[f"{who}_started"]
    return bool(started) and keeper.process_identity(handle[who]) == started


def _read_exit(folder: Path) -> Exit | None:
    report = _read_json(folder / keeper.EXIT)
    if report is None:
        return None
    code = 128 + report["signal"] if report["code"] is None else report["code"]
    return Exit(
        code=code,
        reason=_reason(code, report["failure"], report["peak_memory_bytes"]),
        infrastructure=report["failure"].startswith("folder:"),
        peak_memory_bytes=report["peak_memory_bytes"],
    )


def _reason(code: int, failure: str, peak_memory_bytes: int) -> str:
    """Why the job ended, where ``failure`` is what the keeper could not do: ``folder:`` or ``program:`` and why."""
    kind, _, detail = failure.partition(":")
    if kind == "folder":
        return f"The working folder of the job cannot be used: {detail}."
    if kind == "program":
        return f"Exit code {code}: {detail}. Check the command and the environment's packages."
    peak = f" Its biggest process held {peak_memory_bytes / 2**20:.0f} MiB." if code == 128 + signal.SIGKILL else ""
    return explain_exit(code) + peak


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):  # absent, or cut off by a crash of the machine: the same as never written
        return None
    return value


def stream(handle: Handle, after: Mark | None) -> Iterator[Chunk]:
    """What the job wrote after ``after``, live, until it has ended and everything was read."""
    offsets = {name: (after or {}).get(f"0/{name}", 0) for name in _STREAMS}
    wait_s = _SHORTEST_WAIT_S
    while True:
        over = poll(handle) is not None  # asked before reading: what it wrote last is then still read
        found = False
        for name in _STREAMS:
            data = _read_at(Path(handle["folder"], f"0.{name}"), offsets[name])
            if data:
                offsets[name] += len(data)
                found = True
                yield Chunk(rank=0, stream=name, data=data)
        if found:
            wait_s = _SHORTEST_WAIT_S
        elif over:
            return
        else:
            time.sleep(wait_s)
            wait_s = min(wait_s * 1.3, _LONGEST_WAIT_S)


def _read_at(path: Path, offset: int) -> bytes:
    try:
        if path.stat().st_size <= offset:
            return b""
        with path.open("rb", buffering=0) as source:
            source.seek(offset)
            return source.read(_READ_BYTES)
    except FileNotFoundError:
        return b""


def usage(handle: Handle) -> Usage | None:
    """What the job's processes use now; None when it is over."""
    return usage_of_group(handle["job_pid"]) if _alive(handle, "job_pid") else None


def stop(handle: Handle, grace_s: float) -> None:
    """SIGINT, SIGTERM after half of ``grace_s``, SIGKILL after all of it, to the whole process group."""
    for number, wait_s in (
        (signal.SIGINT, grace_s / 2),
        (signal.SIGTERM, grace_s / 2),
        (signal.SIGKILL, _KILL_WAIT_S),
    ):
        if poll(handle) is not None:
            return
        if _alive(handle, "job_pid"):
            _signal_group(handle["job_pid"], number)
        if _wait_for_end(handle, wait_s):
            return
    raise EngineException(
        f"Process {handle['job_pid']} of this run did not end {_KILL_WAIT_S:.0f} s after SIGKILL; "
        "it probably hangs in a device or network file system."
    )


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it ended by itself meanwhile
        os.killpg(group, number)


def _wait_for_end(handle: Handle, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    pause_s = _SHORTEST_WAIT_S
    while poll(handle) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, _LONGEST_WAIT_S)
    return True
