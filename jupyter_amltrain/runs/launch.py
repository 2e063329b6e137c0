"""Starting supervisors: from a warm process where there is one, else from nothing.

Importing Python and docker-py costs as much as starting a container. So whoever will submit keeps one idle helper
process that has imported everything and forks a supervisor when told to. The helper ends with its owner; supervisors
live in sessions of their own and outlast both. Without a helper everything works the same, a third of a second later.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_WARM_UP_AFTER_S = 2.0
_lock = threading.Lock()
_helper: tuple[int, subprocess.Popen[bytes]] | None = None


def warm_up() -> None:
    """Start the idle helper of this process, if it has none; takes some milliseconds and never fails loudly."""
    global _helper
    with _lock:
        if _helper and _helper[0] == os.getpid() and _helper[1].poll() is None:
            return
        try:
            _helper = (os.getpid(), _python("--warm", stdin=subprocess.PIPE))
        except OSError:
            _helper = None


def start_supervisor(workspace_folder: Path, run_id: str, secrets: Mapping[str, str] | None = None) -> None:
    """Have a supervisor take care of the run from now on. A second one for the same run ends at once.

    Args:
        secrets: registry credentials, handed over through a pipe and kept in memory only.
    """
    # The helper may be older than what the notebook has set since, such as DOCKER_HOST.
    request = {
        "workspace": str(workspace_folder),
        "run": run_id,
        "secrets": dict(secrets or {}),
        "environment": _environment(),
    }
    line = json.dumps(request).encode() + b"\n"
    with _lock:
        if _helper and _helper[0] == os.getpid() and _helper[1].poll() is None and _sent(_helper[1].stdin, line):
            return
    process = _python("--one", stdin=subprocess.PIPE)
    if _sent(process.stdin, line) and process.stdin:
        process.stdin.close()
    # Reaped when it ends, so that no zombie stays in a kernel that lives for weeks.
    threading.Thread(target=process.wait, daemon=True).start()
    if secrets is not None:  # a submit, and where there is one there may be more; not in the way of this one
        later = threading.Timer(_WARM_UP_AFTER_S, warm_up)
        later.daemon = True
        later.start()


def _python(*arguments: str, stdin: int) -> subprocess.Popen[bytes]:
    # A session of its own: interrupting, restarting or killing the kernel does not reach it.
    return subprocess.Popen(
        [sys.executable, "-m", "jupyter_amltrain.runs.supervisor", *arguments],
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """This process's environment, with the package findable where it was imported from."""
    package_root = str(Path(__file__).resolve().parents[2])
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    absolute = [os.path.abspath(path) for path in paths]
    if package_root not in absolute:
        absolute.append(package_root)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(absolute)}


def _sent(pipe: IO[bytes] | None, line: bytes) -> bool:
    try:
        if pipe is None:
            return False
        pipe.write(line)
        pipe.flush()
    except OSError:
        return False
    return True
