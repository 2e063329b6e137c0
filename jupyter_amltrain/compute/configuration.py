"""What ``AmlCompute.provisioning_configuration`` returns: checked as in the SDK and more (azureml-v1.md 5.2)."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ComputeTargetException
from .definition import SERVICE_IDLE_S, make_definition
from .status import ScaleSettings, scale_of

if TYPE_CHECKING:
    from .amlcompute import AmlCompute

_WITHOUT_MEANING = {
    "admin_username": None,
    "admin_user_ssh_key": None,
    "vnet_name": None,
    "remote_login_port_public_access": "NotSpecified",
    "identity_type": None,
    "location": None,
    "enable_node_public_ip": True,
}
"""What there is no VM for: accepted, checked, and named in a visible note when it is not at its default."""


class ComputeTargetProvisioningConfiguration:
    """Base class of the configurations that ``ComputeTarget.create`` takes."""

    _compute_type: type[AmlCompute]


class AmlComputeProvisioningConfiguration(ComputeTargetProvisioningConfiguration):
    """A cluster still to be made: the SDK's arguments, then ours by keyword.

    Args:
        gpu: ``require`` (the default) refuses a run when its VM size has GPUs and this machine has none, ``prefer``
            runs it on the CPU and says so, ``ignore`` never asks for GPUs. With a VM size that has none, or without a
            VM size, ``require`` and ``prefer`` ask for all there are.
        engine: name of the engine that runs its jobs; None for the usual choice.
        network_mode: network mode of its containers, such as ``none`` or ``host``; None for the engine's default.
        shm_size: size of ``/dev/shm``, such as ``8g``.
        memory: most memory of a node, such as ``16g``, instead of its VM size's.
        cpus: most CPU cores of a node, instead of its VM size's.

    Raises:
        ComputeTargetException: a value cannot be right.
    """

    def __init__(
        self,
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int | None = 0,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: int | None = None,
        admin_username: str | None = None,
        admin_user_password: str | None = None,
        admin_user_ssh_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        remote_login_port_public_access: str = "NotSpecified",
        identity_type: str | None = None,
        identity_id: list[str] | None = None,
        location: str | None = None,
        enable_node_public_ip: bool = True,
        *,
        gpu: str | None = None,
        engine: str | None = None,
        network_mode: str | None = None,
        shm_size: str | int | None = None,
        memory: str | int | None = None,
        cpus: float | None = None,
    ) -> None:
        from .amlcompute import AmlCompute

        self._compute_type = AmlCompute
        self.vm_size = vm_size
        self.vm_priority = vm_priority
        self.min_nodes = min_nodes
        self.max_nodes = max_nodes
        self.idle_seconds_before_scaledown = idle_seconds_before_scaledown
        self.admin_username = admin_username
        self.admin_user_ssh_key = admin_user_ssh_key
        self.vnet_resourcegroup_name = vnet_resourcegroup_name
        self.vnet_name = vnet_name
        self.subnet_name = subnet_name
        self.tags = tags
        self.description = description
        self.remote_login_port_public_access = remote_login_port_public_access
        self.identity_type = identity_type
        self.identity_id = identity_id
        self.location = location
        self.enable_node_public_ip = enable_node_public_ip
        self.gpu = gpu
        self.engine = engine
        self.network_mode = network_mode
        self.shm_size = shm_size
        self.memory = memory
        self.cpus = cpus
        # Nothing here needs the password, so it is not kept.
        self._check_user(admin_user_password)
        self.validate_configuration()

    @property
    def scale_settings(self) -> ScaleSettings:
        """Node counts and idle time."""
        return scale_of(self.definition())

    def definition(self) -> dict[str, Any]:
        """What the store keeps of it, checked.

        Raises:
            ComputeTargetException: a value cannot be right.
        """
        idle_s = self.idle_seconds_before_scaledown
        return make_definition(
            vm_size=self.vm_size,
            vm_priority=self.vm_priority,
            min_nodes=self.min_nodes or 0,
            max_nodes=self.max_nodes,
            idle_seconds_before_scaledown=SERVICE_IDLE_S if idle_s is None else idle_s,
            gpu=self.gpu,
            engine=self.engine,
            network_mode=self.network_mode,
            shm_size=self.shm_size,
            memory=self.memory,
            cpus=self.cpus,
            tags=self.tags,
            description=self.description,
            location=self.location,
        )

    def validate_configuration(self) -> None:
        """Check all values; done at construction, and again when the target is created.

        Raises:
            ComputeTargetException: a value cannot be right.
        """
        vnet = (self.vnet_name, self.vnet_resourcegroup_name, self.subnet_name)
        if any(vnet) and not all(vnet):
            raise ComputeTargetException(
                "Invalid configuration, not all virtual net information provided. To use a custom virtual net, please"
                " provide vnet name, vnet resource group and subnet name"
            )
        self.definition()
        self._check_identity()

    def unused(self) -> list[str]:
        """The arguments given that mean nothing without a VM."""
        return [name for name, default in _WITHOUT_MEANING.items() if getattr(self, name) not in (default, None, "")]

    def _check_user(self, password: str | None) -> None:
        if (password or self.admin_user_ssh_key) and not self.admin_username:
            raise ComputeTargetException(
                "Invalid user credentials, admin username must be provided along with either a password or SSH key"
                " information."
            )
        if self.admin_username and not password and not self.admin_user_ssh_key:
            raise ComputeTargetException(
                "Invalid user credentials, no password or key information provided. Please provide either a password"
                " or SSH key information."
            )
        kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)
        if password and sum(any(letter in kind for letter in password) for kind in kinds) < 3:
            raise ComputeTargetException(
                "Invalid admin user password provided. The admin user password must have 3 of the following: 1"
                " lowercase character, 1 uppercase character, 1 number, and 1 special character"
            )

    def _check_identity(self) -> None:
        if self.identity_type is None:
            if self.identity_id:
                raise ComputeTargetException(
                    "Invalid configuration, identity_id cannot be set when identity type is not user assigned."
                )
        elif self.identity_type not in ("UserAssigned", "SystemAssigned"):
            raise ComputeTargetException(
                "Invalid configuration, identity_type must be set to 'UserAssigned' or 'SystemAssigned'."
            )
        elif self.identity_type == "UserAssigned" and not (isinstance(self.identity_id, list) and self.identity_id):
            raise ComputeTargetException(
                "Invalid configuration, please pass the identity_id of the user assigned identity as a list (eg."
                " ['resource_ID1','resourceID2',...])"
            )
        elif self.identity_type != "UserAssigned" and self.identity_id:
            raise ComputeTargetException(
                "Invalid configuration, identity_id cannot be set when identity type is not user assigned."
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vm_size={self.vm_size!r}, max_nodes={self.max_nodes!r}, gpu={self.gpu!r})"
