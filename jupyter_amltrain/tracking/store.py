"""The experiments and runs of a workspace as MLflow sees them from a notebook.

The workspace's store is the only one that knows runs: what MLflow logs is in the live view, in ``get_metrics`` and in
``%aml_runs``, and MLflow finds submitted runs as well as those that it began itself. What the workspace has no word for
is in MLflow's files below ``mlflow`` in its folder::

    mlflow/<experiment id>/meta.yaml            made when MLflow first looks
    mlflow/<experiment id>/<run id>/…           MLflow's own tags, inputs, outputs; meta.yaml of one that it deleted
    mlflow/<experiment id>/models/<model id>/…  logged models of MLflow 3, whose files are files of their run
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlflow.entities import LifecycleStage, Metric, Param, RunInfo, RunStatus, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking.file_store import FileStore
from mlflow.utils.name_utils import _generate_random_name
from mlflow.utils.search_utils import SearchUtils

from ..file_lock import locked
from ..runs import status as states
from ..runs.interactive import start_logged_run
from ..runs.record import SCRIPT_RUN, NewPoint, Point, RunRecord
from ..runs.run_base import job_module
from .mistakes import refused, told_to_mlflow
from .run_files import address_of

if TYPE_CHECKING:
    from ..workspace import Workspace

FOLDER = "mlflow"
"""MLflow's files, in the workspace's folder."""

LOCK = "mlflow.lock"
"""Held by whoever adds to them what the workspace knows."""

_words = job_module("mlflow_files")
_STATES = {states.COMPLETED: "FINISHED", states.FAILED: "FAILED", states.CANCELED: "KILLED"}
_WAITING = "SCHEDULED"


class WorkspaceStore(FileStore):
    """MLflow's store in files, with the experiments and runs of a workspace in place of those that it would keep."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._store = workspace.store
        self._model_of: tuple[str, str] | None = None
        root = str(workspace.folder / FOLDER)
        with locked(workspace.folder / LOCK), _words.files_allowed():
            super().__init__(root, root)

    # --- experiments -------------------------------------------------------------------------------------------------

    def _get_active_experiments(self, full_path: bool = False) -> list[str]:
        for name, known in self._store.experiments().items():
            self._know_experiment(name, known)
        found: list[str] = super()._get_active_experiments(full_path)
        return found

    def _get_experiment_path(
        self, experiment_id: str, view_type: Any = ViewType.ALL, assert_exists: bool = False
    ) -> str | None:
        path: str | None = super()._get_experiment_path(experiment_id, view_type)
        if path is None and any(_id(*item) == experiment_id for item in self._store.experiments().items()):
            self._get_active_experiments()
        return path or super()._get_experiment_path(experiment_id, view_type, assert_exists)

    def _know_experiment(self, name: str, known: str) -> str:
        """Have MLflow's file of an experiment of ours; its id for MLflow."""
        experiment_id = _id(name, known)
        if super()._get_experiment_path(experiment_id) is None:
            with locked(self._workspace.folder / LOCK):
                if super()._get_experiment_path(experiment_id) is None:
                    self._create_experiment_with_id(name, experiment_id, None, None)
        return experiment_id

    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Any = None) -> str:
        """A new experiment of the workspace. The files of its runs are in the workspace, wherever it asks for them.

        Raises:
            UserErrorException: the name cannot be an experiment's.
        """
        from ..runs.experiment import Experiment

        self._validate_experiment_does_not_exist(name)
        # Not as an error of MLflow, for mlflow.set_experiment of 2.22 passes over those and takes the default one.
        experiment_id = self._know_experiment(name, Experiment(self._workspace, name).id)
        for tag in tags or ():
            self.set_experiment_tag(experiment_id, tag)
        return experiment_id

    def delete_experiment(self, experiment_id: str) -> None:
        """Refused: experiments of a workspace are always active."""
        raise refused("Experiments of a workspace are not deleted; delete their runs, or the workspace.")

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Refused: runs are found by the name of their experiment."""
        raise refused("Experiments of a workspace keep their names.")

    # --- runs --------------------------------------------------------------------------------------------------------

    def create_run(
        self, experiment_id: str, user_id: str, start_time: int, tags: list[Any], run_name: str | None = None
    ) -> Any:
        """A run of the workspace that this notebook logs to; a child of the run that ``mlflow.parentRunId`` names."""
        from ..runs.experiment import Experiment

        given = {tag.key: tag.value for tag in tags or ()}
        experiment = self.get_experiment(experiment_id)
        with told_to_mlflow():
            parent = given.get(_words.PARENT, "")
            if parent:
                self._store.run(parent)
            name = run_name or given.get(_words.NAME) or _generate_random_name()
            run = start_logged_run(Experiment(self._workspace, experiment.name), name=name, parent=parent)
        self._keep(run.id, tags=tags or ())
        return self.get_run(run.id)

    def update_run_info(self, run_id: str, run_status: Any, end_time: Any, run_name: str | None = None) -> Any:
        """End a run, or give it a new name. The state of a submitted run belongs to who started it."""
        if run_name:
            self._store.describe(run_id, display_name=run_name)
        if run_status is not None and RunStatus.is_terminated(run_status):
            run = self._workspace.get_run(run_id)
            if run.type != SCRIPT_RUN:
                end = {RunStatus.FINISHED: run.complete, RunStatus.KILLED: run.cancel}.get(run_status, run.fail)
                end()
        return self._get_run_info(run_id)

    def _get_run_info(self, run_uuid: str) -> Any:
        with told_to_mlflow():
            return self._info(self._store.run(run_uuid))

    def _info(self, run: RunRecord) -> Any:
        experiment_id = self._know_experiment(run.experiment, self._store.ensure_experiment(run.experiment))
        told = {
            "run_id": run.id,
            "run_uuid": run.id,  # MLflow 2
            "run_name": run.display_name or run.id,
            "experiment_id": experiment_id,
            "user_id": getpass.getuser(),
            "status": _STATES.get(run.status, _WAITING if run.status in states.WAITING else "RUNNING"),
            "start_time": round((run.started or run.created) * 1000),
            "end_time": round(run.ended * 1000) if run.ended else None,
            "lifecycle_stage": self._lifecycle(experiment_id, run.id),
            "artifact_uri": address_of(self._workspace, run.id),
        }
        return RunInfo.from_dictionary(told)

    def _lifecycle(self, experiment_id: str, run_id: str) -> str:
        folder = self._get_run_dir(experiment_id, run_id)
        if os.path.exists(os.path.join(folder, FileStore.META_DATA_FILE_NAME)):
            return str(self._get_run_info_from_dir(folder).lifecycle_stage)
        return str(LifecycleStage.ACTIVE)

    def _overwrite_run_info(self, run_info: Any, deleted_time: int | None = None) -> None:
        """Only whether MLflow shows it: runs are deleted with their workspace."""
        os.makedirs(self._get_run_dir(run_info.experiment_id, run_info.run_id), exist_ok=True)
        super()._overwrite_run_info(run_info, deleted_time)

    def _list_run_infos(self, experiment_id: str, view_type: Any) -> list[Any]:
        experiment = self.get_experiment(experiment_id)
        infos = map(self._info, self._store.runs(experiment=experiment.name, children=True))
        return [info for info in infos if LifecycleStage.matches_view_type(view_type, info.lifecycle_stage)]

    # --- what was logged ---------------------------------------------------------------------------------------------

    def _get_all_metrics(self, run_info: Any) -> list[Any]:
        return [_metric(point, 0) for point in self._store.last_points(run_info.run_id) if _is_number(point)]

    def get_metric_history(
        self, run_id: str, metric_key: str, max_results: int | None = None, page_token: str | None = None
    ) -> Any:
        """All points of one metric, in the order in which they were logged."""
        points = [point for point in self._store.points(run_id, name=metric_key) if _is_number(point)]
        history = [_metric(point, place) for place, point in enumerate(points)]
        if max_results is None:
            return PagedList(history, None)
        return PagedList(*SearchUtils.paginate(history, page_token, max_results))

    def _get_all_params(self, run_info: Any) -> list[Any]:
        return [Param(key, str(value)) for key, value in self._store.params(run_info.run_id).items()]

    def _get_all_tags(self, run_info: Any) -> list[Any]:
        run = self._store.run(run_info.run_id)
        told = {_words.NAME: run_info.run_name, _words.PARENT: run.parent, _words.NOTE: run.description}
        tags = {key: value for key, value in told.items() if value}
        if os.path.isdir(self._get_run_dir(run_info.experiment_id, run_info.run_id)):
            tags = {**{tag.key: tag.value for tag in super()._get_all_tags(run_info)}, **tags}
        tags.update((key, value or "") for key, value in self._store.tags(run_info.run_id).items())
        return [RunTag(key, value) for key, value in tags.items()]

    def log_metric(self, run_id: str, metric: Any) -> None:
        """Keep one point."""
        self.log_batch(run_id, [metric], [], [])

    def log_param(self, run_id: str, param: Any) -> Any:
        """Keep a parameter, which never changes again."""
        self.log_batch(run_id, [], [param], [])
        return param

    def set_tag(self, run_id: str, tag: Any) -> None:
        """Keep a tag."""
        self.log_batch(run_id, [], [], [tag])

    def log_batch(self, run_id: str, metrics: list[Any], params: list[Any], tags: list[Any]) -> None:
        """Keep many things, without the limits that a server has."""
        info = self._get_run_info(run_id)
        if info.lifecycle_stage != LifecycleStage.ACTIVE:
            raise refused(f"The run {run_id} was deleted; restore it first.")
        self._keep(run_id, metrics, params, tags)
        for metric in metrics:
            if getattr(metric, "model_id", None):
                self._log_model_metric(info.experiment_id, metric.model_id, run_id, metric)

    def _keep(
        self, run_id: str, metrics: Iterable[Any] = (), params: Iterable[Any] = (), tags: Iterable[Any] = ()
    ) -> None:
        self._keep_params(run_id, {param.key: str(param.value) for param in params})
        new = [_point(metric) for metric in metrics if not self._was_kept(run_id, metric)]
        if new:
            self._store.add_points(self._store.run(run_id), new)
        self._keep_tags(run_id, {tag.key: "" if tag.value is None else str(tag.value) for tag in tags})

    def _was_kept(self, run_id: str, metric: Any) -> bool:
        """Whether MLflow 3 tells a point once more to link it to a model."""
        if not getattr(metric, "model_id", None):
            return False
        what = (metric.step, metric.timestamp, metric.value)
        history = self.get_metric_history(run_id, metric.key)
        return any((known.step, known.timestamp, known.value) == what for known in history)

    def _keep_params(self, run_id: str, params: dict[str, str]) -> None:
        known = self._store.params(run_id) if params else {}
        for key, value in params.items():
            if known.get(key, value) != value:
                raise refused(
                    f"The parameter '{key}' of run {run_id} is '{known[key]}' and cannot become '{value}': MLflow's"
                    " parameters never change. Begin another run, or use a tag."
                )
        self._store.set_params(run_id, params)

    def _keep_tags(self, run_id: str, tags: dict[str, str]) -> None:
        about = {
            word: tags[key]
            for key, word in ((_words.NAME, "display_name"), (_words.NOTE, "description"))
            if key in tags
        }
        if about:
            self._store.describe(run_id, **about)
        self._store.set_tags(run_id, {key: value for key, value in tags.items() if not key.startswith(_words.OWN_TAGS)})
        own = [RunTag(key, value) for key, value in tags.items() if key.startswith(_words.OWN_TAGS)]
        info = self._get_run_info(run_id) if own else None
        for tag in own:
            self._set_run_tag(info, tag)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Forget a tag."""
        if key.startswith(_words.OWN_TAGS):
            super().delete_tag(run_id, key)
        elif key not in self._store.tags(run_id):
            raise MlflowException(f"No tag with name: {key} in run with id {run_id}", RESOURCE_DOES_NOT_EXIST)
        self._store.remove_tags(run_id, [key])

    # --- logged models of MLflow 3 -----------------------------------------------------------------------------------

    def create_logged_model(
        self, experiment_id: str, name: str | None = None, source_run_id: str | None = None, **more: Any
    ) -> Any:
        """A model, whose files go to the files of its run under its name, as with MLflow 2."""
        self._model_of = (source_run_id, name or "") if source_run_id else None
        return super().create_logged_model(experiment_id, name, source_run_id, **more)

    def _get_model_artifact_dir(self, experiment_id: str, model_id: str) -> str:
        if self._model_of is None:
            return str(super()._get_model_artifact_dir(experiment_id, model_id))
        run_id, name = self._model_of
        taken = {known.partition("/")[0] for known in self._workspace.get_run(run_id).get_file_names()}
        return address_of(self._workspace, run_id, name + model_id[1:10] if name in taken else name or model_id)


def _id(name: str, known: str) -> str:
    """MLflow's id of an experiment: ours, but for the one that it has an id for."""
    return str(FileStore.DEFAULT_EXPERIMENT_ID) if name == "Default" else known


def _is_number(point: Point) -> bool:
    return point.kind == "scalar" and isinstance(point.value, (int, float))


def _metric(point: Point, place: int) -> Any:
    step = place if point.step is None else round(point.step)
    return Metric(point.name, float(point.value), round(point.at * 1000), step)


def _point(metric: Any) -> NewPoint:
    return NewPoint(metric.key, "scalar", float(metric.value), metric.step, metric.timestamp / 1000, 0)
