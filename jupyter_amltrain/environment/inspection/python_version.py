"""Which version an image's Python is, asked of any Python, however old, once per image."""

from __future__ import annotations

import re
import time
from typing import Any

from ..api import EngineApi
from .interpreter import known_answer, remember_answer

_PROGRAM = "import sys; print('amltrain-python:%d.%d.%d' % tuple(sys.version_info[:3]))"
_PATIENCE_S = 20.0
_LOOK_EVERY_S = 0.02


def python_version(api: EngineApi, image_id: str, interpreter: str) -> str:
    """Its version, "" when it cannot be run."""
    key = f"{image_id} version of {interpreter}"
    known = known_answer(key)
    if known is not None:
        return known
    version = _asked(api, image_id, interpreter)
    if version:
        remember_answer(key, version)
    return version


def _asked(api: EngineApi, image_id: str, interpreter: str) -> str:
    request = {
        "Image": image_id,
        "Entrypoint": [interpreter],
        "Cmd": ["-c", _PROGRAM],
        "WorkingDir": "/",
        "Labels": {"amltrain.probe": "1"},
        "NetworkDisabled": True,
        "Tty": True,  # the log is then plain text, without frames
        "HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "json-file"}},
    }
    status, answer = api.post("/containers/create", json=request)
    if status != 201:
        return ""
    container = answer["Id"]
    try:
        status, _ = api.post("/containers/{0}/start", container)
        if status >= 400 or not _ended(api, container):
            return ""
        _, log = api.get_bytes("/containers/{0}/logs", container, params={"stdout": "1", "stderr": "1"})
        found = re.search(r"amltrain-python:(\d+\.\d+\.\d+)", log.decode("utf-8", "replace"))
        return found[1] if found else ""
    finally:
        api.delete("/containers/{0}", container, params={"force": "1", "v": "1"})


def _ended(api: EngineApi, container: str) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        status, found = api.get("/containers/{0}/json", container)
        state: Any = (found or {}).get("State") or {}
        if status != 200 or not state.get("Running"):
            return status == 200
        time.sleep(_LOOK_EVERY_S)
    return False
