"""The names of ``azureml.data`` that a script may import inside its job."""

from amltrain_job.column_types import DataType
from amltrain_job.data import Dataset as FileDataset
from amltrain_job.data import Dataset as TabularDataset

__all__ = ["DataType", "FileDataset", "TabularDataset"]
