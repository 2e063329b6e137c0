"""At submit: what a run's data needs is looked up and checked, so that the run can go without the workspace."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import UserErrorException
from ..submission.data import DIRECT, INPUT, MOUNT, OUTPUT, UPLOAD, JobData
from .datastore import default_name, place_of
from .places import clean_path, files_of, filesystem, fixed_part, is_local, is_web, remote_errors

if TYPE_CHECKING:
    from ..workspace import Workspace


def bound(workspace: Workspace, data: Sequence[JobData]) -> tuple[JobData, ...]:
    """The data of a run with places instead of names of datastores; it is there, as far as that can be told at once.

    Raises:
        UserErrorException: data is missing, or a datastore is not known.
    """
    return tuple(_bound(workspace, item) for item in data)


def _bound(workspace: Workspace, item: JobData) -> JobData:
    sources = [_source(workspace, source) for source in item.definition["sources"]]
    reads = item.role == INPUT or (item.role != OUTPUT and item.mode not in (MOUNT, UPLOAD))
    if reads:
        for source in sources:
            _check_there(item, source)
    single = _single_name(sources[0]) if len(sources) == 1 and not item.definition.get("steps") else ""
    if item.role == OUTPUT or item.mode == UPLOAD:
        single = ""
    return replace(item, definition={**item.definition, "sources": sources, "single": single})


def _source(workspace: Workspace, source: dict[str, Any]) -> dict[str, Any]:
    if "datastore" not in source:
        return source
    name = source["datastore"] or default_name(workspace)
    return {**place_of(workspace, name), "path": source["path"], "label": name}


def _check_there(item: JobData, source: dict[str, Any]) -> None:
    if not is_local(source):
        return
    whole = posixpath.join(source["base"], source["path"]) if source["path"] else source["base"]
    try:
        if fixed_part(source["path"]) == source["path"]:
            if not os.path.exists(whole):
                files_of(source, source["path"])  # says what is missing, and what is near
            elif not os.access(whole, os.R_OK):
                raise UserErrorException(f"{whole} cannot be read: permission denied.")
        elif (
            next(glob.iglob(posixpath.join(glob.escape(source["base"]), source["path"]), recursive=True), None) is None
        ):
            raise UserErrorException(f"No file fits {whole}.")
    except UserErrorException as error:
        raise UserErrorException(f"The data of '{item.name}' is not there. {error.message}") from None


def _single_name(source: dict[str, Any]) -> str:
    """The name of the file that a source is, "" when it is a folder or a pattern."""
    path = str(source["path"])
    if is_web(source["base"]):
        return files_of(source, path).files[0].name
    if fixed_part(path) != path:
        return ""
    whole = posixpath.join(source["base"], path) if path else source["base"]
    if is_local(source):
        return posixpath.basename(whole) if os.path.isfile(whole) else ""
    with remote_errors(source, "read"):
        system, base = filesystem(source)
        return posixpath.basename(path) if path and system.isfile(posixpath.join(base, path)) else ""


def for_run(data: Sequence[JobData], run_id: str) -> tuple[JobData, ...]:
    """The data of a run with its id in the paths of outputs."""

    def named(item: JobData) -> JobData:
        if item.role != OUTPUT:
            return item
        sources = [
            {
                **source,
                "path": clean_path(source["path"].replace("{run-id}", run_id).replace("{output-name}", item.name)),
            }
            for source in item.definition["sources"]
        ]
        return replace(item, definition={**item.definition, "sources": sources})

    return tuple(named(item) for item in data)


def open_notes(data: Sequence[JobData]) -> list[str]:
    """What to say of data that a job on this machine itself reads in place."""
    names = [item.name for item in data if item.role == INPUT and item.mode in (MOUNT, DIRECT)]
    apart = [item.name for item in data if item.path_on_compute.startswith("/")]
    notes = []
    if names:
        notes.append(
            f"the job sees the data of {', '.join(names)} where it lies, and can write there: nothing is isolated"
        )
    if apart:
        notes.append(f"path_on_compute of {', '.join(apart)} is not used: the job sees this machine's own paths")
    return notes
