"""``Workspace``: the one door through which every face reaches environments, targets, experiments and runs."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config_file import Found, WorkspaceKey, find_config, write_config_file
from .errors import StoreException, UserErrorException, WorkspaceException
from .runs import status as states
from .runs.html import facts
from .runs.record import SCRIPT_RUN
from .runs.store import Store
from .workspace_network import WorkspaceNetwork
from .workspace_settings import (
    LOCAL,
    Settings,
    all_settings,
    checked_key,
    folder_of,
    make_workspace,
    not_found,
    read_settings,
)

if TYPE_CHECKING:
    from .compute.target import ComputeTarget
    from .engines.protocol import Engine
    from .environment.spec import Environment
    from .runs.experiment import Experiment
    from .runs.run import Run


class Workspace(WorkspaceNetwork):
    """A folder of this machine that holds environments, compute targets, experiments and runs.

    The constructor opens one that exists, as in the SDK; usually it is :meth:`from_config` or :meth:`create`. Objects
    may be used from several threads. No account and no network are needed; ``auth`` is accepted and ignored.

    Raises:
        WorkspaceException: there is no such workspace.
        StoreException: the home folder cannot be read or written.
    """

    _absent = {
        "DEFAULT_CPU_CLUSTER_CONFIGURATION": "make the cluster with ComputeTarget.create",
        "DEFAULT_GPU_CLUSTER_CONFIGURATION": "make the cluster with ComputeTarget.create",
        "add_private_endpoint": "there is no network between you and the workspace",
        "delete_connection": "there is no service to connect to",
        "delete_private_endpoint_connection": "there is no network between you and the workspace",
        "diagnose_workspace": "there is no service to diagnose",
        "get_connection": "there is no service to connect to",
        "get_default_keyvault": "there is no key vault; pass secrets as environment variables",
        "list_connections": "there is no service to connect to",
        "list_keys": "there are no keys: the workspace is a folder of yours",
        "private_endpoints": "there is no network between you and the workspace",
        "service_context": "there is no service",
        "set_connection": "there is no service to connect to",
        "setup": "Workspace.create('my-workspace').write_config() does it in one line",
        "share": "the workspace is a folder of yours",
        "sync_keys": "there are no keys: the workspace is a folder of yours",
        "update": "create it again with exist_ok=True to change its tags",
        "update_dependencies": "it depends on nothing",
    }
    DEFAULT_CPU_CLUSTER_NAME = "cpu-cluster"
    DEFAULT_GPU_CLUSTER_NAME = "gpu-cluster"

    def __init__(
        self,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        auth: object = None,
        **_service_options: Any,
    ) -> None:
        key = checked_key(workspace_name, subscription_id, resource_group)
        self.folder: Path = folder_of(key)
        settings = read_settings(self.folder)
        if settings is None:
            raise WorkspaceException(not_found(key.name))
        self._settings = settings
        self.name: str = settings["name"]
        self.subscription_id: str = settings["subscription_id"]
        self.resource_group: str = settings["resource_group"]
        self.location: str = settings["location"]
        self.sku: str = settings["sku"]
        self.tags: dict[str, str] = settings["tags"]
        self.reconcile()
        if "ipykernel" in sys.modules:
            # A person is about to submit; a script that only reads does not need the helper.
            from .runs.launch import warm_up

            warm_up()

    # --- finding and making ------------------------------------------------------------------------------------------

    @staticmethod
    def from_config(
        path: str | os.PathLike[str] | None = None,
        auth: object = None,
        _logger: object = None,
        _file_name: str | None = None,
    ) -> Workspace:
        """The workspace that the nearest ``config.json`` names; prints which file and which workspace.

        Looks in ``path`` (a file, or a folder, default the current one) and then in its parents, in each of them for
        ``.azureml/config.json``, ``aml_config/config.json`` and ``config.json``. A workspace that does not exist on
        this machine yet is made, so that the file of a workspace in Azure can be used as it is.

        Raises:
            UserErrorException: no file, no such path, not JSON, or keys are missing.
        """
        workspace, sentence = _open_found(find_config(path, _file_name))
        print(sentence)
        return workspace

    @staticmethod
    def default() -> tuple[Workspace, str]:
        """The workspace to use when none is named, with a sentence that says which it is and why.

        It is that of :meth:`from_config` if there is a file for the current folder, else one named ``default``.

        Raises:
            UserErrorException: there is a file, but it cannot be right.
        """
        try:
            found = find_config()
        except UserErrorException as error:
            if not error.message.startswith("We could not find"):
                raise
        else:
            return _open_found(found)
        key = WorkspaceKey("default", LOCAL, LOCAL)
        make_workspace(key)
        return _opened(key), "Workspace 'default' (no config.json here or above names another)."

    @staticmethod
    def create(
        name: str,
        auth: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        create_resource_group: bool = True,
        sku: str = "basic",
        tags: Mapping[str, str] | None = None,
        friendly_name: str | None = None,
        storage_account: str | None = None,
        key_vault: str | None = None,
        app_insights: str | None = None,
        container_registry: str | None = None,
        adb_workspace: str | None = None,
        cmk_keyvault: str | None = None,
        resource_cmk_uri: str | None = None,
        hbi_workspace: bool = False,
        default_cpu_compute_target: object = None,
        default_gpu_compute_target: object = None,
        private_endpoint_config: object = None,
        private_endpoint_auto_approval: bool = True,
        exist_ok: bool = False,
        show_output: bool = True,
        **_service_options: Any,
    ) -> Workspace:
        """Make a workspace, which is a folder in the home folder; prints where unless ``show_output`` is False.

        The arguments that name Azure resources are accepted so that scripts run, and have no effect.

        Raises:
            UserErrorException: the name is not 3 to 33 letters, digits, hyphens and underscores.
            WorkspaceException: it exists and ``exist_ok`` is False.
            StoreException: the folder cannot be made.
        """
        key = checked_key(name, subscription_id, resource_group)
        new = make_workspace(key, location=location, sku=sku, tags=tags, friendly_name=friendly_name)
        if not new and not exist_ok:
            raise WorkspaceException(
                f"The workspace '{name}' exists already. Workspace.get('{name}') opens it, exist_ok=True does either."
            )
        workspace = _opened(key)
        if show_output:
            print(f"Workspace '{workspace.name}' {'is in' if new else 'was there already, in'} {workspace.folder}")
        return workspace

    @staticmethod
    def get(
        name: str,
        auth: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        **_service_options: Any,
    ) -> Workspace:
        """The workspace of that name, in whatever case; subscription and resource group where several have it.

        Raises:
            WorkspaceException: there is none, or ``found_multiple``.
        """
        matching = [
            settings
            for settings in all_settings(subscription_id, resource_group)
            if settings["name"].lower() == str(name).lower()
        ]
        if not matching:
            raise WorkspaceException(not_found(name))
        if len(matching) > 1:
            places = ", ".join(f"{item['subscription_id']}/{item['resource_group']}" for item in matching)
            raise WorkspaceException(
                f"There are {len(matching)} workspaces named '{name}', in {places} (subscription/resource group). Say"
                " which with subscription_id and resource_group.",
                found_multiple=True,
            )
        return _opened(_key_of(matching[0]))

    @staticmethod
    def list(
        subscription_id: str | None = None, auth: object = None, resource_group: str | None = None
    ) -> dict[str, list[Workspace]]:
        """Name → the workspaces of that name; unlike in the SDK the subscription may be left out."""
        found: dict[str, Any] = {}
        for settings in all_settings(subscription_id, resource_group):
            found.setdefault(settings["name"], []).append(_opened(_key_of(settings)))
        return found

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> None:
        """Write the file that :meth:`from_config` finds: ``.azureml/config.json`` below ``path``, default here.

        Raises:
            UserErrorException: it cannot be written.
        """
        write_config_file(WorkspaceKey(self.name, self.subscription_id, self.resource_group), path, file_name)

    def delete(self, delete_dependent_resources: bool = False, no_wait: bool = False) -> None:
        """Remove the workspace with all its runs, their logs and outputs.

        Raises:
            WorkspaceException: runs are not over.
            StoreException: something in its folder cannot be removed.
        """
        live = self.store.runs(status=(*states.ACTIVE, *states.WAITING), type=SCRIPT_RUN, children=True)
        if live:
            raise WorkspaceException(
                f"The workspace '{self.name}' has runs that are not over, the oldest is {live[-1].id}. Wait for them or"
                " cancel them, then delete it."
            )
        # Out of sight in one step, so that nobody opens a half-deleted one.
        doomed = self.folder.with_name(f".{self.folder.name}.{uuid.uuid4().hex[:8]}")
        try:
            self.store.close()
            self.folder.rename(doomed)
            shutil.rmtree(doomed)
        except OSError as error:
            raise StoreException(
                f"The workspace '{self.name}' could not be removed completely: {error.filename or self.folder}:"
                f" {error.strerror}. What is left lies in {doomed if doomed.exists() else self.folder}.",
                inner_exception=error,
            ) from error

    # --- what is in it -----------------------------------------------------------------------------------------------

    @cached_property
    def store(self) -> Store:
        """The database of the workspace."""
        return Store(self.folder)

    @property
    def objects(self) -> Path:
        """The folder of file contents that snapshots share."""
        return self.folder / "objects"

    def run_folder(self, run_id: str) -> Path:
        """The folder of one run.

        Raises:
            UserErrorException: ``run_id`` is not one name, but a path.
        """
        if not run_id or run_id in (".", "..") or "/" in run_id or "\\" in run_id or "\0" in run_id:
            raise UserErrorException(f"{run_id!r} is not a run id.")
        return self.folder / "runs" / run_id

    def _engine(self, name: str | None = None) -> Engine:
        """The engine of that name, by default that of a target which names none."""
        from .engines.registry import default_engine_name, get_engine

        return get_engine(name or default_engine_name())

    def reconcile(self) -> None:
        """Give runs that lost their supervisor a new one and start queued runs that have room; cheap when all is well.

        Every opening of a workspace does it.
        """
        from .runs.reconcile import reconcile

        reconcile(self.folder, self.store)

    def get_run(self, run_id: str) -> Run:
        """The run of that id, whatever its experiment.

        Raises:
            NameNotFoundException: there is none; the message suggests the nearest.
        """
        from .runs.experiment import Experiment
        from .runs.run import run_of

        record = self.store.run(run_id)
        return run_of(Experiment(self, record.experiment), record)

    @property
    def compute_targets(self) -> dict[str, ComputeTarget]:
        """Name → compute target."""
        from .compute.target import ComputeTarget

        return {target.name: target for target in ComputeTarget.list(self)}

    @property
    def experiments(self) -> dict[str, Experiment]:
        """Name → experiment, oldest first."""
        from .runs.experiment import Experiment

        return {name: Experiment(self, name) for name in self.store.experiments()}

    @property
    def environments(self) -> dict[str, Environment]:
        """Name → newest version of an environment."""
        from .environment.spec import Environment

        return Environment.list(self)

    def get_default_compute_target(self, type: str) -> ComputeTarget | None:
        """``cpu-cluster`` for ``CPU`` and ``gpu-cluster`` for ``GPU``, or None when there is no such target.

        Raises:
            ValueError: another type, as in the SDK.
        """
        names = {"cpu": self.DEFAULT_CPU_CLUSTER_NAME, "gpu": self.DEFAULT_GPU_CLUSTER_NAME}
        if type.lower() not in names:
            raise ValueError("Invalid compute type. Accepted values are CPU and GPU")
        return self.compute_targets.get(names[type.lower()])

    # --- how it shows ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return (
            f"Workspace.create(name='{self.name}', subscription_id='{self.subscription_id}',"
            f" resource_group='{self.resource_group}')"
        )

    def _repr_html_(self) -> str:
        rows = {
            "Workspace": self.name,
            "Subscription": self.subscription_id,
            "Resource group": self.resource_group,
            "Folder": str(self.folder),
            "Experiments": str(len(self.store.experiments())),
            "Compute targets": ", ".join(self.compute_targets),
            "Environments": ", ".join(self.store.list_environments()) or "none yet",
        }
        return facts("workspace", rows)

    def __deepcopy__(self, memo: object) -> Workspace:
        # Configurations that name a compute target are copied at submit; the workspace behind it stays the same one.
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Workspace, (self.subscription_id, self.resource_group, self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workspace) and other.folder == self.folder

    def __hash__(self) -> int:
        return hash(self.folder)


def _open_found(found: Found) -> tuple[Workspace, str]:
    """The workspace of a config file, made when it is new, and the line that says so."""
    try:
        key = checked_key(found.key.name, found.key.subscription_id, found.key.resource_group)
    except UserErrorException as error:
        raise UserErrorException(f"{found.path}: {error.message}", inner_exception=error) from error
    new = " (new on this machine)" if make_workspace(key) else ""
    return _opened(key), f"Workspace '{key.name}'{new} from {found.explained()}"


def _opened(key: WorkspaceKey) -> Workspace:
    return Workspace(key.subscription_id, key.resource_group, key.name)


def _key_of(settings: Settings) -> WorkspaceKey:
    return WorkspaceKey(settings["name"], settings["subscription_id"], settings["resource_group"])
