"""Every exception of the package, in one place.

The upper part of the tree has the names, the constructor and the text form of ``azureml.exceptions`` (SDK v1,
``../shared/reference/azureml-v1.md`` section 16), so that code written for the SDK catches what it caught there.
The lower part is ours::

    Exception
    └── AzureMLException
        ├── UserErrorException                 what was asked for cannot be right
        │   ├── AuthenticationException
        │   └── NameNotFoundException           a name that does not exist, with a suggestion
        ├── ActivityFailedException            the run ended Failed
        ├── AzureMLAggregatedException
        ├── ComputeTargetException
        ├── DatasetTimestampMissingError
        ├── DiscoveryUrlNotFoundException
        ├── ExperimentExecutionException
        ├── ExperimentNotFoundException
        ├── ModelNotFoundException
        ├── ModelPathNotFoundException
        ├── ParallelRunException
        ├── ProjectSystemException
        ├── RunConfigurationException
        ├── RunEnvironmentException
        ├── ServiceException
        ├── SnapshotException
        ├── TrainingException
        ├── WebserviceException
        ├── WorkspaceException
        │   └── WorkspacePrivateEndpointException
        ├── StoreException                     the home folder cannot be read or written
        └── EngineException                    the engine did not do what was asked
            ├── EngineUnavailableException      it does not answer, or we may not talk to it
            ├── GpuUnavailableException         a GPU was required and none can be given
            ├── ImageNotFoundException          neither the engine nor a registry has the image
            ├── ImageBuildException             a build step failed
            ├── RegistryException               the registry refused or could not be reached
            └── CanceledException               the user canceled while we were preparing

``message`` is always a sentence or more for the person at the notebook: what happened, why, what to do next.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class AzureMLException(Exception):
    """Base class of everything this package raises on purpose.

    Args:
        exception_message: what happened, why, and what to do next.
        inner_exception: the exception that caused this one, kept for the text form of the SDK.
        target: name of the element at fault, for that form too.
        details: anything more, for that form too.
    """

    _error_code = ""

    def __init__(
        self,
        exception_message: str = "",
        inner_exception: BaseException | str | None = None,
        target: str | None = None,
        details: list[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(exception_message)
        self._message = exception_message
        self._inner_exception = inner_exception
        self._target = target
        self._details = details

    @property
    def message(self) -> str:
        """The message alone, without the frame that ``str`` puts around it."""
        return self._message

    @message.setter
    def message(self, value: str) -> None:
        self._message = value

    @property
    def inner_exception(self) -> BaseException | str | None:
        """The exception that caused this one, or None."""
        return self._inner_exception

    def print_stacktrace(self) -> None:
        """Print its traceback."""
        import traceback

        traceback.print_exception(self)

    def __str__(self) -> str:
        # The four-part text of azureml-core (azureml-v1.md section 16), which users' tests and log parsers know.
        error: dict[str, Any] = {}
        for kind in type(self).__mro__:
            code = kind.__dict__.get("_error_code")
            if code and code != error.get("code"):
                error = {"code": code, "inner_error": error} if error else {"code": code}
        error["message"] = self.message
        error.update({key: value for key, value in (("target", self._target), ("details", self._details)) if value})
        response = json.dumps({"error": error}, indent=4, default=str)
        return (
            f"{type(self).__name__}:\n\tMessage: {self.message}\n\tInnerException {self._inner_exception}"
            f"\n\tErrorResponse \n{response}"
        )

    def __repr__(self) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors differ in what they take, so copies and pickles go around them.
        return _restored, (type(self), self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        # What IPython shows instead of a traceback: whoever sees it is to change a cell, not this package.
        return [f"{type(self).__name__}: {self.message}"]


def _restored(kind: type[AzureMLException], args: tuple[Any, ...], state: dict[str, Any]) -> AzureMLException:
    made = kind.__new__(kind, *args)
    made.__dict__.update(state)
    return made


class UserErrorException(AzureMLException):
    """What was asked for cannot be right; the message says what to change."""

    _error_code = "UserError"


class AuthenticationException(UserErrorException):
    """Credentials are missing or were refused."""

    _error_code = "Authentication"


class NameNotFoundException(UserErrorException):
    """A name that does not exist; the message suggests the nearest one that does."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        nearest = get_close_matches(name, names, n=1, cutoff=0.6)
        if nearest:
            more = f"; did you mean '{nearest[0]}'?"
        elif names:
            more = f"; there are: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}."
        else:
            more = f"; there are no {kind}s yet."
        super().__init__(f"no {kind} '{name}'{more}{' ' + hint if hint else ''}")


