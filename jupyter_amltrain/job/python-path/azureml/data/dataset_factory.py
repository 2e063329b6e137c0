"""``azureml.data.dataset_factory``: data sets of what a script finds, under the names of the SDK."""

from amltrain_job.column_types import DataType
from amltrain_job.factories import FileDatasetFactory, TabularDatasetFactory

__all__ = ["DataType", "FileDatasetFactory", "TabularDatasetFactory"]
