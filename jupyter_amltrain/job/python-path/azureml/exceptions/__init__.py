"""``azureml.exceptions``: what the run of the job raises, under the names of the SDK."""

from amltrain_job.errors import AzureMLException, RunEnvironmentException, UserErrorException

__all__ = ["AzureMLException", "RunEnvironmentException", "UserErrorException"]
