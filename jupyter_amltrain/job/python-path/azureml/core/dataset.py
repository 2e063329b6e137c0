"""``azureml.core.dataset``: the data of the job, under the name of the SDK."""

from amltrain_job.data import Dataset

__all__ = ["Dataset"]
