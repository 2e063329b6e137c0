"""Data that a run reads or writes, as values: what a submit keeps of it, and where the job sees it.

Nothing is looked up here. ``data.binding`` makes these values, ``data.stage`` puts the files where they are to be.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..errors import RunConfigurationException, UserErrorException

if TYPE_CHECKING:
    from .config import RunConfiguration

INPUT, OUTPUT, REFERENCE = "input", "output", "reference"
MOUNT, DOWNLOAD, UPLOAD, DIRECT = "mount", "download", "upload", "direct"

DATA_FOLDER = "data"
"""Below the job's work folder: what it gets a copy of, and what is taken from it when it is over."""

_PLACE = {INPUT: "AZURE_ML_INPUT_", OUTPUT: "AZURE_ML_OUTPUT_", REFERENCE: "AZUREML_DATAREFERENCE_"}
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_TAKEN = re.compile(r"(PATH|HOME|USER|SHELL|TERM|LANG|PWD|TMPDIR|HOSTNAME|IFS|PS1|LC_.*|LD_.*|PYTHON.*|AML.*|AZ.*)")


@dataclass(frozen=True)
class JobData:
    """One name under which a job sees data.

    Attributes:
        role: input, output or reference.
        mode: mount, download, upload, or direct (the job gets an object instead of a path).
        definition: which files; for an output where they go.
        path_on_compute: where the job wants to see them, "" when it does not matter.
        writable: whether what the job writes there reaches the original.
        about: ``id``, ``name`` and ``version`` of a registered data set; ``register`` of an output.
    """

    name: str
    role: str
    mode: str
    definition: Mapping[str, Any]
    path_on_compute: str = ""
    writable: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def variable(self) -> str:
        """The environment variable that has its path, and that stands for it in arguments."""
        return f"{_PLACE[self.role]}{self.name}"


@dataclass(frozen=True)
class Placed:
    """Where data is on this host.

    Attributes:
        source: file or folder that the job is to see.
        inside: whether it lies in the job's own folder, which the job sees anyhow.
        linked: folders that links in ``source`` lead to, each with where they look for it.
    """

    source: str
    inside: bool = False
    linked: tuple[tuple[str, str], ...] = ()


def checked_name(name: object, role: str) -> str:
    """The name of an input or output of a job.

    Raises:
        UserErrorException: it cannot be one.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserErrorException(
            f'Invalid {role} name "{name}". The name can only be alphanumeric characters and underscore, and must not'
            " begin with a number."
        )
    if _TAKEN.fullmatch(name.upper()):
        raise UserErrorException(
            f'Invalid {role} name "{name}": the job gets its path in the environment variables {name} and'
            f" {name.upper()}, which have another meaning. Take a name such as '{name}_data'."
        )
    return name


def checked_path_on_compute(path: object) -> str:
    """A path in the job at which data can be shown, "" for None.

    Raises:
        UserErrorException: there it would hide the system, or lies outside of the working folder.
    """
    if path is None or path == "":
        return ""
    text = str(path).rstrip("/")
    parts = text.split("/")
    reserved = ("amltrain", "dev", "etc", "proc", "sys", "usr", "bin", "lib", "lib64", "sbin")
    if not text or ".." in parts or "\0" in text or ":" in text or (text.startswith("/") and parts[1] in reserved):
        raise UserErrorException(
            f"path_on_compute={path!r} cannot be used: take a folder of its own, such as '/data', or a path below the"
            " working folder, such as 'data'."
        )
    return text


def data_of(value: object) -> JobData | None:
    """What an element of ``arguments`` says about data, None for other elements."""
    method = getattr(type(value), "_job_data", None)
    return method(value) if method else None


def gathered(found: Iterable[JobData]) -> tuple[JobData, ...]:
    """All data of a run, each name once.

    Raises:
        RunConfigurationException: one name stands for two different things.
    """
    by_name: dict[str, JobData] = {}
    for item in found:
        there = by_name.setdefault(item.name, item)
        if there != item:
            raise RunConfigurationException(
                f"Two different inputs or outputs of the run are named '{item.name}'. Give each its own name:"
                " as_named_input('…'), or OutputFileDatasetConfig('…')."
            )
    return tuple(by_name.values())


def data_of_run(arguments: Iterable[Any], config: RunConfiguration) -> tuple[JobData, ...]:
    """What the run reads and writes: data in its arguments, and what ``run_config`` names.

    Raises:
        RunConfigurationException: something in ``run_config`` is no data, or two things have one name.
    """
    found = [item for item in map(data_of, arguments) if item is not None]
    for section, taken in _TAKES.items():
        for name, value in getattr(config, section).items():
            item = data_of(value)
            if item is None or (item.role == REFERENCE) != (section == "data_references"):
                raise RunConfigurationException(
                    f"run_config.{section}['{name}'] is a {type(value).__name__}; it takes {taken}."
                )
            found.append(replace(item, name=checked_name(name, item.role)))
    return gathered(found)


_TAKES = {
    "data": "dataset.as_named_input('…').as_mount() and the like",
    "output_data": "an OutputFileDatasetConfig",
    "data_references": "datastore.path('…').as_mount() and the like",
}


def with_paths(command: tuple[str, ...], paths: Mapping[str, str]) -> tuple[str, ...]:
    """A command with the paths of data in place of the variables that stand for them.

    Args:
        paths: variable → path, or what the job gets instead.
    """
    if not paths:
        return command
    names = "|".join(sorted(map(re.escape, paths), key=len, reverse=True))
    pattern = re.compile(rf"\$(?:\{{({names})\}}|({names})(?!\w))")
    in_shell = command[:2] == ("/bin/sh", "-c")

    def path(found: re.Match[str]) -> str:
        value = paths[found[1] or found[2]]
        return shlex.quote(value) if in_shell else value

    return tuple(pattern.sub(path, word) for word in command)


def job_variables(seen: Mapping[str, tuple[JobData, str]]) -> dict[str, str]:
    """Environment variables that tell a job about its data (azureml-v1.md section 14).

    Args:
        seen: name → data, and its path in the job.
    """
    import json

    variables: dict[str, str] = {}
    told = []
    for name, (item, path) in seen.items():
        variables[item.variable] = value = shown_value(item, path)
        if item.role != REFERENCE:
            variables[name] = variables[name.upper()] = value
        told.append({"name": name, "role": item.role, "mode": item.mode, "path": path, **told_of(item)})
    inputs = [f"{item.name}:{item.mode}" for item, _ in seen.values() if item.role == INPUT]
    outputs = [item.name for item, _ in seen.values() if item.role == OUTPUT]
    if inputs:
        variables["AZUREML_DATASET_ENVIRONMENT_VARS"] = ",".join(inputs)
    if outputs:
        variables["AZUREML_DATASET_FILE_OUTPUTS"] = ",".join(outputs)
    if told:
        variables["AMLTRAIN_DATA"] = json.dumps(told)
    return variables


def shown_value(item: JobData, path: str) -> str:
    """What the job gets in arguments and variables: the path, or the id of a data set that it asks for by id."""
    return str(item.about.get("id") or path) if item.mode == DIRECT else path


def told_of(item: JobData) -> dict[str, Any]:
    """What a job is told of a data set besides its name and path."""
    known = {key: item.about[key] for key in ("id", "dataset", "version") if item.about.get(key)}
    kind = item.definition.get("kind")
    if kind != "tabular":
        return known
    options, steps = item.definition.get("options") or {}, item.definition.get("steps") or []
    return {**known, "kind": kind, "options": options, "steps": steps}
