"""``azureml.exceptions``: what the run of the job raises, under the names of the SDK, and what scripts may catch."""

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

# Nothing in a job raises these.
for _name in (
    "AuthenticationException",
    "AzureMLAggregatedException",
    "ComputeTargetException",
    "DatasetTimestampMissingError",
    "DiscoveryUrlNotFoundException",
    "ParallelRunException",
    "ProjectSystemException",
    "RunConfigurationException",
    "ServiceException",
    "TrainingException",
    "WebserviceException",
    "WorkspaceException",
    "WorkspacePrivateEndpointException",
):
    globals()[_name] = type(_name, (AzureMLException,), {"__module__": __name__})
