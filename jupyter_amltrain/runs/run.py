"""``Run`` and ``ScriptRun`` of the SDK: one run, asked anew at every call (azureml-v1.md sections 9 and 10).

A run object keeps nothing but ids, so any number of them, in any process, say the same.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..absent import INTERNAL, NOT_YET
from ..errors import ActivityFailedException, UserErrorException
from .filters import Filter, fits
from .html import Html, link, table
from .logged_run import LoggedRun
from .record import SCRIPT_RUN, SYSTEM
from .run_base import job_module
from .run_files import RunFiles

if TYPE_CHECKING:
    from ..environment.spec import Environment
    from ..workspace import Workspace
    from .experiment import Experiment
    from .record import RunRecord


class Run(LoggedRun, RunFiles):
    """A run of an experiment.

    Args:
        experiment: the experiment it belongs to.
        run_id: its id, ``<experiment>_<seconds>_<8 hex digits>``.

    Raises:
        NameNotFoundException: there is no such run; the message suggests the nearest id.
        UserErrorException: it belongs to another experiment.
    """

    _absent = {
        **dict.fromkeys(("clean", "list_by_compute"), NOT_YET),
        **dict.fromkeys(("input_datasets", "output_datasets"), NOT_YET),
        **dict.fromkeys(("get_secret", "get_secrets"), "there is no key vault; pass secrets as environment variables"),
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

    # --- what it is ------------------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Its place in the order of submission."""
        return self._record().number

    @property
    def type(self) -> str | None:
        """``azureml.scriptrun`` of a submitted run, None of one that is only logged to."""
        return self._store.run(self._run_id).type or None

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

    def get_environment(self) -> Environment:
        """The environment it runs in, as it was at the submit, without passwords."""
        from ..environment.spec import Environment

        spec = self._record().definition.get("environment")
        if spec is None:
            raise UserErrorException("There is no run definition or environment specified for the run.")
        return Environment._from_spec(spec)

    # --- how it is going -------------------------------------------------------------------------------------------

    def get_status(self) -> str:
        """Its state: Queued, Preparing, Running, Completed, Failed, Canceled or another of Azure ML's words."""
        return self._record().status

    def get_detailed_status(self) -> dict[str, Any]:
        """Its state with ``details`` (why), ``since``, ``elapsed_s`` and ``last_log_line``."""
        from .description import detailed_status

        return detailed_status(self._store, self._folder, self._record(), time.time())

    def get_details(self) -> dict[str, Any]:
        """All about it, with the keys of the SDK; ``logFiles`` has paths on this machine.

        The ``dataset`` of each of ``inputDatasets`` and ``outputDatasets`` is a data set, registered or not.
        """
        from .description import data_of_run, details

        record = self._record()
        found, data = details(self._store, self._folder, record), data_of_run(record)
        if data:
            from ..data.lineage import with_datasets

            for key in ("inputDatasets", "outputDatasets"):
                found[key] = with_datasets(self._workspace, found[key], data)
        return found

    def get_details_with_logs(self) -> dict[str, Any]:
        """:meth:`get_details` with the text of each log instead of its path."""
        found = self.get_details()
        found["logFiles"] = {name: self._text(name) for name in found["logFiles"]}
        return found

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

    # --- what it logged and wrote ----------------------------------------------------------------------------------

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> dict[str, Any]:
        """What was logged: name to value, or to the list of values (azureml-v1.md section 11.2).

        Args:
            name: only that metric; {} when there is none.
            recursive: the ids of this run and of all runs below it, each with its metrics.
            run_type: with ``recursive``, only runs of that type besides this one.
            populate: the content of charts instead of their addresses.
        """
        from .gather import gather_metrics

        return gather_metrics(
            self._store,
            self._workspace.folder,
            self._store.run(self._run_id),
            name=name,
            recursive=recursive,
            run_type=run_type,
            populate=populate,
        )

    def get_system_metrics(self) -> dict[str, Any]:
        """What it used of the machine, once a second: name (``system/cpu``, ``system/memory``, …) to list of values.

        After ten minutes only the lowest and the highest of longer and longer stretches, up to a minute.
        CPU is in percent of one core, memory in bytes, the rest in bytes a second. {} for a run of less than a second.
        """
        series: dict[str, Any] = {}
        for point in self._store.points(self._run_id, only=SYSTEM):
            series.setdefault(point.name, []).append(point.value)
        return series

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
        workspace = experiment.workspace
        statuses = None if status is None else [status]
        for record in workspace.store.runs(experiment=experiment.name, status=statuses, children=include_children):
            if fits(workspace.store, record, tags=tags, properties=properties, type=type):
                yield run_of(experiment, record)

    @classmethod
    def get_context(cls, allow_offline: bool = True, used_for_context_manager: bool = False, **kwargs: Any) -> Any:
        """The run that a script belongs to; in a notebook an offline run, which prints what it is told to log.

        Raises:
            RunEnvironmentException: there is no such run and ``allow_offline`` is False.
        """
        return job_module("run").Run.get_context(allow_offline, used_for_context_manager, **kwargs)

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
            "Type": str(self.type),
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

    RUN_TYPE = SCRIPT_RUN

    def __init__(
        self, experiment: Experiment, run_id: str, directory: str | None = None, _run_config: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(experiment, run_id, **kwargs)


def run_of(experiment: Experiment, record: RunRecord) -> Run:
    """The object for a run, of the class that its type has."""
    return (ScriptRun if record.type == SCRIPT_RUN else Run)(experiment, record.id)
