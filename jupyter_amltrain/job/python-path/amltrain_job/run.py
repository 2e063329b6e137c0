"""The run as its own script sees it: ``Run.get_context()`` (azureml-v1.md sections 10.1, 10.2 and 11.1)."""

import os
import warnings

from .errors import RunEnvironmentException, UserErrorException
from .logged import Logged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


class Run(Logged):
    """What the run of a job and the run of a script started by hand have in common.

    Use :meth:`get_context`; a notebook, outside of a job, has the full ``Run`` of jupyter_amltrain.
    """

    _context: "Optional[Run]" = None

    def __init__(self, run_id: str, experiment: str) -> None:
        self.id = run_id
        self.experiment = Experiment(None, experiment)

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
            if run_id:
                from .submitted import _SubmittedRun

                Run._context = _SubmittedRun(run_id, os.environ.get("AZUREML_ARM_PROJECT_NAME", ""))
            else:
                from .offline import _OfflineRun

                Run._context = _OfflineRun()
        return Run._context

    @staticmethod
    def get(workspace: "Any", run_id: str, **kwargs: "Any") -> "Run":
        """The run of this script, by its id.

        Raises:
            UserErrorException: the id is that of another run.
        """
        run = Run.get_context()
        if run.id != run_id:
            raise UserErrorException(
                "A job sees its own run, %s, and those below it (run.get_children()), but not %s." % (run.id, run_id)
            )
        return run

    def __repr__(self) -> str:
        return "Run(Experiment: %s,\nId: %s,\nStatus: %s)" % (self.experiment.name, self.id, self.get_status())

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exception: "Any") -> None:
        """Leave the status to whoever started the script."""

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError(
            "Run.%s cannot be used inside a job of jupyter_amltrain; there are: %s."
            % (name, ", ".join(member for member in dir(type(self)) if not member.startswith("_")))
        )

    @property
    def input_datasets(self) -> "Dict[str, Any]":
        """Name to path of its inputs, to a data set where it was given as it is."""
        from .data import input_datasets

        return input_datasets()

    @property
    def output_datasets(self) -> "Dict[str, str]":
        """Name to the folder of each of its outputs."""
        from .data import output_datasets

        return output_datasets()

    def get_status(self) -> str:
        """Azure ML's word for the state: a script only ever sees its run running."""
        return "Running"

    def tag(self, key: str, value: "Any" = None) -> None:
        """Set a tag, or change it; a value that is not text becomes text."""
        self.set_tags({key: value})

    def set_tags(self, tags: "Dict[str, Any]") -> None:
        """Set several tags; others stay."""
        raise NotImplementedError

    def start(self) -> None:
        """Nothing to do: it runs already."""

    def complete(self, _set_status: bool = True) -> None:
        """Leave the status to whoever started the script, as Azure ML does."""
        self.flush()

    def fail(self, error_details: "Any" = None, error_code: "Any" = None, _set_status: bool = True) -> None:
        """Leave the status to whoever started the script, as Azure ML does: exit with an error to fail the run."""
        self.flush()

    def cancel(self) -> None:
        """Warn: a run is canceled from outside."""
        warnings.warn("A run cannot cancel itself; end the script, or cancel the run from the notebook.", stacklevel=2)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Wait until everything that was logged has left this process."""

    def submit_child(self, config: "Any", tags: "Any" = None, **kwargs: "Any") -> "Run":
        """Start a run below this one.

        Raises:
            UserErrorException: there is no run to submit it below.
        """
        raise UserErrorException(
            "This script was not started by a run, so it has no run to submit a child below. Use "
            "Experiment(ws, 'name').submit(config) in a notebook."
        )


class Experiment:
    """The experiment of the run, by name; ``workspace`` is accepted, as in the SDK, and is always that of the run."""

    def __init__(self, workspace: "Any", name: str, **kwargs: "Any") -> None:
        self.name = name

    @property
    def workspace(self) -> "Any":
        """The workspace, by name."""
        from .workspace import Workspace

        return Workspace()

    def __repr__(self) -> str:
        return "Experiment(Name: %s)" % self.name

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError(
            "Experiment.%s cannot be used inside a job of jupyter_amltrain; there are: name, workspace." % name
        )
