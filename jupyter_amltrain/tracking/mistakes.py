"""Mistakes as errors of MLflow, which those who call MLflow handle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from ..errors import AzureMLException, ModelNotFoundException, NameNotFoundException
from ..runs.run_base import job_module

refused: Callable[[str], MlflowException] = job_module("mlflow_files").refused


@contextmanager
def told_to_mlflow() -> Iterator[None]:
    """Our errors as MLflow's."""
    try:
        yield
    except (NameNotFoundException, ModelNotFoundException) as error:
        raise MlflowException(error.message, error_code=RESOURCE_DOES_NOT_EXIST) from error
    except AzureMLException as error:
        raise refused(error.message) from error
