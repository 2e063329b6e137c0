"""What an engine was asked for as the command that a person would type."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..environment.secrets import is_secret_name


def docker_command(request: Mapping[str, Any], secret: Collection[str] = ()) -> str:
    """A ``docker run`` that does what the body of a ``POST /containers/create`` does, a line for each option.

    Args:
        secret: variables whose values are not to be shown; the command takes them from the shell it is typed in.
    """
    host = request["HostConfig"]
    options: list[list[str]] = [["--rm"], ["--init"] if host.get("Init") else []]
    options.append(["--user", request["User"]] if request["User"] else [])
    options.append(["--workdir", request["WorkingDir"]])
    for mount in host["Mounts"]:
        read_only = ",readonly" if mount["ReadOnly"] else ""
        options.append(["--mount", f"type=bind,source={mount['Source']},target={mount['Target']}{read_only}"])
    for variable in request["Env"]:
        name = variable.partition("=")[0]
        options.append(["--env", name if name in secret or is_secret_name(name) else variable])
    options += [
        ["--shm-size", str(host["ShmSize"])],
        ["--cpus", f"{host['NanoCpus'] / 1e9:g}"] if "NanoCpus" in host else [],
        ["--memory", str(host["Memory"])] if "Memory" in host else [],
        ["--pids-limit", str(host["PidsLimit"])] if "PidsLimit" in host else [],
        ["--network", host["NetworkMode"]] if "NetworkMode" in host else [],
        ["--userns", host["UsernsMode"]] if "UsernsMode" in host else [],
        *(["--gpus", _gpus(asked)] for asked in host.get("DeviceRequests") or ()),
        *(["--security-opt", option] for option in host["SecurityOpt"]),
        ["--entrypoint", request["Entrypoint"][0]],
    ]
    lines = ["docker run", *(shlex.join(option) for option in options if option)]
    lines.append(shlex.join([request["Image"], *request["Cmd"]]))
    return " \\\n  ".join(lines)


def shell_command(working_dir: str, variables: Mapping[str, str], command: Sequence[str]) -> str:
    """What a shell does that starts a job of this machine."""
    told = [f"{name}={value}" for name, value in variables.items() if not is_secret_name(name)]
    return f"cd {shlex.quote(working_dir)} && \\\n  env {shlex.join(told)} \\\n  {shlex.join(command)}"


def _gpus(asked: Mapping[str, Any]) -> str:
    ids = asked.get("DeviceIDs")
    if ids:
        return f'"device={",".join(ids)}"'
    return "all" if asked["Count"] == -1 else str(asked["Count"])
