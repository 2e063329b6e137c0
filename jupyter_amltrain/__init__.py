"""The Azure ML v1 training workflow on Docker, from a notebook and without the cloud.

Everything public can be imported from here; each name is loaded when it is first used, so that importing the package
stays under 0.1 s.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .azureml import install as _serve_azureml

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .compute.amlcompute import AmlCompute
    from .compute.target import ComputeTarget
    from .data.consumption import OutputFileDatasetConfig
    from .data.datastore import Datastore
    from .data.factory import Dataset
    from .environment.conda.dependencies import CondaDependencies
    from .environment.spec import Environment
    from .models.model import Model
    from .runs.experiment import Experiment
    from .runs.run import Run, ScriptRun
    from .submission.config import RunConfiguration, ScriptRunConfig
    from .workspace import Workspace

__version__ = "0.1.0"

__all__ = [
    "AmlCompute",
    "ComputeTarget",
    "CondaDependencies",
    "Dataset",
    "Datastore",
    "Environment",
    "Experiment",
    "Model",
    "OutputFileDatasetConfig",
    "Run",
    "RunConfiguration",
    "ScriptRun",
    "ScriptRunConfig",
    "Workspace",
]

_HOME_OF = {
    "AmlCompute": ".compute.amlcompute",
    "ComputeTarget": ".compute.target",
    "CondaDependencies": ".environment.conda.dependencies",
    "Dataset": ".data.factory",
    "Datastore": ".data.datastore",
    "Environment": ".environment.spec",
    "Experiment": ".runs.experiment",
    "Model": ".models.model",
    "OutputFileDatasetConfig": ".data.consumption",
    "Run": ".runs.run",
    "RunConfiguration": ".submission.config",
    "ScriptRun": ".runs.run",
    "ScriptRunConfig": ".submission.config",
    "Workspace": ".workspace",
}


_serve_azureml()


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magics and the live view of runs, for ``%load_ext jupyter_amltrain``."""
    from . import notebook

    notebook.register(ipython)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where the built front end lies in the package, for ``jupyter labextension develop``."""
    return [{"src": "labextension", "dest": "jupyter-amltrain"}]
