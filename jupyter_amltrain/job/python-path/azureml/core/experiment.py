"""``azureml.core.experiment``: the experiment of the run, under the name of the SDK."""

from amltrain_job.run import Experiment

__all__ = ["Experiment"]
