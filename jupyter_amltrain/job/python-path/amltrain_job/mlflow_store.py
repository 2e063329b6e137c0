"""MLflow's tracking store of a job: what a script logs through stock ``mlflow`` goes to the job's run, and only there.

MLflow finds it by the entry points beside this package, as the store of ``amltrain:`` addresses, which the job's
environment names; nothing has to be installed in the image. What MLflow asks back (``get_run``, ``search_runs``,
histories, models) is answered from its own files below the work folder.

Who asks for a run gets the job's run, whatever name, experiment or id it asks with, unless it asks for one below
another (``nested=True``), which becomes a child. The status is nobody's to write: it belongs to the launcher
(azureml-v1.md section 17).
"""

import fcntl
import os

from mlflow.entities import RunStatus, RunTag
from mlflow.store.tracking.file_store import FileStore

from .channel import channel
from .files import CHILDREN, UPLOADS, work_folder
from .mlflow_files import NAME, NOTE, OWN_TAGS, PARENT, files_allowed
from .mlflow_registry import JobRegistry, file_uri
from .wire import plain_value, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

ADDRESS = "amltrain:"
EXPERIMENT_ID = "0"


def tracking_store(store_uri: str, artifact_uri: "Optional[str]" = None) -> "FileStore":
    """The store of the entry point ``mlflow.tracking_store``."""
    with files_allowed():
        return JobStore(work_folder())


def model_registry_store(store_uri: str, tracking_uri: "Optional[str]" = None) -> "JobRegistry":
    """The store of the entry point ``mlflow.model_registry_store``."""
    return JobRegistry(work_folder())


