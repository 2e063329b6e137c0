"""``Run`` and ``ScriptRun`` of the SDK: one run, asked anew at every call (azureml-v1.md sections 9 and 10).

A run object keeps nothing but ids, so any number of them, in any process, say the same.
"""

from __future__ import annotations

import builtins
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..absent import INTERNAL, NOT_YET, Recreated
from ..errors import ActivityFailedException, UserErrorException
from . import status as states
from .artifacts import copy_artifact, list_artifacts, names_below
from .html import Html, link, table
from .values import metrics

if TYPE_CHECKING:
    from ..environment.spec import Environment
    from ..workspace import Workspace
    from .experiment import Experiment
    from .record import RunRecord
    from .store import Store

Tags = Mapping[str, Any]
Filter = str | Mapping[str, Any] | None


class Run(Recreated):
    """A run of an experiment.

    Args:
        experiment: the experiment it belongs to.
        run_id: its id, ``<experiment>_<seconds>_<8 hex digits>``.

    Raises:
        NameNotFoundException: there is no such run; the message suggests the nearest id.
        UserErrorException: it belongs to another experiment.
    """

    RUN_TYPE = "azureml.scriptrun"
    _absent = {
        **dict.fromkeys(
            ("log", "log_list", "log_row", "log_table"), "it is called in the script, on Run.get_context()"
        ),
        **dict.fromkeys(
            ("log_image", "log_confusion_matrix", "log_accuracy_table", "log_residuals", "log_predictions"), NOT_YET
        ),
        **dict.fromkeys(("child_run", "create_children", "submit_child"), NOT_YET),
        **dict.fromkeys(
            ("upload_file", "upload_files", "upload_folder"), "write files to ./outputs in the script instead"
        ),
        **dict.fromkeys(("take_snapshot", "restore_snapshot", "register_model", "clean", "list_by_compute"), NOT_YET),
        **dict.fromkeys(("input_datasets", "output_datasets"), NOT_YET),
        **dict.fromkeys(("get_secret", "get_secrets"), "there is no key vault; pass secrets as environment variables"),
        **dict.fromkeys(("start", "complete", "fail"), "a submitted run's state follows from its script; see cancel()"),
        **dict.fromkeys(("name", "display_name", "description"), "runs are told apart by id and tags for now"),
        "get_docs_url": "there is no page about it; see the docstrings",
        "get_submitted_run": "Run.get_context() is its name since 2019",
        "portal_url": "get_portal_url() says where to look",
        **dict.fromkeys(("DELIM", "EXPERIMENT_ID_PATH", "EXPERIMENT_NAME_PATH", "RUN_PATH", "TID_FMT"), INTERNAL),
        **dict.fromkeys(("WORKSPACE_FMT", "add_type_provider", "identity"), INTERNAL),
    }

    def __init__(self, experiment: Experiment, run_id: str, outputs: str | None = None, **kwargs: Any) -> None:
        if not hasattr(experiment, "workspace"):
            raise UserErrorException(
                f"Run takes an Experiment and a run id, not {type(experiment).__name__}: Run(Experiment(ws, 'name'),"
                " run_id). With a workspace alone: ws.get_run(run_id)."
            )
        self._experiment = experiment
        self._run_id = run_id
        owner = self._store.run(run_id).experiment
        if owner != experiment.name:
            raise UserErrorException(
                f"Run {run_id} belongs to experiment '{owner}', not '{experiment.name}'. Use ws.get_run('{run_id}')."
            )

    @property
    def _workspace(self) -> Workspace:
        return self._experiment.workspace

    @property
    def _store(self) -> Store:
        return self._workspace.store

    @property
    def _folder(self) -> Path:
        return self._workspace.run_folder(self._run_id)

    def _record(self) -> RunRecord:
        """The run as of now; a dead supervisor is noticed here."""
        record = self._store.run(self._run_id)
        if record.status not in states.TERMINAL:
            from .upkeep import keep_up

            if keep_up(self._workspace.folder, self._store):
                record = self._store.run(self._run_id)
        return record

    # --- what it is ------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run_id

    @property
    def number(self) -> int:
        """Its place in the order of submission."""
        return self._record().number

    @property
    def type(self) -> str:
        """``azureml.scriptrun``."""
        return self.RUN_TYPE

    @property
    def parent(self) -> Run | None:
        """None: runs have no parents yet."""
        return None

    def get_children(
        self,
        recursive: bool = False,
        tags: Filter = None,
        properties: Filter = None,
        type: str | None = None,
        status: str | None = None,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """Nothing: runs have no children yet."""
        return iter(())

    @property
    def experiment(self) -> Experiment:
        """The experiment it belongs to."""
        return self._experiment

    @property
    def status(self) -> str:
        """Its state, one of Azure ML's words."""
        return self.get_status()

    @property
    def tags(self) -> dict[str, str | None]:
        """Its tags; change them with :meth:`tag`."""
        return self.get_tags()

    @property
    def properties(self) -> dict[str, str | None]:
        """Its properties, which never change."""
        return self.get_properties()

    def get_portal_url(self) -> str:
        """Where to look at it: the run's folder."""
        return self._folder.as_uri()

    def get_snapshot_id(self) -> str:
        """The id of the source snapshot it runs; equal sources have equal ids."""
        return str(self._record().definition["snapshot_id"])

    def get_environment(self) -> Environment:
        """The environment it runs in, as it was at the submit, without passwords."""
        from ..environment.spec import Environment

        return Environment._from_spec(self._record().definition["environment"])

    # --- how it is going -------------------------------------------------------------------------------------------

    def get_status(self) -> str:
        """Its state: Queued, Preparing, Running, Completed, Failed, Canceled or another of Azure ML's words."""
        return self._record().status

    def get_detailed_status(self) -> dict[str, Any]:
        """Its state with ``details`` (why), ``since``, ``elapsed_s`` and ``last_log_line``."""
        from .description import detailed_status

        return detailed_status(self._store, self._folder, self._record(), time.time())

    def get_details(self) -> dict[str, Any]:
        """All about it, with the keys of the SDK; ``logFiles`` has paths on this machine."""
        from .description import details

        return details(self._store, self._folder, self._record())

    def get_details_with_logs(self) -> dict[str, Any]:
        """:meth:`get_details` with the text of each log instead of its path."""
        found = self.get_details()
        found["logFiles"] = {name: self._text(name) for name in found["logFiles"]}
        return found

    def _text(self, name: str) -> str:
        from .artifacts import open_artifact

        with open_artifact(self._folder, name) as file:
            return file.read().decode("utf-8", "replace")

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Wait until the run is over; a canceled run is no error.

        Args:
            show_output: write its logs to stdout, all of them, as they are written.
            wait_post_processing: kept for the SDK; the wait always ends with the final state.
            raise_on_error: raise when the run fails.

        Returns:
            :meth:`get_details`.

        Raises:
            ActivityFailedException: the run failed; the message has its error and the last lines of its log.
            ExperimentExecutionException: the waiting was interrupted; the run goes on.
        """
        from .transcript import Transcript, watch

        transcript = None
        if show_output:
            transcript = Transcript(self._store, self._run_id, self.get_portal_url(), sys.stdout)
            transcript.begin()
        watch(self._workspace.folder, self._store, self._run_id, transcript)
        details = self.get_details()
        error = json.dumps(details["error"], indent=4, ensure_ascii=False) if "error" in details else ""
        if transcript:
            warnings = [warning["message"] for warning in details.get("warnings", ())]
            transcript.end(warnings, "" if raise_on_error else error)
        if error and raise_on_error:
            raise ActivityFailedException(error)
        if transcript:
            transcript.close()
        return details

    def cancel(self) -> None:
        """Ask it to end: SIGINT, then SIGTERM, then SIGKILL. What it wrote is kept; one that is over stays so."""
        from .control import cancel

        cancel(self._workspace.folder, self._store, self._run_id)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Nothing to do: what a script logs is kept at once."""

    # --- what it logged and wrote ----------------------------------------------------------------------------------

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> dict[str, Any]:
        """What the script logged: name to value, or to the list of values (azureml-v1.md section 11.2).

        Args:
            name: only that metric; {} when there is none.
            recursive: kept for the SDK; runs have no children yet.
            run_type: kept for the SDK.
            populate: kept for the SDK.
        """
        return metrics(self._store.points(self._run_id, name=name))

    def get_file_names(self) -> builtins.list[str]:
        """Its files: ``azureml-logs/…``, ``logs/…``, ``outputs/…``, also while it runs."""
        return [artifact.name for artifact in list_artifacts(self._folder)]

    def download_file(
        self, name: str, output_file_path: str | Path | None = None, _validate_checksum: bool = False
    ) -> None:
        """Copy one of its files.

        Args:
            name: as :meth:`get_file_names` gives it.
            output_file_path: file or folder to copy to; the current folder when not given.

        Raises:
            NameNotFoundException: it has no such file; the message suggests the nearest name.
        """
        base = Path(name).name
        to_folder = output_file_path is not None and str(output_file_path).endswith(("/", "\\"))
        destination = Path(base if output_file_path is None else output_file_path).expanduser()
        if to_folder or destination.is_dir():
            destination /= base
        copy_artifact(self._folder, name, destination)

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: str | Path | None = None,
        output_paths: Sequence[str | Path] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """Copy several of its files.

        Args:
            prefix: only the files in that folder, such as ``outputs``.
            output_directory: where to; the current folder when not given.
            output_paths: a path for each file instead of its name, in the order of :meth:`get_file_names`.
            batch_size: kept for the SDK.
            append_prefix: False leaves ``prefix`` out of the copies' paths.
            timeout_seconds: kept for the SDK.

        Raises:
            UserErrorException: no file has that prefix, or ``output_paths`` has another length.
        """
        folder, names = names_below(self._folder, prefix or "")
        if output_paths is None:
            targets = [Path(name if append_prefix else name[len(folder) :].lstrip("/")) for name in names]
        else:
            targets = [Path(path) for path in output_paths]
        if len(targets) != len(names):
            raise UserErrorException(f"output_paths names {len(targets)} file(s) and there are {len(names)}: {names}.")
        for name, target in zip(names, targets, strict=True):
            copy_artifact(self._folder, name, Path(output_directory or ".").expanduser() / target)

    def get_all_logs(self, destination: str | Path | None = None) -> builtins.list[str]:
        """Copy its logs to ``destination``, or to ``assets/<run id>``; returns the copies' paths.

        Raises:
            UserErrorException: ``destination`` is a file.
        """
        folder = Path("assets") / self._run_id if destination is None else Path(destination).expanduser()
        if folder.exists() and not folder.is_dir():
            raise UserErrorException(f"{folder} exists and is not a directory.")
        names = [name for name in self.get_file_names() if not name.startswith("outputs/")]
        return [str(copy_artifact(self._folder, name, folder / name)) for name in names]

    # --- tags and properties ---------------------------------------------------------------------------------------

    def tag(self, key: str, value: Any = None) -> None:
        """Set a tag, or change it; the value becomes text."""
        self.set_tags({key: value})

    def set_tags(self, tags: Tags) -> None:
        """Set several tags; others stay."""
        self._store.set_tags(self._run_id, texts_of("tags", tags))

    def get_tags(self) -> dict[str, str | None]:
        """Its tags."""
        return self._store.tags(self._run_id)

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove tags by name; missing ones are no error."""
        self._store.remove_tags(self._run_id, [tags] if isinstance(tags, str) else list(tags))

    def get_properties(self) -> dict[str, str | None]:
        """Its properties."""
        return self._store.properties(self._run_id)

    def add_properties(self, properties: Tags) -> None:
        """Add properties, which never change again.

        Raises:
            ExperimentExecutionException: one of them is there already; none was added.
        """
        self._store.add_properties(self._run_id, texts_of("properties", properties))

    # --- finding runs ----------------------------------------------------------------------------------------------

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """A run of any experiment of the workspace.

        Raises:
            NameNotFoundException: there is no such run; the message suggests the nearest id.
        """
        return workspace.get_run(run_id)

    @staticmethod
    def list(
        experiment: Experiment,
        type: str | None = None,
        tags: Filter = None,
        properties: Filter = None,
        status: str | None = None,
        include_children: bool = False,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """The runs of an experiment that fit all filters, newest first.

        Args:
            tags: a name that must be there, or names with the values they must have.
            properties: likewise.
        """
        if type is not None and type.lower() != Run.RUN_TYPE:
            return
        store = experiment.workspace.store
        for record in store.runs(experiment=experiment.name, status=None if status is None else [status]):
            if _fits(tags, store.tags, record.id) and _fits(properties, store.properties, record.id):
                yield ScriptRun(experiment, record.id)

    @classmethod
    def get_context(cls, allow_offline: bool = True, used_for_context_manager: bool = False, **kwargs: Any) -> Any:
        """The run that a script belongs to; in a notebook an offline run, which prints what it is told to log.

        Raises:
            RunEnvironmentException: there is no such run and ``allow_offline`` is False.
        """
        return _job_run_module().Run.get_context(allow_offline, used_for_context_manager, **kwargs)

    # --- how it looks ----------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return (
            f"Run(Experiment: {self._experiment.name},\nId: {self._run_id},\nType: {self.type},"
            f"\nStatus: {self.get_status()})"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        record = self._record()
        cells: dict[str, str | Html] = {
            "Experiment": record.experiment,
            "Id": record.id,
            "Type": self.type,
            "Status": record.status,
            "Details Page": link(self.get_portal_url(), "Link to the run's folder"),
        }
        if record.reason:
            cells["Reason"] = record.reason
        return table("run", list(cells), [list(cells.values())])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return (self._run_id, self._workspace.folder) == (other._run_id, other._workspace.folder)

    def __hash__(self) -> int:
        return hash(self._run_id)


class ScriptRun(Run):
    """A run that was submitted as a script (azureml-v1.md section 10)."""

    def __init__(
        self, experiment: Experiment, run_id: str, directory: str | None = None, _run_config: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(experiment, run_id, **kwargs)


def texts_of(kind: str, pairs: Tags) -> dict[str, Any]:
    """Names with values as text; None stays None.

    Raises:
        UserErrorException: it is no mapping, or a name is not text.
    """
    if not isinstance(pairs, Mapping):
        raise UserErrorException(f"{kind} are a dictionary such as {{'model': 'resnet34'}}, not {pairs!r:.80}.")
    for key in pairs:
        if not isinstance(key, str) or not key:
            raise UserErrorException(f"The name of each of the {kind} is text, not {key!r}.")
    return {key: None if value is None else str(value) for key, value in pairs.items()}


def _fits(wanted: Filter, read: Callable[[str], Tags], run_id: str) -> bool:
    if not wanted:
        return True
    found = read(run_id)
    if isinstance(wanted, str):
        return wanted in found
    return all(key in found and found[key] == value for key, value in texts_of("filters", wanted).items())


def _job_run_module() -> Any:
    """``amltrain_job.run``, which scripts see inside a job, loaded from its place in the package."""
    loaded = sys.modules.get("amltrain_job.run")
    if loaded is not None:
        return loaded
    folder = Path(__file__).parents[1] / "job" / "python-path"
    sys.path.append(str(folder))
    try:
        return importlib.import_module("amltrain_job.run")
    finally:
        sys.path.remove(str(folder))
