"""The names of ``azureml.core`` that a script needs inside its job."""

from amltrain_job.data import Dataset
from amltrain_job.model import Model
from amltrain_job.submitted_child import ScriptRunConfig

from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Dataset", "Model", "Run", "ScriptRunConfig"]


def __getattr__(name: str) -> "Any":  # called from Python 3.7 on; 3.6 has its own, shorter sentence
    raise AttributeError(
        "azureml.core.%s is not there yet inside a job of jupyter_amltrain; there are: %s." % (name, ", ".join(__all__))
    )
