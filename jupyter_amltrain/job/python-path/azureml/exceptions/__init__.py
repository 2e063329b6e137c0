"""``azureml.exceptions``: what the run of the job raises, under the names of the SDK."""

from amltrain_job.errors import (
    ActivityFailedException,
    AzureMLException,
    ExperimentExecutionException,
    ModelNotFoundException,
    ModelPathNotFoundException,
    RunEnvironmentException,
    SnapshotException,
    UserErrorException,
)

__all__ = [
    "ActivityFailedException",
    "AzureMLException",
    "ExperimentExecutionException",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "RunEnvironmentException",
    "SnapshotException",
    "UserErrorException",
]
