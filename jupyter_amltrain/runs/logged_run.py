"""``Run.log`` and its kin from a notebook, and what a run that nothing executes is told: tags, children, its end."""

from __future__ import annotations

import builtins
import json
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import status as states
from .filters import Filter, Tags, children, texts_of
from .record import SCRIPT_RUN, Change
from .run_base import RunBase, job_module, own_errors
from .run_files import keep_file
from .stream import points

if TYPE_CHECKING:
    from .run import Run


class LoggedRun(RunBase):
    """The part of ``Run`` that tells the run something."""

    # --- metrics -----------------------------------------------------------------------------------------------------

    def _log(self, method: str, *arguments: Any, **named: Any) -> None:
        """Log as a script would: the shapes and refusals are the same code."""
        with own_errors():
            getattr(_to_store(self), method)(*arguments, **named)

    def log(self, name: str, value: Any, description: str = "", step: float | None = None) -> None:
        """Record one value, a number or text; the same name again makes a series.

        Args:
            name: any text.
            value: a number, text, or anything with ``item()`` such as a 0-d array or tensor.
            description: kept for the SDK.
            step: a number that says where in the training this is.

        Raises:
            UserErrorException: the value is a list or the like; use :meth:`log_list`.
        """
        self._log("log", name, value, step=step)

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        """Record a list, tuple, range, array or generator of values as one point."""
        self._log("log_list", name, value)

    def log_row(self, name: str, description: str | None = None, **kwargs: Any) -> None:
        """Record one row of a table, a value for each column.

        Raises:
            UserErrorException: a value is a list.
        """
        self._log("log_row", name, **kwargs)

    def log_table(self, name: str, value: dict[str, Any], description: str = "") -> None:
        """Record a table: column to list of values, or column to value for a single row.

        Raises:
            AzureMLException: it is no dictionary, or its columns differ in length.
        """
        self._log("log_table", name, value)

    def log_image(self, name: str, path: str | None = None, plot: Any = None, description: str = "") -> None:
        """Record an image: a file, or what ``matplotlib.pyplot`` or a figure shows.

        Raises:
            AzureMLException: not exactly one of ``path`` and ``plot`` is given, or it is no image.
        """
        self._log("log_image", name, path=path, plot=plot)

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        """Record a confusion matrix: a dictionary (or its JSON) with ``schema_type``, ``schema_version``, ``data``."""
        self._log("log_confusion_matrix", name, value)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        """Record an accuracy table: a dictionary (or its JSON) with ``schema_type``, ``schema_version``, ``data``."""
        self._log("log_accuracy_table", name, value)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        """Record residuals: a dictionary (or its JSON) with ``schema_type``, ``schema_version``, ``data``."""
        self._log("log_residuals", name, value)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        """Record predictions: a dictionary (or its JSON) with ``schema_type``, ``schema_version``, ``data``."""
        self._log("log_predictions", name, value)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Nothing to do: what is logged is kept at once."""

    # --- tags, properties, names -------------------------------------------------------------------------------------

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

    def get_params(self) -> dict[str, str | None]:
        """The parameters that the script logged through MLflow, as text; the SDK's ``Run`` has no such list."""
        return self._store.params(self._run_id)

    def get_properties(self) -> dict[str, str | None]:
        """Its properties."""
        return self._store.properties(self._run_id)

    def add_properties(self, properties: Tags) -> None:
        """Add properties, which never change again.

        Raises:
            ExperimentExecutionException: one of them is there already; none was added.
        """
        self._store.add_properties(self._run_id, texts_of("properties", properties))

    @property
    def display_name(self) -> str | None:
        """A name for people; set it to change it."""
        return self._store.run(self._run_id).display_name or None

    @display_name.setter
    def display_name(self, display_name: str | None) -> None:
        self._store.describe(self._run_id, display_name=display_name)

    @property
    def name(self) -> str | None:
        """The older name of :attr:`display_name`."""
        return self.display_name

    @property
    def description(self) -> str | None:
        """A description; set it to change it."""
        return self._store.run(self._run_id).description or None

    @description.setter
    def description(self, description: str | None) -> None:
        self._store.describe(self._run_id, description=description)

    # --- children ----------------------------------------------------------------------------------------------------

    @property
    def parent(self) -> Run | None:
        """The run above this one, None for none."""
        above = self._store.run(self._run_id).parent
        return self._workspace.get_run(above) if above else None

    def get_children(
        self,
        recursive: bool = False,
        tags: Filter = None,
        properties: Filter = None,
        type: str | None = None,
        status: str | None = None,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """The runs below this one that fit all filters, newest first.

        Args:
            recursive: also those below them, to any depth.
            tags: a name that must be there, or names with the values they must have.
            properties: likewise.
        """
        found = children(
            self._store, self._run_id, recursive=recursive, tags=tags, properties=properties, type=type, status=status
        )
        return (self._workspace.get_run(record.id) for record in found)

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """A new run below this one, to log to; it is running until it is told :meth:`complete` or :meth:`fail`.

        Args:
            name: a name for people.
            run_id: its id, made up when not given.
            outputs: a folder that is uploaded when the child is completed.
        """
        from .interactive import start_logged_run

        return start_logged_run(self._experiment, parent=self._run_id, name=name, run_id=run_id, outputs=outputs)

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: builtins.list[Any] | None = None
    ) -> builtins.list[Run]:
        """Several new runs below this one: ``count`` of them, or one for each tag value.

        Raises:
            UserErrorException: neither or both are given, or they are more than 100.
        """
        from .interactive import start_logged_run

        with own_errors():
            key, values = job_module("ending").children_asked(count, tag_key, tag_values)
        return [
            start_logged_run(self._experiment, parent=self._run_id, tags={str(key): str(value)}) for value in values
        ]

    def submit_child(self, config: Any, tags: Tags | None = None, **kwargs: Any) -> Run:
        """Start a run below this one; the same as ``Experiment.submit`` otherwise."""
        return self._experiment._submit(config, tags, parent=self._run_id, **kwargs)

    # --- its end -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Nothing to do: a run that is logged to has started when it is made."""

    def complete(self, _set_status: bool = True) -> None:
        """The run is over and went well; for a submitted run this follows from its script, and nothing is done."""
        self._end({"status": states.COMPLETED})

    def fail(self, error_details: Any = None, error_code: Any = None, _set_status: bool = True) -> None:
        """The run is over and failed. A submitted run that still runs is stopped.

        Args:
            error_details: text, or an exception.
            error_code: ``UserError`` when not given.
        """
        error = job_module("ending").error_of(error_details, error_code)
        if self._store.run(self._run_id).type == SCRIPT_RUN:
            from .control import fail

            fail(self._workspace.folder, self._store, self._run_id, error)
            return
        self._end({"status": states.FAILED, "error": error})

    def cancel(self) -> None:
        """Ask it to end: SIGINT, then SIGTERM, then SIGKILL. What it wrote is kept; one that is over stays so."""
        if self._store.run(self._run_id).type == SCRIPT_RUN:
            from .control import cancel

            cancel(self._workspace.folder, self._store, self._run_id)
            return
        self._end({"status": states.CANCELED})

    def _end(self, how: dict[str, Any]) -> None:
        record = self._store.run(self._run_id)
        if record.type == SCRIPT_RUN or record.status in states.TERMINAL:
            return
        from .interactive import upload_outputs

        upload_outputs(self._store, record, self._folder)
        self._store.end_logged_run(record, Change("state", "", how, time.time()))

    def __enter__(self) -> Run:
        return self  # type: ignore[return-value]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if job_module("ending").is_success(error):
            self.complete()
        else:
            self.fail(error)


def _to_store(run: LoggedRun) -> Any:
    """What the run of a job is to its script, with the store at the other end."""

    class ToStore(job_module("logged").Logged):  # type: ignore[misc]
        def _send_point(self, text: str) -> None:
            self._send("metric", v=[json.loads(text)])

        def _send(self, kind: str, **fields: Any) -> None:
            new = points({"k": kind, "t": time.time(), **fields})
            run._store.add_points(run._store.run(run._run_id), new)

        def _keep_file(self, name: str, source: Any) -> str:
            return keep_file(run._folder, name, source)

    return ToStore()
