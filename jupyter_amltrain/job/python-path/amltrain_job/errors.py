"""The exceptions that the run of a job raises, with the names of ``azureml.exceptions`` (azureml-v1.md section 16)."""

import json


class AzureMLException(Exception):
    """Base class; ``message`` is the sentence alone, ``str`` the four-part text of the SDK."""

    _error_code = "SystemError"

    def __init__(self, exception_message: str = "") -> None:
        super().__init__(exception_message)
        self.message = exception_message

    def __str__(self) -> str:
        response = json.dumps({"error": {"code": self._error_code, "message": self.message}}, indent=4)
        return "%s:\n\tMessage: %s\n\tInnerException None\n\tErrorResponse \n%s" % (
            type(self).__name__,
            self.message,
            response,
        )


class UserErrorException(AzureMLException):
    """What was asked for cannot be right; the message says what to change."""

    _error_code = "UserError"


class RunEnvironmentException(AzureMLException):
    """There is no run to attach to and ``allow_offline`` is False."""

    _error_code = "UserError"


class ExperimentExecutionException(AzureMLException):
    """The run's history refused what was asked for."""


class ActivityFailedException(AzureMLException):
    """A run that was waited for failed."""

    _error_code = "UserError"


class ModelPathNotFoundException(AzureMLException):
    """The run has no file of that name to register as a model."""


class ModelNotFoundException(AzureMLException):
    """The workspace has no such model."""


class SnapshotException(AzureMLException):
    """The snapshot cannot be taken or restored."""
