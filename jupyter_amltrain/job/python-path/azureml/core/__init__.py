"""The names of ``azureml.core`` that a script may import inside its job."""

from amltrain_job.data import Dataset
from amltrain_job.model import Model
from amltrain_job.notebook_only import add_modules
from amltrain_job.run import Experiment
from amltrain_job.submitted_child import ScriptRunConfig
from amltrain_job.workspace import Workspace

from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = __version__ = "1.61.0+jupyter.amltrain"
__all__ = ["Dataset", "Experiment", "Model", "Run", "ScriptRunConfig", "VERSION", "Workspace"]
globals().update(add_modules(__name__))


def __getattr__(name: str) -> "Any":  # called from Python 3.7 on; 3.6 has its own, shorter sentence
    raise AttributeError(
        "azureml.core.%s is not there yet inside a job of jupyter_amltrain; there are: %s." % (name, ", ".join(__all__))
    )
