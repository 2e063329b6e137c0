"""Asks the interpreter of an image what is installed beside it, in a container without network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ...engines.protocol import Preparation
from ...job import inventory
from ..api import EngineApi
from .contents import Contents, keep_contents, known_contents, read_answer

_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.02


def look_inside(api: EngineApi, image_id: str, name: str, interpreter: str, log: Preparation) -> Contents | None:
    """What is in an image, from memory where it was looked at before; None when it has no Python or cannot tell.

    Why it cannot tell is said in the log.
    """
    if not interpreter:
        return None
    known = known_contents(image_id, interpreter)
    if known or log.canceled():
        return known
    log.phase(f"looking what is in {name}")
    output, problem = _run(api, image_id, [interpreter, "-B", "-c", Path(inventory.__file__).read_text()], log)
    found = read_answer(output)
    if found:
        keep_contents(image_id, interpreter, found)
    elif not log.canceled():
        problem = problem or (output.strip().splitlines() or ["it printed nothing"])[-1]
        if "exec format error" in problem:
            problem += _architectures(api, image_id)
        log.write(
            f"What is installed in {name} is not known: its {interpreter} cannot be run here: {problem}\n".encode()
        )
    return found


def _architectures(api: EngineApi, image_id: str) -> str:
    """That an image is made for other processors than the engine has, as the end of a sentence; "" when it is not."""
    image = str((api.inspect_image(image_id) or {}).get("Architecture", ""))
    engine = str((api.get("/version")[1] or {}).get("Arch", ""))
    return f" (the image is made for {image}, and this engine runs on {engine})" if image != engine else ""


def _run(api: EngineApi, image_id: str, command: list[str], log: Preparation) -> tuple[str, str]:
    """What a command prints in a container, and why it could not run."""
    container, problem = _created(api, image_id, command)
    if not container:
        return "", problem
    try:
        status, answer = api.post("/containers/{0}/start", container)
        if status >= 400:
            return "", _message(answer)
        deadline = time.monotonic() + _PATIENCE_S
        while _running(api, container):
            if log.canceled():
                return "", "canceled"
            if time.monotonic() > deadline:
                return "", f"it did not end in {_PATIENCE_S:.0f} s."
            time.sleep(_LOOK_EVERY_S)
        return api.text("/containers/{0}/logs", container, params={"stdout": "1", "stderr": "1"}), ""
    finally:
        api.delete("/containers/{0}", container, params={"force": "1", "v": "1"})


def _created(api: EngineApi, image_id: str, command: list[str]) -> tuple[str, str]:
    request = {
        "Image": image_id,
        "Entrypoint": command[:1],
        "Cmd": command[1:],
        "WorkingDir": "/",
        "Labels": {"amltrain.probe": "1"},
        "Healthcheck": {"Test": ["NONE"]},
        "NetworkDisabled": True,
        "Tty": True,  # the log is then plain text, without frames
        "HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "json-file"}},
    }
    status, answer = api.post("/containers/create", json=request)
    return (str(answer["Id"]), "") if status == 201 else ("", _message(answer))


def _running(api: EngineApi, container: str) -> bool:
    status, found = api.get("/containers/{0}/json", container)
    return status == 200 and bool(found["State"].get("Running"))


def _message(answer: Any) -> str:
    return str((answer or {}).get("message", answer))
