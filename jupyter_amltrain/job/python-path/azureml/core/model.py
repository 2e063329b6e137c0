"""``azureml.core.model``: registered models, under the name of the SDK."""

from amltrain_job.model import Model

from .dataset import Dataset

__all__ = ["Dataset", "Model"]
