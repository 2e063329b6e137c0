"""The workspace of the run, by name: what ``run.experiment.workspace`` and ``from_config()`` give inside a job."""

import os

from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

    from .data import Dataset
    from .model import Model


class Workspace:
    """Names of the workspace, and the argument that ``Dataset.get_by_name`` and ``Model`` take first.

    Raises:
        UserErrorException: another workspace is asked for.
    """

    def __init__(
        self,
        subscription_id: "Any" = None,
        resource_group: "Any" = None,
        workspace_name: "Optional[str]" = None,
        **kwargs: "Any",
    ) -> None:
        self.name = os.environ.get("AZUREML_ARM_WORKSPACE_NAME", "")
        self.subscription_id = os.environ.get("AZUREML_ARM_SUBSCRIPTION", "")
        self.resource_group = os.environ.get("AZUREML_ARM_RESOURCEGROUP", "")
        if workspace_name not in (None, self.name):
            raise UserErrorException(
                "A job sees the workspace that it runs in, '%s', and not '%s'." % (self.name, workspace_name)
            )

    @staticmethod
    def from_config(*arguments: "Any", **kwargs: "Any") -> "Workspace":
        """The workspace of the run, whatever configuration file there is."""
        return Workspace()

    @staticmethod
    def get(name: "Optional[str]" = None, *arguments: "Any", **kwargs: "Any") -> "Workspace":
        """The workspace of the run.

        Raises:
            UserErrorException: the name is that of another one.
        """
        return Workspace(workspace_name=name)

    @property
    def datasets(self) -> "Dict[str, Dataset]":
        """Name to the newest version of each registered data set; of inputs the version that is one."""
        from .data import registered_datasets

        return registered_datasets()

    @property
    def models(self) -> "Dict[str, Model]":
        """Name to the newest version of each registered model."""
        from .model import Model

        return {model.name: model for model in Model.list(self, latest=True)}

    def get_mlflow_tracking_uri(self, _with_auth: bool = False) -> str:
        """The address that MLflow in this job writes to anyway."""
        return os.environ.get("MLFLOW_TRACKING_URI", "")

    def __repr__(self) -> str:
        return "Workspace(name='%s')" % self.name

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError(
            "Workspace.%s cannot be used inside a job of jupyter_amltrain; there are: datasets, from_config, get, "
            "get_mlflow_tracking_uri, models, name, resource_group, subscription_id." % name
        )
