"""Whether an environment fits the engine: architecture, room, shell and interpreter of what it starts from."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...engines.protocol import EnvironmentSpec
from ..api import EngineApi
from ..builder.instructions import shell_needed_in, started_from
from ..registry.container_registry import image_reference
from ..registry.pull import BaseImage
from .contents import known_contents
from .engine_view import EngineView
from .interpreter import find_in_image
from .preflight import (
    OK,
    Finding,
    architecture_finding,
    architecture_name,
    python_finding,
    room_finding,
    shell_finding,
)
from .python_version import python_version


def environment_findings(
    api: EngineApi, spec: EnvironmentSpec, bases: Sequence[BaseImage], *, installs: bool, is_begun: bool = False
) -> Iterator[Finding]:
    """What can be said of an environment before its image is made; nothing is pulled or built.

    Args:
        installs: RUN steps of ours install packages on the base.
        is_begun: the image is about to be made, so that its interpreter is looked at when it is there.
    """
    dockerfile = spec.get("dockerfile") or ""
    starting = {image_reference(image) for image in started_from(dockerfile)}
    needing = {image_reference(image) for image in shell_needed_in(dockerfile)}
    for base in bases:
        info = base.local()
        if info is None:
            view = EngineView.ask(api)
            yield room_finding(view.free_bytes(), view.root)
            continue
        if not dockerfile or base.reference in starting:  # from others files are copied, which may be for anything
            yield _architecture(api, base.reference, info)
        image_id, config = str(info["Id"]), info.get("Config") or {}
        if (installs and not dockerfile) or base.reference in needing:
            purpose = "a RUN step" if dockerfile else "installing packages"
            yield shell_finding(base.reference, bool(find_in_image(api, image_id, config, "/bin/sh")), purpose)
        if not (dockerfile or installs or is_begun):
            yield interpreter_finding(api, spec, base.reference, info)


def interpreter_finding(api: EngineApi, spec: EnvironmentSpec, name: str, info: Mapping[str, Any]) -> Finding:
    """Whether scripts run with the interpreter of an image that is there."""
    image_id = str(info["Id"])
    wanted = spec.get("interpreter_path") or "python"
    interpreter = find_in_image(api, image_id, info.get("Config") or {}, wanted)
    known = known_contents(image_id, interpreter) if interpreter else None
    version = known.python if known else python_version(api, image_id, interpreter) if interpreter else ""
    return python_finding(name, wanted, interpreter, version, script=bool(spec.get("runs_script")))


def _architecture(api: EngineApi, name: str, info: Mapping[str, Any]) -> Finding:
    image = architecture_name(str(info.get("Architecture") or ""))
    if image == architecture_name(platform.machine()) and api.docker_host.startswith("unix://"):
        return architecture_finding(name, image, image, False)  # every submit comes here: no need to ask the engine
    _, version = api.get("/version")
    engine = architecture_name(str((version or {}).get("Arch") or ""))
    finding = architecture_finding(name, image, engine, False)
    if finding.verdict == OK:
        return finding
    return architecture_finding(name, image, engine, EngineView.ask(api).emulates(image))
