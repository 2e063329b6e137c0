"""What every store of ours stands on that keeps MLflow's files: the one of a job and the one of a notebook."""

import os
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from mlflow.exceptions import MlflowException

OWN_TAGS = "mlflow."
"""How the names of tags begin that MLflow sets for itself."""

PARENT, NAME, NOTE = "mlflow.parentRunId", "mlflow.runName", "mlflow.note.content"
_ALLOW_FILES = "MLFLOW_ALLOW_FILE_STORE"


@contextmanager
def files_allowed() -> "Iterator[None]":
    """MLflow 3 refuses stores in files, unless a variable says that they are meant."""
    before = os.environ.get(_ALLOW_FILES)
    os.environ[_ALLOW_FILES] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ALLOW_FILES]
        else:
            os.environ[_ALLOW_FILES] = before


def refused(why: str) -> "MlflowException":
    """The error of MLflow for what cannot be done."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

    return MlflowException(why, error_code=INVALID_PARAMETER_VALUE)
