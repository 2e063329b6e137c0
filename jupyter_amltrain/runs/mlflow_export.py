"""Runs of a workspace → an MLflow tracking server or store of its own, for those who collect theirs there."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserErrorException
from . import status as states
from .artifacts import copy_artifact, list_artifacts
from .filters import children
from .folder import files_folder
from .record import SYSTEM

if TYPE_CHECKING:
    from .record import RunRecord
    from .store import Store

RUN_TAG = "amltrain.run"
"""Tag of an exported run that names ours, by which it is found the next time."""

_BATCH = 1000  # what MLflow's servers take at once
_LONGEST_VALUE = 5000
_CHART_POINTS = 1500
_ENDED = {states.COMPLETED: "FINISHED", states.CANCELED: "KILLED"}


def export_runs(
    store: Store, workspace_folder: Path, runs: Iterable[RunRecord], uri: str, tell: Callable[[str], object]
) -> int:
    """Copy runs with their metrics, parameters, tags, files and children to a tracking address; how many were copied.

    One that is there already, or is not over, is passed over, and that is told.

    Raises:
        UserErrorException: MLflow is not installed here, or the address cannot be written to.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise UserErrorException(
            "Exporting needs MLflow in this kernel: `pip install mlflow`, and try again.", inner_exception=error
        ) from error
    copied = 0
    try:
        client = MlflowClient(tracking_uri=uri)
        for run in runs:
            if run.status not in states.TERMINAL:
                tell(f"{run.id} is not over and was passed over.")
            elif _find(client, run):
                tell(f"{run.id} is there already.")
            else:
                _copy(client, store, workspace_folder, run, parent=None)
                tell(f"{run.id} copied.")
                copied += 1
    except (MlflowException, OSError) as error:
        raise UserErrorException(f"MLflow at {uri} did not take it: {error}", inner_exception=error) from error
    return copied


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _find(client: Any, run: RunRecord) -> bool:
    experiment = client.get_experiment_by_name(run.experiment)
    # The tag comes last, so that a copy which was broken off does not count.
    return bool(
        experiment and client.search_runs([experiment.experiment_id], f"tags.`{RUN_TAG}` = '{run.id}'", max_results=1)
    )


def _copy(client: Any, store: Store, workspace_folder: Path, run: RunRecord, parent: str | None) -> None:
    from mlflow.entities import Param, RunTag

    made = client.create_run(
        _experiment(client, run.experiment),
        start_time=round((run.started or run.created) * 1000),
        run_name=run.display_name or run.id,
        tags={"mlflow.parentRunId": parent} if parent else None,
    )
    run_id = made.info.run_id
    metrics = [*_metrics(store, run.id), *_system_metrics(store, run.id)]
    for begin in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[begin : begin + _BATCH])
    for key, value in store.params(run.id).items():
        client.log_batch(run_id, params=[Param(key, str(value)[:_LONGEST_VALUE])])
    tags = {**store.properties(run.id), **store.tags(run.id)}
    for key, value in tags.items():
        client.log_batch(run_id, tags=[RunTag(key, str(value)[:_LONGEST_VALUE])])
    folder = files_folder(workspace_folder, run)
    with tempfile.TemporaryDirectory(prefix="amltrain-export-") as scratch:
        for artifact in list_artifacts(folder):
            path = copy_artifact(folder, artifact.name, Path(scratch, artifact.name))
            client.log_artifact(run_id, str(path), artifact.name.rpartition("/")[0] or None)
            path.unlink()
    for child in children(store, run.id):
        _copy(client, store, workspace_folder, child, run_id)
    client.set_tag(run_id, RUN_TAG, run.id)
    client.set_terminated(run_id, _ENDED.get(run.status, "FAILED"), round((run.ended or run.created) * 1000))


def _metrics(store: Store, run_id: str) -> Iterator[Any]:
    from mlflow.entities import Metric

    so_far: Counter[str] = Counter()
    for point in store.points(run_id, without=SYSTEM):
        if point.kind == "scalar" and isinstance(point.value, (int, float)):
            # A point without a step takes its place in the series as one, as charts do.
            step = so_far[point.name] if point.step is None else round(point.step)
            so_far[point.name] += 1
            yield Metric(point.name, float(point.value), round(point.at * 1000), step)


def _system_metrics(store: Store, run_id: str) -> Iterator[Any]:
    """What the run used of the machine, for the tab that MLflow has for it: enough points for a chart."""
    from mlflow.entities import Metric

    for name, source in store.metric_sources(run_id, system=True).items():
        if source == SYSTEM:
            theirs, unit = _name_in_mlflow(name)
            for step, point in enumerate(store.sample_metric(run_id, name, _CHART_POINTS)):
                yield Metric(theirs, float(point.value) / unit, round(point.at * 1000), step)


def _name_in_mlflow(name: str) -> tuple[str, float]:
    """The name that MLflow's own monitor gives to the same thing, else ours; and its unit, in ours."""
    gpu = re.fullmatch(f"{SYSTEM}/gpu/(\\d+)(/memory)?", name)
    if gpu and gpu[2]:
        return f"{SYSTEM}/gpu_{gpu[1]}_memory_usage_megabytes", 1e6
    if gpu:
        return f"{SYSTEM}/gpu_{gpu[1]}_utilization_percentage", 1
    return (f"{SYSTEM}/system_memory_usage_megabytes", 1e6) if name == f"{SYSTEM}/memory" else (name, 1)
