"""What the SDK's ``Workspace`` tells besides environments and runs: its data, its models, its place."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .absent import Recreated

if TYPE_CHECKING:
    from .data.datastore import Datastore
    from .models.model import Model
    from .runs.store import Store
    from .workspace_settings import Settings


class WorkspaceContents(Recreated):
    """The part of ``Workspace`` that names what it holds, each in a module of its own."""

    folder: Path
    name: str
    subscription_id: str
    resource_group: str
    location: str
    sku: str
    tags: dict[str, str]
    _settings: Settings

    if TYPE_CHECKING:

        @property
        def store(self) -> Store:
            """The database of the workspace."""

    # --- data and models ---------------------------------------------------------------------------------------------

    @property
    def datastores(self) -> dict[str, Datastore]:
        """Name → datastore."""
        from .data.datastore import all_datastores

        return all_datastores(self)  # type: ignore[arg-type]

    def get_default_datastore(self) -> Datastore:
        """The datastore to use when none is named: a folder of the workspace unless another was chosen."""
        from .data.datastore import Datastore

        return Datastore(self)  # type: ignore[arg-type]

    def set_default_datastore(self, name: str) -> None:
        """Choose the datastore to use when none is named.

        Raises:
            NameNotFoundException: there is none of that name; the message suggests the nearest.
        """
        from .data.datastore import set_default

        set_default(self, name)  # type: ignore[arg-type]

    @property
    def datasets(self) -> dict[str, Any]:
        """Name → newest version of a data set."""
        from .data.dataset import AbstractDataset

        return AbstractDataset.get_all(self)  # type: ignore[arg-type]

    @property
    def models(self) -> dict[str, Model]:
        """Name → newest version of a model."""
        from .models.model import Model

        return {model.name: model for model in Model.list(self, latest=True)}  # type: ignore[arg-type]

    @property
    def images(self) -> dict[str, Any]:
        """Empty: the SDK's images are for deployment, which is not part of this."""
        return {}

    @property
    def webservices(self) -> dict[str, Any]:
        """Empty: nothing is deployed."""
        return {}

    @property
    def linked_services(self) -> dict[str, Any]:
        """Empty: there is no service to link."""
        return {}

    # --- its place ---------------------------------------------------------------------------------------------------

    @property
    def resource_id(self) -> str:
        """The workspace's name in the form Azure gives to resources."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    @property
    def discovery_url(self) -> str:
        """Where it is: its folder as a ``file:`` URL."""
        return self.folder.as_uri()

    def get_details(self) -> dict[str, Any]:
        """The SDK's dictionary; Azure resources that have no counterpart here are None."""
        return {
            "id": self.resource_id,
            "name": self.name,
            "location": self.location,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "tags": self.tags,
            "sku": self.sku,
            "workspaceid": self._settings["id"],
            "description": "",
            "friendlyName": self._settings["friendly_name"],
            "creationTime": datetime.fromtimestamp(self._settings["created"], timezone.utc).isoformat(),
            "storageAccount": str(self.folder),
            "containerRegistry": None,
            "keyVault": None,
            "applicationInsights": None,
            "hbiWorkspace": False,
            "discoveryUrl": self.discovery_url,
        }

    def get_mlflow_tracking_uri(self, _with_auth: bool = False) -> str:
        """What ``mlflow.set_tracking_uri`` takes to have MLflow log to the workspace and find its runs and models."""
        return f"amltrain://{quote(str(self.folder))}"
