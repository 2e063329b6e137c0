"""``ComputeTarget``: finds, makes and lists the targets of a workspace (azureml-v1.md section 5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..absent import Recreated
from ..errors import ComputeTargetException, UserErrorException
from ..runs import status as states
from ..runs.record import SCRIPT_RUN
from .definition import LOCAL, target_definition
from .sizes import target_resources
from .status import ScaleSettings, moment, scale_of

if TYPE_CHECKING:
    from ..runs.record import RunRecord
    from ..workspace import Workspace
    from .amlcompute import AmlCompute
    from .configuration import ComputeTargetProvisioningConfiguration

RESERVED = ("amlcompute", LOCAL, "containerinstance")
_NAME = re.compile(r"[a-zA-Z0-9-]{2,24}")


class ComputeTarget(Recreated):
    """A place where runs are done: so many nodes of such a size, all of them on this machine.

    ``ComputeTarget(workspace, name)`` finds the target of that name. Every workspace has one named ``local``.

    Raises:
        ComputeTargetException: the workspace has no target of that name.
    """

    _absent = {
        "deserialize": "ComputeTarget(workspace, name) finds a target",
        **dict.fromkeys(("get_status", "serialize", "wait_for_completion"), "call it on a target, or on AmlCompute"),
    }
    _definition: dict[str, Any]
    _deleted = False

    def __new__(cls, workspace: Workspace, name: str) -> ComputeTarget:
        """An object of the concrete class, as the SDK gives."""
        from .amlcompute import AmlCompute

        return super().__new__(AmlCompute)

    def __init__(self, workspace: Workspace, name: str) -> None:
        if not hasattr(workspace, "store") or not (isinstance(name, str) and name):
            raise UserErrorException(f"ComputeTarget takes a Workspace and a name, not {workspace!r} and {name!r}.")
        self.workspace = workspace
        self.name = name
        self.refresh_state()

    def __getnewargs__(self) -> tuple[Workspace, str]:
        return self.workspace, self.name

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name}, id={self.id}, type={self.type},"
            f" provisioning_state={self.provisioning_state}, location={self.location}, tags={self.tags})"
        )

    def refresh_state(self) -> None:
        """Read the definition again; another process may have changed it.

        Raises:
            ComputeTargetException: it was deleted.
        """
        self._definition = target_definition(self.workspace.store, self.name)

    @staticmethod
    def create(
        workspace: Workspace, name: str, provisioning_configuration: ComputeTargetProvisioningConfiguration
    ) -> AmlCompute:
        """Make a target; it can be used at once.

        A target that exists takes the new node counts and settings, as in Azure, but keeps its VM size.

        Raises:
            UserErrorException: the name is reserved or has other characters than letters, digits and hyphens.
            ComputeTargetException: a target of that name with another VM size exists.
        """
        from .configuration import AmlComputeProvisioningConfiguration

        if not isinstance(provisioning_configuration, AmlComputeProvisioningConfiguration):
            raise UserErrorException(
                "ComputeTarget.create takes what AmlCompute.provisioning_configuration(...) returns, not"
                f" {provisioning_configuration!r}."
            )
        if not hasattr(workspace, "store"):
            raise UserErrorException(f"ComputeTarget.create takes a Workspace first, not {workspace!r:.80}.")
        _check_name(name)
        return provisioning_configuration._compute_type._create(workspace, name, provisioning_configuration)

    @staticmethod
    def attach(workspace: Workspace, name: str, attach_configuration: object) -> ComputeTarget:
        """Not possible: machines elsewhere cannot be attached.

        Raises:
            ComputeTargetException: always.
        """
        raise ComputeTargetException(
            f"'{name}' cannot be attached: jupyter_amltrain runs everything on this machine's engines. Make a target"
            " with ComputeTarget.create(workspace, name, AmlCompute.provisioning_configuration(max_nodes=1))."
        )

    @staticmethod
    def list(workspace: Workspace) -> list[ComputeTarget]:
        """All targets of the workspace, by name; ``local`` is among them."""
        target_definition(workspace.store, LOCAL)
        return [
            ComputeTarget._known(workspace, name, definition)
            for name, definition in workspace.store.list_targets().items()
        ]

    @staticmethod
    def _known(workspace: Workspace, name: str, definition: Mapping[str, Any]) -> ComputeTarget:
        target = ComputeTarget.__new__(ComputeTarget, workspace, name)
        target.workspace, target.name, target._definition = workspace, name, dict(definition)
        return target

    def delete(self) -> None:
        """Remove the target; its past runs stay in the history.

        Raises:
            ComputeTargetException: it is ``local``, it is gone, or runs on it are not over.
        """
        if self.name == LOCAL:
            raise ComputeTargetException("The target 'local' is always there and cannot be deleted.")
        live = self._live_runs()
        if live:
            first = ", ".join(run.id for run in live[:3]) + (" …" if len(live) > 3 else "")
            raise ComputeTargetException(
                f"The target {self.name} has runs that are not over: {first}. Wait for them or cancel them first."
            )
        if not self.workspace.store.delete_target(self.name):
            self.refresh_state()
        self._deleted = True

    def detach(self) -> None:
        """Not supported, as in the SDK.

        Raises:
            ComputeTargetException: always.
        """
        raise ComputeTargetException("Detach is not supported for AmlCompute object. Try to use delete instead.")

    def _live_runs(self) -> Sequence[RunRecord]:
        return self.workspace.store.runs(
            target=self.name, status=(*states.ACTIVE, *states.WAITING), type=SCRIPT_RUN, children=True
        )

    @property
    def type(self) -> str:
        """``AmlCompute``, or ``local`` for the target of that name."""
        return str(self._definition["type"])

    @property
    def id(self) -> str:
        """The name of the resource, in Azure's form."""
        return f"{self.workspace.resource_id}/computes/{self.name}"

    @property
    def location(self) -> str:
        """The location it was created with, else that of its workspace."""
        return self._definition["location"] or self.workspace.location

    @property
    def provisioning_state(self) -> str:
        """``Succeeded``, or ``Deleting`` once it was deleted through this object."""
        return "Deleting" if self._deleted else "Succeeded"

    @property
    def provisioning_errors(self) -> None:
        """None: making a target cannot fail half-way."""
        return None

    @property
    def created_on(self) -> datetime:
        """When it was made."""
        return moment(self._definition["created"])

    @property
    def modified_on(self) -> datetime:
        """When it was last changed."""
        return moment(self._definition["modified"])

    @property
    def tags(self) -> dict[str, str] | None:
        """The tags it was created with."""
        tags: dict[str, str] | None = self._definition["tags"]
        return tags

    @property
    def description(self) -> str | None:
        """The description it was created with."""
        description: str | None = self._definition["description"]
        return description

    @property
    def scale_settings(self) -> ScaleSettings:
        """Node counts and idle time."""
        return scale_of(self._definition)

    @property
    def vm_size(self) -> str:
        """Upper-case name of the VM size; empty when a node may use the whole machine."""
        return str(self._definition["vm_size"])

    @property
    def vm_priority(self) -> str:
        """``Dedicated`` or ``LowPriority``; here it makes no difference."""
        return str(self._definition["vm_priority"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the limits of a node on this machine."""
        return target_resources(self._definition)[1]


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserErrorException(
            f"{name!r} cannot name a compute target: a name has 2 to 24 letters, digits and hyphens."
        )
    if name.lower() in RESERVED:
        raise UserErrorException(f"Please specify a different target name. {name} is a reserved name.")
