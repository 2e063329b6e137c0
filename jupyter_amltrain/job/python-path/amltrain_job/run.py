"""The run as its own script sees it: ``Run.get_context()`` (azureml-v1.md sections 10.1, 10.2 and 11.1)."""

import os
import warnings

from .channel import channel, plain_value
from .errors import AzureMLException, RunEnvironmentException, UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional


class Run:
    """What the run of a job and the run of a script started by hand have in common.

    Use :meth:`get_context`; a notebook, outside of a job, has the full ``Run`` of jupyter_amltrain.
    """

    _context: "Optional[Run]" = None

    def __init__(self, run_id: str, experiment: str) -> None:
        self.id = run_id
        self.experiment = Experiment(experiment)

    @classmethod
    def get_context(cls, allow_offline: bool = True, used_for_context_manager: bool = False, **kwargs: "Any") -> "Run":
        """The run this script belongs to, the same object every time.

        Args:
            allow_offline: when the script was not started by a run, give one that prints what it is told.
            used_for_context_manager: accepted, as in the SDK.
            kwargs: accepted, as in the SDK.

        Raises:
            RunEnvironmentException: there is no run and ``allow_offline`` is False.
        """
        run_id = os.environ.get("AMLTRAIN_RUN_ID")
        if not run_id and not allow_offline:
            raise RunEnvironmentException(
                "This script was not started by a run, so there is no run to attach to. "
                "Submit it, or call Run.get_context() without allow_offline=False."
            )
        if Run._context is None:
            experiment = os.environ.get("AZUREML_ARM_PROJECT_NAME", "")
            Run._context = _SubmittedRun(run_id, experiment) if run_id else _OfflineRun()
        return Run._context

    def __repr__(self) -> str:
        return "Run(Experiment: %s,\nId: %s,\nStatus: %s)" % (self.experiment.name, self.id, self.get_status())

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exception: "Any") -> None:
        """Leave the status to whoever started the script."""

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError(
            "Run.%s is not there yet inside a job of jupyter_amltrain; there are: %s."
            % (name, ", ".join(member for member in dir(type(self)) if not member.startswith("_")))
        )

    def get_status(self) -> str:
        """Azure ML's word for the state: a script only ever sees its run running."""
        return "Running"

    def log(self, name: str, value: "Any", description: str = "", step: "Optional[float]" = None) -> None:
        """Record one value, a number or text; the same name again makes a series.

        Raises:
            UserErrorException: the value is a list or the like; use :meth:`log_list`.
        """
        self._send_metric("scalar", name, _single(name, value), step)

    def log_list(self, name: str, value: "Any", description: str = "", step: "Optional[float]" = None) -> None:
        """Record a list, tuple, range, array or generator of values as one point."""
        self._send_metric("list", name, list(value), step)

    def log_row(self, name: str, description: "Optional[str]" = None, **kwargs: "Any") -> None:
        """Record one row of a table, a value for each column."""
        self._send_columns("row", name, {column: _single(column, value) for column, value in kwargs.items()})

    def log_table(self, name: str, value: "Dict[str, Any]", description: str = "") -> None:
        """Record a table: column to list of values, or column to value for a single row.

        Raises:
            AzureMLException: the columns differ in length.
        """
        columns = {str(column): list(cells) if _has_items(cells) else [cells] for column, cells in value.items()}
        lengths = {column: len(cells) for column, cells in columns.items()}
        if len(set(lengths.values())) > 1:
            raise AzureMLException("The columns of table '%s' differ in length: %s." % (name, lengths))
        self._send_columns("table", name, columns)

    def tag(self, key: str, value: "Any" = None) -> None:
        """Set a tag; a value that is not text becomes text."""
        self.set_tags({key: value})

    def set_tags(self, tags: "Dict[str, Any]") -> None:
        """Set several tags."""
        raise NotImplementedError

    def start(self) -> None:
        """Nothing to do: it runs already."""

    def complete(self) -> None:
        """Leave the status to whoever started the script, as Azure ML does."""

    def fail(self, error_details: "Any" = None, error_code: "Any" = None) -> None:
        """Leave the status to whoever started the script, as Azure ML does: exit with an error to fail the run."""

    def cancel(self) -> None:
        """Warn: a run is canceled from outside."""
        warnings.warn("A run cannot cancel itself; end the script, or cancel the run from the notebook.", stacklevel=2)

    def flush(self, timeout_seconds: int = 300) -> None:
        """Nothing to do: records are written at once."""

    def get_file_names(self) -> "List[str]":
        """The files in ``outputs`` and ``logs`` now."""
        root = os.environ.get("AMLTRAIN_ROOT", os.curdir)
        return sorted(
            os.path.relpath(os.path.join(folder, file), root)
            for top in ("outputs", "logs")
            for folder, _, files in os.walk(os.path.join(root, top))
            for file in files
        )

    def _send_metric(self, shape: str, name: str, value: "Any", step: "Optional[float]") -> None:
        raise NotImplementedError

    def _send_columns(self, shape: str, name: str, columns: "Dict[str, Any]") -> None:
        raise NotImplementedError


