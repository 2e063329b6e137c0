"""One small process per active run: prepares it, starts it, takes in its output, closes it, starts who waits next.

``python -m jupyter_amltrain.runs.supervisor --one`` reads one request from standard input and serves it;
``--warm`` is the idle helper of :mod:`.launch`, which forks a supervisor per request. Either way a supervisor lives
in a session of its own: no kernel, browser or server takes it along. It may be killed at any moment: what it knows is
in the store, and the next one (see :mod:`.reconcile`) goes on from there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..engines.registry import get_engine
from ..errors import AzureMLException, EngineException
from . import status as states
from .folder import SUPERVISOR_LOCK, SUPERVISOR_LOG
from .lock import RunLock
from .reconcile import start_waiting
from .store import Store
from .supervision import Supervision

_QUIET_S = 2.0
_IDLE_S = 3600
"""The idle helper of a forgotten notebook goes away after this; the next submit starts a new one."""


def serve(workspace_folder: Path, run_id: str, secrets: Mapping[str, str]) -> str | None:
    """Take care of a run to its end; the id of the run that waited longest for its place, now claimed, or None.

    Returns at once when another supervisor has the run.
    """
    store = Store(workspace_folder)
    folder = workspace_folder / "runs" / run_id
    if not folder.is_dir():
        return _close_without_folder(store, folder, run_id)
    lock = RunLock(folder / SUPERVISOR_LOCK)
    if not lock.acquire(patience_s=0.5):
        return None
    try:
        run = store.run(run_id)
        if run.status not in (*states.TERMINAL, *states.WAITING):
            Supervision(store, folder, run, secrets).run_to_end()
    finally:
        lock.release()
    following = store.claim_next(run.target)
    if following:
        # This process is warm, so it goes on with the next itself; more room than that is for new ones.
        start_waiting(workspace_folder, store, run.target)
    return following


def _close_without_folder(store: Store, folder: Path, run_id: str) -> str | None:
    """Somebody deleted the run's folder: there is nothing to go on with, and nothing of it may go on."""
    run = store.run(run_id)
    if run.handle:
        with suppress(EngineException):
            get_engine(run.engine).remove(dict(run.handle))
    reason = f"Its folder {folder} was deleted, and its log and files with it. Submit again to run it anew."
    store.move(run_id, states.FAILED, reason, error={"code": "UserError", "message": reason})
    return store.claim_next(run.target)


def _serve_all(request: Mapping[str, Any]) -> None:
    """Serve a request, then whoever waited for the place, until nobody does."""
    workspace_folder, run_id, secrets = Path(request["workspace"]), request["run"], request["secrets"]
    tidying = None
    while run_id:
        run_id, secrets = _serve_or_close(workspace_folder, run_id, secrets), {}
        if tidying is None or not tidying.is_alive():
            # Beside the next run, which is not to wait for it.
            tidying = threading.Thread(target=_tidy, args=(workspace_folder,), name="amltrain-tidying")
            tidying.start()
    if tidying is not None:
        tidying.join()


def _tidy(workspace_folder: Path) -> None:
    from ..data.downloads import forget_unused
    from ..disk.work_files import keep_rule

    with suppress(AzureMLException, OSError):
        forget_unused()
    with suppress(AzureMLException, OSError):
        keep_rule(workspace_folder)


def _serve_or_close(workspace_folder: Path, run_id: str, secrets: Mapping[str, str]) -> str | None:
    """Serve a run; an error of ours is written beside it and closes it with a sentence."""
    try:
        return serve(workspace_folder, run_id, secrets)
    except Exception as error:  # noqa: BLE001 - the last frame of the process: a run must never stay open without a reason
        log = workspace_folder / "runs" / run_id / SUPERVISOR_LOG
        with suppress(OSError), open(log, "a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        message = error.message if isinstance(error, AzureMLException) else f"{type(error).__name__}: {error}"
        reason = f"jupyter_amltrain could not go on with this run: {message} (details: {log})"
        store = Store(workspace_folder)
        store.move(run_id, states.FAILED, reason, error={"code": "SystemError", "message": reason})
        return store.claim_next(store.run(run_id).target)


def _take_environment(request: Mapping[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])


def _one() -> None:
    request = json.loads(sys.stdin.readline())
    _take_environment(request)
    _serve_all(request)


def _warm() -> None:
    """Import what a run will need, then fork a supervisor for every line on standard input, until it ends."""
    import select

    import docker  # noqa: F401 - the expensive one

    from ..engines.docker import DockerEngine
    from ..environment import image as _image  # noqa: F401
    from ..submission import snapshot as _snapshot  # noqa: F401

    engine = get_engine("docker")
    assert isinstance(engine, DockerEngine)
    engine.warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the system
    pending, is_fresh = b"", True
    while True:
        if not select.select([0], [], [], _IDLE_S if is_fresh else _QUIET_S)[0]:
            if is_fresh:
                return
            # The notebook may have turned to another engine; the next run goes there, most likely. Asked only now,
            # so as not to be in the way of the run that has just begun.
            engine.warm_up()
            is_fresh = True
            continue
        data = os.read(0, 1 << 16)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            if os.fork() == 0:
                _become_supervisor(line)
            _take_environment(json.loads(line))
            is_fresh = False


def _become_supervisor(line: bytes) -> None:
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        request = json.loads(line)
        _take_environment(request)
        _serve_all(request)
        status = 0
    finally:
        os._exit(status)  # not the helper's way out: nothing of its is to be run twice


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _warm() if "--warm" in sys.argv else _one()
