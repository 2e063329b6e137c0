"""Runs that a script submits below its own: ``run.submit_child(ScriptRunConfig(…))`` (azureml-v1.md section 10.2).

Such a child is a job of its own, with the environment, the target, the inputs and the limits of its parent and the
files of its parent's snapshot, so that a job can start nothing that it could not do itself.
"""

import os
import time
import warnings

from .errors import ActivityFailedException, ExperimentExecutionException, UserErrorException
from .run import Run
from .submitted import _SubmittedRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

_OVER = ("Completed", "Failed", "Canceled")
_LOOK_EVERY_S = 0.5


class ScriptRunConfig:
    """What a child executes: a script with arguments, or a command.

    Args:
        source_directory: the working folder of this job; the child gets the snapshot that this job began with.
        script: a file of the snapshot.
        arguments: its arguments, a list.
        compute_target: that of this run, which is also meant when it is left out.
        environment: likewise.
        max_run_duration_seconds: how long it may run; as long as this run unless given.
        command: instead of script and arguments: text for the shell, or a list.
    """

    def __init__(
        self,
        source_directory: "Any" = None,
        script: "Optional[str]" = None,
        arguments: "Any" = None,
        run_config: "Any" = None,
        _telemetry_values: "Any" = None,
        compute_target: "Any" = None,
        environment: "Any" = None,
        distributed_job_config: "Any" = None,
        resume_from: "Any" = None,
        max_run_duration_seconds: "Optional[float]" = None,
        command: "Any" = None,
        docker_runtime_config: "Any" = None,
    ) -> None:
        self.source_directory = source_directory
        self.script = script
        self.arguments = arguments
        self.run_config = run_config
        self.compute_target = compute_target
        self.environment = environment
        self.distributed_job_config = distributed_job_config
        self.resume_from = resume_from
        self.max_run_duration_seconds = max_run_duration_seconds
        self.command = command
        self.docker_runtime_config = docker_runtime_config


def request_of(config: "Any") -> "Dict[str, Any]":
    """What a configuration asks for, as the question that a job sends.

    Raises:
        UserErrorException: it is none, or asks for what only a notebook can give.
    """
    if not hasattr(config, "script") or not hasattr(config, "source_directory"):
        raise UserErrorException(
            "submit_child takes a ScriptRunConfig, not a %s: "
            "ScriptRunConfig(source_directory='.', script='child.py')." % type(config).__name__
        )
    if not isinstance(config, ScriptRunConfig):  # of an azureml-core in the image, which always has a run_config
        said = "A child that a job submits has the configuration of its parent; run_config is not used."
        warnings.warn(said, stacklevel=3)
    for name in ("run_config", "distributed_job_config", "resume_from", "docker_runtime_config"):
        if isinstance(config, ScriptRunConfig) and getattr(config, name) is not None:
            raise UserErrorException(
                "Inside a job, leave %s out of ScriptRunConfig: a child has the configuration of the run that submits "
                "it. run.submit_child(config) in the notebook takes any." % name
            )
    here = os.path.realpath(os.environ.get("AMLTRAIN_ROOT") or os.curdir)
    if os.path.realpath(config.source_directory or here) != here:
        raise UserErrorException(
            "Inside a job, source_directory is '.', the working folder: a child gets the files that this run was "
            "submitted with. Name a script of a folder in it as script='folder/child.py'."
        )
    arguments = config.arguments or []
    if isinstance(arguments, str):
        raise UserErrorException("arguments are a list such as ['--fruit', 'apple'], not text.")
    command = getattr(config, "command", None) or ""
    return {
        "script": config.script or "",
        "arguments": [str(item) for item in arguments],
        "command": command if isinstance(command, str) else [str(item) for item in command],
        "compute_target": _name(getattr(config, "compute_target", None)),
        "environment": _name(getattr(config, "environment", None)),
        "max_run_duration_seconds": getattr(config, "max_run_duration_seconds", None),
    }


def _name(value: "Any") -> "Optional[str]":
    return None if value is None else str(getattr(value, "name", value))


class SubmittedChild(Run):
    """A run that this job submitted; it logs for itself, and is looked at and waited for from here."""

    type = "azureml.scriptrun"

    def __init__(self, run_id: str, parent: "_SubmittedRun") -> None:
        super().__init__(run_id, parent.experiment.name)
        self.parent = parent

    get_metrics = _SubmittedRun.get_metrics
    get_tags = _SubmittedRun.get_tags
    get_properties = _SubmittedRun.get_properties
    get_details = _SubmittedRun.get_details
    get_children = _SubmittedRun.get_children
    tags = _SubmittedRun.tags
    properties = _SubmittedRun.properties

    def _ask(self, what: str, **more: "Any") -> "Any":
        return self.parent._ask(what, **dict(more, run=self.id))

    def _send(self, kind: str, **fields: "Any") -> None:
        raise UserErrorException(
            "The run %s has a script of its own, and that one logs to it. Use run.child_run() for a child that this "
            "script logs to." % self.id
        )

    def _send_point(self, text: str) -> None:
        self._send("metric")

    def _keep_file(self, name: str, source: "Any") -> str:
        self._send("file")
        return ""

    def set_tags(self, tags: "Dict[str, Any]") -> None:
        """Refused: give tags to ``submit_child``."""
        self._send("tags")

    def get_status(self) -> str:
        """Its state as of now."""
        return str(self._ask("about")["status"])

    def cancel(self) -> None:
        """Ask it to end."""
        self._ask("cancel")

    def complete(self, _set_status: bool = True) -> None:
        """Nothing to do: its state follows from its own script."""

    def fail(self, error_details: "Any" = None, error_code: "Any" = None, _set_status: bool = True) -> None:
        """Nothing to do: its state follows from its own script."""

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> "Dict[str, Any]":
        """Wait until it is over.

        Args:
            show_output: accepted, as in the SDK; its output is in its own log.
            wait_post_processing: accepted, as in the SDK.
            raise_on_error: raise when it fails.

        Returns:
            :meth:`get_details`.

        Raises:
            ActivityFailedException: it failed; the message says why.
            ExperimentExecutionException: it cannot start before this run is over, so that both would wait for ever.
        """
        while True:
            about = self._ask("about")
            if about["status"] in _OVER:
                break
            if about.get("waits_for_parent"):
                raise ExperimentExecutionException(about["waits_for_parent"])
            time.sleep(_LOOK_EVERY_S)
        details: "Dict[str, Any]" = self._ask("details")
        if about["status"] == "Failed" and raise_on_error:
            raise ActivityFailedException(details["error"]["error"]["message"])
        return details
