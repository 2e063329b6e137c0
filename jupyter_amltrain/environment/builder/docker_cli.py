"""The Docker command line, where it can build with a session: a client that stays and answers for secrets and SSH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ...errors import UserErrorException
from ..api import EngineApi

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASK_S = 20.0
_BUILDKIT = {"DOCKER_BUILDKIT": "1"}


@dataclass(frozen=True)
class BuildCommand:
    """A command that builds with a session.

    Attributes:
        words: its first words; options and ``-``, for the context on its standard input, follow.
        variables: environment variables that it needs.
        said: what it is, for the build log.
    """

    words: tuple[str, ...]
    said: str
    variables: Mapping[str, str] = field(default_factory=dict)


def session_command(reason: str, builder: str) -> BuildCommand:
    """The command to build with: ``docker buildx``, else a ``docker build`` that has BuildKit's client in it.

    Args:
        reason: why a session is needed, for the message.
        builder: the engine's, as ``choose_builder`` tells it.

    Raises:
        UserErrorException: the engine has no BuildKit, or there is no such command here.
    """
    if builder != "buildkit":
        raise UserErrorException(
            f"The Dockerfile cannot be built with the classic builder: {reason}, which only BuildKit can do. Use a"
            " Docker engine that has it (and not AMLTRAIN_BUILDER=classic); or do without."
        )
    found = _find(os.environ.get("PATH", os.defpath), os.environ.get("DOCKER_CONFIG", ""))
    if found is None:
        raise UserErrorException(
            f"The Dockerfile cannot be built here: {reason}, for which a docker command line has to answer while the"
            " engine builds, and this machine has none that can. Install the plug-in buildx (docker-buildx-plugin from"
            " Docker, docker-buildx from Debian), or Debian 12's docker.io; or do without."
        )
    return found


@lru_cache(maxsize=8)
def _find(path: str, config: str) -> BuildCommand | None:
    """Asked once per process and setting: two short calls of each ``docker`` that there is."""
    programs = list(_programs(path))
    for program in programs:
        version = _answer(program, "buildx", "version")
        if version:
            words = version.split()
            number = words[1].partition("+")[0] if len(words) > 1 else ""
            # Another builder than the engine's own would keep the image for itself.
            variables = {"BUILDX_BUILDER": "default", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", **_BUILDKIT}
            return BuildCommand((program, "buildx", "build"), f"docker buildx {number}".strip(), variables)
    for program in programs:
        if "--secret" in _answer(program, "build", "--help"):
            number = _answer(program, "--version").partition("version ")[2].partition(",")[0].partition("+")[0]
            return BuildCommand((program, "build"), f"docker build {number}".strip(), _BUILDKIT)
    return None


def _programs(path: str) -> Iterator[str]:
    seen = set()
    for folder in path.split(os.pathsep):
        program = shutil.which("docker", path=folder) if folder else None
        real = os.path.realpath(program) if program else ""
        if program and real not in seen:
            seen.add(real)
            yield program


def _answer(*command: str) -> str:
    """What a command prints, "" when it fails."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **_BUILDKIT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout


def engine_variables(api: EngineApi) -> dict[str, str]:
    """Environment variables that point a docker command line to the engine of ``api``, whatever else is configured."""
    variables = {"DOCKER_HOST": api.docker_host, "DOCKER_CONTEXT": "", "DOCKER_TLS_VERIFY": "", "DOCKER_TLS": ""}
    if api.certificates:
        variables.update(DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=api.certificates)
    return variables
