"""Reading a run also notices that its supervisor has died; this is how often one looks."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .reconcile import reconcile

if TYPE_CHECKING:
    from .store import Store

_PAUSE_S = 1.0
_last_look: dict[Path, float] = {}
_lock = threading.Lock()


def keep_up(workspace_folder: Path, store: Store) -> bool:
    """Reconcile a workspace unless this process did so in the last second; True when it was done."""
    now = time.monotonic()
    with _lock:
        if now - _last_look.get(workspace_folder, -_PAUSE_S) < _PAUSE_S:
            return False
        _last_look[workspace_folder] = now
    reconcile(workspace_folder, store)
    return True
