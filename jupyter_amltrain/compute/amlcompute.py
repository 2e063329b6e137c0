"""``AmlCompute``: a cluster that is a number of slots on this machine (azureml-v1.md sections 5.2 to 5.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ComputeTargetException
from ..runs.record import SCRIPT_RUN
from .configuration import AmlComputeProvisioningConfiguration
from .definition import make_definition
from .sizes import target_resources, vm_sizes
from .status import AmlComputeStatus, node_states, status_of
from .target import ComputeTarget

if TYPE_CHECKING:
    from ..runs.run import Run
    from ..workspace import Workspace


class AmlCompute(ComputeTarget):
    """A cluster: at most ``max_nodes`` runs at once, each within the limits that its VM size stands for.

    Raises:
        ComputeTargetException: the workspace has no target of that name.
    """

    _absent = {
        **dict.fromkeys(
            (
                "admin_username",
                "admin_user_password",
                "admin_user_ssh_key",
                "cluster_resource_id",
                "identity_id",
                "identity_type",
                "remote_login_port_public_access",
                "subnet_name",
                "vnet_name",
                "vnet_resourcegroup_name",
            ),
            "there is no virtual machine behind it",
        ),
        "cluster_location": "location is where it is",
        "is_attached": "it was created here, and nothing can be attached",
        "add_identity": "there is no virtual machine that could have an identity",
        "get": "serialize() gives it as a dictionary",
        "list_quotas": "there are no quotas; max_nodes is the limit",
        "list_usages": "there are no quotas; get_status() says how busy it is",
        "remove_identity": "there is no virtual machine that could have an identity",
        "update_quotas": "there are no quotas; max_nodes is the limit",
    }
    _compute_type = "AmlCompute"
    _just_created = False

    # The class itself, and no method in front of it, so that its two dozen arguments are written once.
    provisioning_configuration = AmlComputeProvisioningConfiguration

    @staticmethod
    def _create(workspace: Workspace, name: str, configuration: AmlComputeProvisioningConfiguration) -> AmlCompute:
        configuration.validate_configuration()
        definition = configuration.definition()
        existing = workspace.store.get_target(name)
        if existing and existing["vm_size"] != definition["vm_size"]:
            raise ComputeTargetException(
                f"The target {name} exists with vm_size '{existing['vm_size']}', and a cluster keeps its size. Use"
                f" another name, or ComputeTarget(workspace, '{name}').delete() first."
            )
        workspace.store.save_target(name, definition)
        target = AmlCompute(workspace, name)
        target._just_created = not existing
        for note in target.notes:
            print(f"{name}: {note}")
        unused = configuration.unused()
        if unused:
            print(f"{name}: {', '.join(unused)} not used: there is no virtual machine behind it.")
        if existing:
            workspace.reconcile()
        return target

    @property
    def status(self) -> AmlComputeStatus:
        """How busy it is now."""
        resources, notes = target_resources(self._definition)
        return status_of(self._definition, self._live_runs(), resources, notes)

    def get_status(self) -> AmlComputeStatus:
        """How busy it is now; unlike the SDK's it is never None.

        Raises:
            ComputeTargetException: it was deleted.
        """
        self.refresh_state()
        return self.status

    def wait_for_completion(
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
        is_delete_operation: bool = False,
    ) -> None:
        """Print what the SDK prints while a cluster is made (azureml-v1.md section 5.4); there is nothing to wait for.

        The first call after ``create`` shows ``Creating`` and ``Succeeded``, later ones and those for a cluster found
        by name just ``Succeeded``. Nodes are slots, so any number up to ``max_nodes`` is there at once, and more never.
        """
        if is_delete_operation:
            if show_output:
                print('Deleting\nSucceeded\nProvisioning operation finished, operation "Succeeded"')
            return
        status = self.get_status()
        first_time, self._just_created = self._just_created, False
        if not show_output:
            return
        print("Creating\nSucceeded" if first_time else "Succeeded")
        print("AmlCompute wait for completion finished\n")
        if (min_node_count or 0) <= status.scale_settings.maximum_node_count:
            print("Minimum number of nodes requested have been provisioned")
        else:
            print("Wait timeout has been reached")
            print(
                f'Current provisioning state of AmlCompute is "{status.provisioning_state}" and current node count is'
                f' "{status.current_node_count}"'
            )

    def update(
        self,
        min_nodes: int | None = None,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: int | None = None,
        *,
        gpu: str | None = None,
        engine: str | None = None,
        network_mode: str | None = None,
        shm_size: str | int | None = None,
        memory: str | int | None = None,
        cpus: float | None = None,
    ) -> None:
        """Change some settings; None leaves one as it is. Runs that wait for a node start when there is one now.

        Raises:
            ComputeTargetException: a value cannot be right, or the target was deleted.
        """
        self.refresh_state()
        asked = {
            "min_nodes": min_nodes,
            "max_nodes": max_nodes,
            "idle_seconds_before_scaledown": idle_seconds_before_scaledown,
            "gpu": gpu,
            "engine": engine,
            "network_mode": network_mode,
            "shm_size": shm_size,
            "memory": memory,
            "cpus": cpus,
        }
        changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        if not changes:
            return
        kept = {name: value for name, value in self._definition.items() if name not in ("type", "created", "modified")}
        self.workspace.store.save_target(self.name, make_definition(kind=self.type, **{**kept, **changes}))
        self.refresh_state()
        self.workspace.reconcile()

    def list_nodes(self) -> list[dict[str, Any]]:
        """One dictionary for each node in use, then for the idle ones up to ``min_nodes``; ``runId`` is its run."""
        self.refresh_state()
        return node_states(self._definition["min_nodes"], self._live_runs())

    def get_active_runs(
        self,
        type: str | None = None,
        tags: str | Mapping[str, str] | None = None,
        properties: str | Mapping[str, str] | None = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """The runs on this target that are not over, newest first; the filters are those of ``Experiment.get_runs``."""
        if type not in (None, SCRIPT_RUN):
            return
        store = self.workspace.store
        for record in self._live_runs():
            if (
                status in (None, record.status)
                and (tags is None or _fits(tags, store.tags(record.id)))
                and (properties is None or _fits(properties, store.properties(record.id)))
            ):
                yield self.workspace.get_run(record.id)

    @staticmethod
    def supported_vmsizes(workspace: Workspace | None = None, location: str | None = None) -> list[dict[str, Any]]:
        """The VM sizes known here, by name; ``location`` makes no difference."""
        return [
            {
                "name": size.name,
                "vCPUs": size.cpus,
                "gpus": size.gpus,
                "memoryGB": size.memory_gb,
                "maxResourceVolumeMB": None,
            }
            for size in vm_sizes().values()
        ]

    def serialize(self) -> dict[str, Any]:
        """The target as the SDK's dictionary."""
        return {
            "id": self.id,
            "name": self.name,
            "location": self.location,
            "tags": self.tags,
            "identity": None,
            "properties": {
                "description": self.description,
                "resourceId": None,
                "computeType": self.type,
                "computeLocation": self.location,
                "provisioningState": self.provisioning_state,
                "provisioningErrors": self.provisioning_errors,
                "properties": {
                    "vmSize": self.vm_size,
                    "vmPriority": self.vm_priority,
                    "scaleSettings": self.scale_settings.serialize(),
                    "userAccountCredentials": dict.fromkeys(
                        ("adminUserName", "adminUserPassword", "adminUserSshPublicKey")
                    ),
                    "subnet": {"id": None},
                    "remoteLoginPortPublicAccess": "NotSpecified",
                },
                "status": self.status.serialize(),
            },
        }


def _fits(wanted: str | Mapping[str, str], values: Mapping[str, str | None]) -> bool:
    if isinstance(wanted, str):
        return wanted in values
    return all(key in values and values[key] == value for key, value in wanted.items())
