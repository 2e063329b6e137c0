"""The workspace of the run, by name: what ``run.experiment.workspace`` gives inside a job."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Workspace:
    """Names of the workspace, and the argument that ``Dataset.get_by_name`` and ``Model`` take first."""

    def __init__(self) -> None:
        self.name = os.environ.get("AZUREML_ARM_WORKSPACE_NAME", "")
        self.subscription_id = os.environ.get("AZUREML_ARM_SUBSCRIPTION", "")
        self.resource_group = os.environ.get("AZUREML_ARM_RESOURCEGROUP", "")

    def get_mlflow_tracking_uri(self, with_auth: bool = False) -> str:
        """The address that MLflow in this job writes to anyway."""
        return os.environ.get("MLFLOW_TRACKING_URI", "")

    def __repr__(self) -> str:
        return "Workspace(name='%s')" % self.name

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError(
            "Workspace.%s cannot be used inside a job of jupyter_amltrain; there are: get_mlflow_tracking_uri, name, "
            "resource_group, subscription_id." % name
        )
