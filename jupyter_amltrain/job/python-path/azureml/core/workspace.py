"""``azureml.core.workspace``: the workspace of the run, under the name of the SDK."""

from amltrain_job.workspace import Workspace

__all__ = ["Workspace"]
