"""The metrics of a run, and of the runs below it, as ``get_metrics`` gives them (azureml-v1.md section 11.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AzureMLException
from .artifacts import open_artifact
from .filters import children
from .folder import files_folder
from .record import SYSTEM
from .stream import FILES
from .values import metrics

if TYPE_CHECKING:
    from .record import Point, RunRecord
    from .store import Store

_IMAGE = "image"


def gather_metrics(
    store: Store,
    workspace_folder: Path,
    run: RunRecord,
    *,
    name: str | None = None,
    recursive: bool = False,
    run_type: str | None = None,
    populate: bool = False,
) -> dict[str, Any]:
    """Name → value of a run; with ``recursive`` the id of each run of its family → the same.

    What the system tells of a run (``system/…``) is only given by name.

    Args:
        run_type: with ``recursive``, only runs of that type besides the run itself.
        populate: the content of charts instead of the address of the file that has it.
    """
    if not recursive:
        found = store.points(run.id, name=name, without=SYSTEM)
        return metrics(_with_files(found, run, files_folder(workspace_folder, run) if populate else None))
    family = [run, *children(store, run.id, recursive=True, type=run_type)]
    return {
        member.id: gather_metrics(store, workspace_folder, member, name=name, populate=populate) for member in family
    }


def _with_files(points: Iterable[Point], run: RunRecord, folder: Path | None) -> Iterable[Point]:
    for point in points:
        if point.kind not in FILES:
            yield point
            continue
        value: Any = f"aml://artifactId/ExperimentRun/dcid.{run.id}/{point.value}"
        if folder is not None and point.kind != _IMAGE:
            value = _content(folder, str(point.value), value)
        yield replace(point, value=value)


def _content(folder: Path, name: str, address: str) -> Any:
    """A chart as it was logged; its address where it is gone."""
    try:
        with open_artifact(folder, name) as file:
            return json.loads(file.read())
    except (AzureMLException, ValueError):
        return address
