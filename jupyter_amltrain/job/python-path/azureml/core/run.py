"""``azureml.core.run``: the run of the job, under the names of the SDK."""

from amltrain_job.offline import _OfflineRun
from amltrain_job.run import Run
from amltrain_job.submitted import _SubmittedRun

__all__ = ["Run", "_OfflineRun", "_SubmittedRun"]
