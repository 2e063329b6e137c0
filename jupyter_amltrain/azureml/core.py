"""What ``azureml.core`` has beside classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import __version__

if TYPE_CHECKING:
    from ..runs.experiment import Experiment
    from ..runs.run import Run

VERSION = f"1.61.0+jupyter.amltrain.{__version__}"
"""The SDK release that names and behaviour follow, marked as not being that release."""


def get_run(experiment: Experiment, run_id: str, rehydrate: bool = True, clean_up: bool = True) -> Run:
    """The run of that id; the last two arguments make no difference, as in ``Workspace.get_run``."""
    return experiment.workspace.get_run(run_id)
