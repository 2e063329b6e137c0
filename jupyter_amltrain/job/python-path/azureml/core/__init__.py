"""The names of ``azureml.core`` that a script needs inside its job."""

from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Run"]


def __getattr__(name: str) -> "Any":  # called from Python 3.7 on; 3.6 has its own, shorter sentence
    raise AttributeError("azureml.core.%s is not there yet inside a job of jupyter_amltrain; there is: Run." % name)