class ActivityFailedException(AzureMLException):
    """The run that was waited for ended Failed.

    Args:
        error_details: its error as JSON text; the message puts the SDK's words before it.
    """

    def __init__(self, error_details: str = "", **kwargs: Any) -> None:
        super().__init__(f"Activity Failed:\n{error_details}", **kwargs)


class AzureMLAggregatedException(AzureMLException):
    """Several messages in one."""

    def __init__(self, exceptions_list: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__("\n".join(exceptions_list), **kwargs)


class ComputeTargetException(AzureMLException):
    """A compute target does not exist or its configuration cannot be right."""


class DatasetTimestampMissingError(AzureMLException):
    """A dataset has no timestamp column."""


class DiscoveryUrlNotFoundException(AzureMLException):
    """Kept for scripts that name it; nothing here raises it."""


class ExperimentExecutionException(AzureMLException):
    """A run could not be submitted, or watching it was interrupted."""


class ExperimentNotFoundException(AzureMLException):
    """No experiment of that name in the workspace."""


class ModelNotFoundException(AzureMLException):
    """No model of that name and version in the workspace."""


class ModelPathNotFoundException(AzureMLException):
    """The path to register as a model does not exist."""


class ProjectSystemException(AzureMLException):
    """The project folder cannot be read or written."""


class RunConfigurationException(AzureMLException):
    """A run configuration holds a value that cannot be right."""


class RunEnvironmentException(AzureMLException):
    """There is no run to attach to and ``allow_offline`` is False."""


class SnapshotException(AzureMLException):
    """The snapshot of the source directory could not be taken."""


class ParallelRunException(AzureMLException):
    """Kept for scripts that name it."""


class ServiceException(AzureMLException):
    """What the SDK lets through from its service; kept for scripts that name it, as there is no service here."""


class TrainingException(AzureMLException):
    """Kept for scripts that name it."""


class WebserviceException(AzureMLException):
    """Kept for scripts that name it."""


class WorkspaceException(AzureMLException):
    """A workspace does not exist, or several match.

    Args:
        found_multiple: whether several workspaces match the name.
    """

    def __init__(self, exception_message: str = "", found_multiple: bool = False, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.found_multiple = found_multiple


class WorkspacePrivateEndpointException(WorkspaceException):
    """Kept for scripts that name it."""


class StoreException(AzureMLException):
    """The home folder cannot be read or written: no space left, no permission, or no such folder."""


class EngineException(AzureMLException):
    """The engine did not do what was asked of it."""


class EngineUnavailableException(EngineException):
    """The engine does not answer, or we may not talk to it."""


class GpuUnavailableException(EngineException):
    """A GPU was required and the engine cannot give one."""

    _error_code = "UserError"


class ImageNotFoundException(EngineException):
    """Neither the engine nor a registry has the image."""

    _error_code = "UserError"


class ImageBuildException(EngineException):
    """A step of an image build failed; the message has the step and its last lines."""

    _error_code = "UserError"


class RegistryException(EngineException):
    """A registry refused the credentials or could not be reached."""

    _error_code = "UserError"


class CanceledException(EngineException):
    """The run was canceled while its image or files were being prepared."""