class Experiment:
    """The experiment of the run, by name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return "Experiment(Name: %s)" % self.name

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError("Experiment.%s is not there yet inside a job of jupyter_amltrain; there is: name." % name)


class _SubmittedRun(Run):
    """The run that started this script: everything goes out through the record channel."""

    def set_tags(self, tags: "Dict[str, Any]") -> None:
        channel.write("tags", v={str(key): None if value is None else str(value) for key, value in tags.items()})

    def _send_metric(self, shape: str, name: str, value: "Any", step: "Optional[float]") -> None:
        point = [str(name), _plain(name, value)]
        if step is not None:
            point.append(plain_value(step))
            if not isinstance(point[2], (int, float)):
                raise UserErrorException("The step of '%s' is %r, and a number is needed." % (name, step))
        channel.write("metric", v=[point])

    def _send_columns(self, shape: str, name: str, columns: "Dict[str, Any]") -> None:
        channel.write(shape, n=str(name), v={column: _plain(name, cells) for column, cells in columns.items()})


class _OfflineRun(Run):
    """The run of a script that was started by hand: it prints what it is told."""

    def __init__(self) -> None:
        from uuid import uuid4  # pays for itself only here

        super().__init__("OfflineRun_%s" % uuid4(), "")

    def tag(self, key: str, value: "Any" = None) -> None:
        """Print the tag."""
        print("Attempted to add tag %s with value %s" % (key, value))

    def set_tags(self, tags: "Dict[str, Any]") -> None:
        print("Attempted to set tags %s" % tags)

    def _send_metric(self, shape: str, name: str, value: "Any", step: "Optional[float]") -> None:
        print("Attempted to log %s metric %s:\n%s" % (shape, name, value))

    def _send_columns(self, shape: str, name: str, columns: "Dict[str, Any]") -> None:
        print("Attempted to log %s metric %s:\n%s" % (shape, name, columns))


def _single(name: str, value: "Any") -> "Any":
    if _has_items(value):
        raise UserErrorException(
            "'%s' is a %s, and a single value is needed here. Log a list with "
            "run.log_list('%s', values)." % (name, type(value).__name__, name)
        )
    return value


def _has_items(value: "Any") -> bool:
    """Whether it is a list, array, range, generator or the like, and not one value in such a coat."""
    if isinstance(value, (str, int, float, bytes, dict)) or not hasattr(value, "__iter__"):
        return False
    try:
        plain_value(value)
    except TypeError:
        return True
    return False


def _plain(name: str, value: "Any") -> "Any":
    """The value or the list of values as a record carries it; of an unknown type its text, with a warning."""
    if isinstance(value, list):
        return [_plain(name, item) for item in value]
    try:
        return plain_value(value)
    except TypeError:
        warnings.warn("'%s': a %s is stored as its text." % (name, type(value).__name__), stacklevel=4)
        return repr(value)
