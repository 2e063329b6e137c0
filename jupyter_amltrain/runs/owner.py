"""The process that logs to a run which nothing executes, and whether it is gone for good.

Only a process of this machine can be judged: a workspace may lie in a folder that several machines share. A kernel
that ends leaves its runs behind, however it ends; a script that ends by itself may mean another one to go on with them.
"""

from __future__ import annotations

import atexit
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StoreException
from ..job.keeper import process_identity

if TYPE_CHECKING:
    from .store import Store


def this_process() -> dict[str, Any]:
    """What names this process, and no other one before or after it."""
    what = "kernel" if "ipykernel" in sys.modules else "script"
    own = {"pid": os.getpid(), "started": process_identity(os.getpid()), "what": what}
    return {**_machine(), "boot": _boot(), "processes": _process_space(), **own}


@cache
def let_go_at_exit(store: Store) -> None:
    """Have the runs of this process open to others when it ends by itself, unless it is a kernel."""

    def let_go() -> None:
        with suppress(StoreException):
            store.disown(this_process())

    if "ipykernel" not in sys.modules:
        atexit.register(let_go)


def how_it_went(owner: Mapping[str, Any]) -> str:
    """Why nobody logs to its run any more, for a person; "" while somebody may."""
    if any(owner[key] != value for key, value in _machine().items()):
        return ""
    told = "before run.complete(). Everything that was logged is kept."
    if owner["boot"] != _boot():
        return f"{owner['host']} was restarted {told}"
    if owner["processes"] != _process_space() or _is_there(owner):
        return ""
    return f"The {owner['what']} that logged to this run, process {owner['pid']} on {owner['host']}, ended {told}"


def _is_there(owner: Mapping[str, Any]) -> bool:
    found = process_identity(owner["pid"])
    if found:
        return bool(found == owner["started"])
    try:
        os.kill(owner["pid"], 0)
    except PermissionError:
        return True  # somebody else's, and /proc does not show those
    except OSError:
        pass
    return False


def _machine() -> dict[str, str]:
    return {"host": socket.gethostname(), "machine": _text("/etc/machine-id")}


def _boot() -> str:
    return _text("/proc/sys/kernel/random/boot_id")


def _process_space() -> str:
    """Where process ids mean the same: the whole machine, or a container."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _text(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text().strip()
    return ""