class JobStore(FileStore):
    """MLflow's store in files, with the job's run in it, which tells the run everything that it is told.

    Args:
        work: the job's work folder.
    """

    def __init__(self, work: str) -> None:
        self._run_id = os.environ["AMLTRAIN_RUN_ID"]
        self._newest: "Dict[Tuple[str, str], int]" = {}
        self._model_name = ""
        self._infos: "Dict[str, Any]" = {}
        self._work = work
        self._files = os.path.join(work, UPLOADS)
        root = os.path.join(work, "mlflow")
        # Several processes of one job may come here at once.
        with open(os.path.join(work, "mlflow.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            super().__init__(root, root)
            if not os.path.isdir(os.path.join(root, EXPERIMENT_ID, self._run_id)):
                self._make_run()

    def _create_default_experiment(self) -> None:
        os.makedirs(self.root_directory, exist_ok=True)
        name = os.environ.get("AZUREML_ARM_PROJECT_NAME") or "Default"
        self._create_experiment_with_id(name, EXPERIMENT_ID, self._files, None)

    def _make_run(self) -> None:
        """The job's run among MLflow's files, made by MLflow itself and then given its true name."""
        import getpass
        import time

        made = super().create_run(EXPERIMENT_ID, getpass.getuser(), int(time.time() * 1000), [], self._run_id)
        info = made.info
        folder = self._get_run_dir(EXPERIMENT_ID, info.run_id)
        own = info._copy_with_overrides(RunStatus.to_string(RunStatus.RUNNING))
        _set(own, "run_id", self._run_id)
        _set(own, "run_uuid", self._run_id)
        _set(own, "artifact_uri", file_uri(self._files))
        os.rename(folder, os.path.join(os.path.dirname(folder), self._run_id))
        self._overwrite_run_info(own)

    # --- runs ------------------------------------------------------------------------------------------------------

    def create_run(
        self, experiment_id: str, user_id: str, start_time: int, tags: "List[Any]", run_name: "Optional[str]" = None
    ) -> "Any":
        """The job's run with these tags, or a new child of the run that ``mlflow.parentRunId`` names."""
        given = {tag.key: tag.value for tag in tags or ()}
        parent = given.get(PARENT)
        if parent is None:
            for tag in tags or ():
                self.set_tag(self._run_id, tag)
            if run_name and NAME not in given:
                self.set_tag(self._run_id, RunTag(NAME, run_name))
            return self.get_run(self._run_id)
        made = super().create_run(EXPERIMENT_ID, user_id, start_time, [], run_name or given.get(NAME))
        info = made.info
        _set(info, "artifact_uri", file_uri(os.path.join(self._work, CHILDREN, info.run_id, UPLOADS)))
        self._overwrite_run_info(info)
        channel.write("child", v={"id": info.run_id, "name": info.run_name, "tags": {}}, **self._about(parent))
        for tag in tags:
            self.set_tag(info.run_id, tag)
        return self.get_run(info.run_id)

    def update_run_info(
        self, run_id: str, run_status: "Any", end_time: "Any", run_name: "Optional[str]" = None
    ) -> "Any":
        """Keep a new name. The job's run goes on running, whoever ended it; a child's end is told."""
        if run_id == self._run_id:
            run_status, end_time = RunStatus.RUNNING, None
        info = super().update_run_info(run_id, run_status, end_time, run_name)
        if run_name:
            self._tell_tags(run_id, {NAME: run_name})
        if run_id != self._run_id and run_status is not None and RunStatus.is_terminated(run_status):
            status = {RunStatus.FINISHED: "Completed", RunStatus.KILLED: "Canceled"}.get(run_status, "Failed")
            channel.write("state", v={"status": status}, **self._about(run_id))
        return info

    def delete_run(self, run_id: str) -> None:
        """Children only: the job's run stays."""
        if run_id != self._run_id:
            super().delete_run(run_id)

    def _get_run_info(self, run_uuid: str) -> "Any":
        """MLflow reads its file at every call; here this process is nearly always the only one to change it."""
        if run_uuid not in self._infos:
            self._infos[run_uuid] = super()._get_run_info(run_uuid)
        return self._infos[run_uuid]

    def _overwrite_run_info(self, run_info: "Any", deleted_time: "Optional[int]" = None) -> None:
        self._infos.clear()
        super()._overwrite_run_info(run_info, deleted_time)

    def _validate_new_param_value(self, *_: "Any", **__: "Any") -> None:
        """What a script thinks of as several runs is one here: of a parameter the last value counts."""

    # --- what they are told ----------------------------------------------------------------------------------------

    def log_metric(self, run_id: str, metric: "Any") -> None:
        """Keep one point and tell it."""
        super().log_metric(run_id, metric)
        self._tell_metrics(run_id, [metric])

    def log_param(self, run_id: str, param: "Any") -> "Any":
        """Keep a parameter and tell it."""
        kept = super().log_param(run_id, param)
        self._tell_parameters(run_id, [param])
        return kept

    def set_tag(self, run_id: str, tag: "Any") -> None:
        """Keep a tag and tell it."""
        super().set_tag(run_id, tag)
        self._tell_tags(run_id, {tag.key: tag.value})

    def delete_tag(self, run_id: str, key: str) -> None:
        """Forget a tag, here and there."""
        super().delete_tag(run_id, key)
        channel.write("untag", v=[key], **self._about(run_id))

    def log_batch(self, run_id: str, metrics: "List[Any]", params: "List[Any]", tags: "List[Any]") -> None:
        """Keep and tell many things."""
        super().log_batch(run_id, metrics, params, tags)
        self._tell_metrics(run_id, metrics)
        self._tell_parameters(run_id, params)
        self._tell_tags(run_id, {tag.key: tag.value for tag in tags})

    def _about(self, run_id: str) -> "Dict[str, str]":
        return {} if run_id == self._run_id else {"i": run_id}

    def _tell_metrics(self, run_id: str, metrics: "List[Any]") -> None:
        """Tell points, but those not again which MLflow 3 logs once more to link them to a model."""
        for metric in metrics:
            if getattr(metric, "model_id", None) and self._was_told(run_id, metric):
                continue
            key = (run_id, metric.key)
            self._newest[key] = max(metric.timestamp, self._newest.get(key, 0))
            point = [metric.key, plain_value(metric.value), metric.step, metric.timestamp / 1000]
            channel.point(to_json(point), self._about(run_id).get("i"))

    def _was_told(self, run_id: str, metric: "Any") -> bool:
        """Whether the point, which is one more in MLflow's file by now, stood there before; new ones are newer."""
        if metric.timestamp > self._newest.get((run_id, metric.key), 0):
            return False
        what = (metric.timestamp, metric.step, metric.value)
        history = self.get_metric_history(run_id, metric.key)
        return sum((point.timestamp, point.step, point.value) == what for point in history) > 1

    def _tell_parameters(self, run_id: str, params: "List[Any]") -> None:
        if params:
            channel.write("params", v={param.key: str(param.value) for param in params}, **self._about(run_id))

    def _tell_tags(self, run_id: str, tags: "Dict[str, Any]") -> None:
        about = {word: tags[key] for key, word in ((NAME, "display_name"), (NOTE, "description")) if tags.get(key)}
        if about:
            channel.write("about", v=about, **self._about(run_id))
        told = {key: str(value) for key, value in tags.items() if not key.startswith(OWN_TAGS)}
        if told:
            channel.write("tags", v=told, **self._about(run_id))

    # --- experiments and models ------------------------------------------------------------------------------------

    def get_experiment_by_name(self, experiment_name: str) -> "Any":
        """The one experiment there is, which is that of the run."""
        return self.get_experiment(EXPERIMENT_ID)

    def create_experiment(
        self, name: str, artifact_location: "Optional[str]" = None, tags: "Optional[List[Any]]" = None
    ) -> str:
        """Nothing is made: the run stays in its experiment."""
        return EXPERIMENT_ID

    def create_logged_model(
        self, experiment_id: str = EXPERIMENT_ID, name: "Optional[str]" = None, **more: "Any"
    ) -> "Any":
        """A model of MLflow 3, whose files go to the run's files under its name, as with MLflow 2."""
        self._model_name = name or ""
        return super().create_logged_model(EXPERIMENT_ID, name, **more)

    def _get_model_artifact_dir(self, experiment_id: str, model_id: str) -> str:
        folder = os.path.join(self._files, self._model_name or model_id)
        return file_uri(folder + model_id[1:10] if os.path.lexists(folder) else folder)


def _set(info: "Any", name: str, value: str) -> None:
    """Set what MLflow shows by a property: the attribute behind it."""
    if hasattr(info, "_" + name):
        setattr(info, "_" + name, value)
