"""``azureml.exceptions``: what the run of the job raises, under the names of the SDK."""

from amltrain_job.errors import (
    AzureMLException,
    ExperimentExecutionException,
    ModelNotFoundException,
    ModelPathNotFoundException,
    RunEnvironmentException,
    SnapshotException,
    UserErrorException,
)

__all__ = [
    "AzureMLException",
    "ExperimentExecutionException",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "RunEnvironmentException",
    "SnapshotException",
    "UserErrorException",
]
