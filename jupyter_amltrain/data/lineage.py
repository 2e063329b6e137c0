"""Which data a run read and made, in the shapes of the SDK's ``get_details`` (azureml-v1.md section 9.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..submission.data import INPUT, OUTPUT, REFERENCE, JobData

if TYPE_CHECKING:
    from ..runs.store import Store
    from ..workspace import Workspace


def input_datasets(data: Sequence[JobData]) -> list[dict[str, Any]]:
    """``inputDatasets``, with data sets by id; the id of one that is not registered is None."""
    return [
        {
            "dataset": {"id": item.about.get("id")},
            "consumptionDetails": {
                "type": "RunInput",
                "inputName": item.name,
                "mechanism": item.mode.capitalize(),
                **({"pathOnCompute": item.path_on_compute} if item.path_on_compute else {}),
            },
        }
        for item in data
        if item.role == INPUT
    ]


def output_datasets(store: Store, run_id: str, data: Sequence[JobData]) -> list[dict[str, Any]]:
    """``outputDatasets`` of a run that is over: those without a name have no id."""
    return [
        {
            "identifier": {"savedId": known},
            "outputType": "RunOutput",
            "outputDetails": {"outputName": item.name},
            "dataset": {"id": known},
        }
        for item in data
        if item.role == OUTPUT
        for known in [store.requested_dataset(made_by(run_id, item))]
    ]


def made_by(run_id: str, item: JobData) -> str:
    """What an output of a run is registered by, so that it is registered once."""
    return f"{run_id}/{item.name}"


def with_datasets(
    workspace: Workspace, found: Sequence[Mapping[str, Any]], data: Sequence[JobData]
) -> list[dict[str, Any]]:
    """The same with data sets that can be used in place of their ids."""
    from .dataset import dataset_of

    by_name = {item.name: item for item in data}
    used = []
    for entry in found:
        name = (entry.get("consumptionDetails") or {}).get("inputName") or entry["outputDetails"]["outputName"]
        rows = workspace.store.datasets(id=entry["dataset"]["id"]) if entry["dataset"]["id"] else []
        used.append({**entry, "dataset": dataset_of(workspace, by_name[name].definition, rows[0] if rows else None)})
    return used


def data_definitions(data: Sequence[JobData]) -> dict[str, dict[str, Any]]:
    """``data``, ``outputData`` and ``dataReferences`` of a run's definition."""
    return {
        "data": {item.name: _input(item) for item in data if item.role == INPUT},
        "outputData": {item.name: _output(item) for item in data if item.role == OUTPUT},
        "dataReferences": {item.name: _reference(item) for item in data if item.role == REFERENCE},
    }


def _input(item: JobData) -> dict[str, Any]:
    version = item.about.get("version")
    known = {
        "id": item.about.get("id"),
        "name": item.about.get("dataset"),
        "version": str(version) if version else None,
    }
    return {
        "dataLocation": {"dataset": known, "dataPath": None, "uri": None, "type": None},
        "mechanism": item.mode.capitalize(),
        "environmentVariableName": item.name,
        "pathOnCompute": item.path_on_compute or None,
        "overwrite": False,
        "options": None,
    }


def _output(item: JobData) -> dict[str, Any]:
    source, options = item.definition["sources"][0], item.definition["options"]
    wanted = item.about.get("register") or {}
    path = {"datastoreName": source.get("label"), "relativePath": source["path"]}
    return {
        "outputLocation": {"dataset": None, "dataPath": path, "uri": None, "type": None},
        "mechanism": item.mode.capitalize(),
        "additionalOptions": {
            "pathOnCompute": item.path_on_compute or None,
            "registrationOptions": {key: wanted.get(key) for key in ("name", "description", "tags")},
            "uploadOptions": {
                "overwrite": bool(options.get("overwrite")),
                "sourceGlobs": {"globPatterns": options.get("globs") or None},
            },
            "mountOptions": None,
        },
        "environmentVariableName": item.name,
    }


def _reference(item: JobData) -> dict[str, Any]:
    source = item.definition["sources"][0]
    return {
        "dataStoreName": source.get("label"),
        "mode": item.mode.capitalize(),
        "pathOnDataStore": source["path"],
        "pathOnCompute": item.path_on_compute or None,
        "overwrite": bool(item.definition["options"].get("overwrite")),
    }
