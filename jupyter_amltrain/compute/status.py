"""How busy a compute target is, with the names and keys of the SDK (azureml-v1.md section 5.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from ..absent import Recreated
from ..runs import status as states
from ..runs.record import RunRecord
from ..submission.job import Resources

_PREPARING = (states.PREPARING, states.PROVISIONING, states.STARTING)


class _Serialized(Recreated):
    _absent = {"deserialize": "AmlCompute.get_status() makes it"}


@dataclass(frozen=True)
class ScaleSettings(_Serialized):
    """How many nodes a target has at least and at most, and how long an idle one would stay."""

    minimum_node_count: int
    maximum_node_count: int
    idle_seconds_before_scaledown: int | None = None

    def serialize(self) -> dict[str, Any]:
        """The SDK's dictionary; the idle time is an ISO 8601 duration."""
        idle_s = self.idle_seconds_before_scaledown
        return {
            "minNodeCount": self.minimum_node_count,
            "maxNodeCount": self.maximum_node_count,
            "nodeIdleTimeBeforeScaleDown": f"PT{idle_s}S" if idle_s else "",
        }


@dataclass(frozen=True)
class AmlComputeNodeStateCounts(_Serialized):
    """How many nodes are in which state; a node is a slot that a run of this machine may take."""

    idle_node_count: int = 0
    leaving_node_count: int = 0
    preempted_node_count: int = 0
    preparing_node_count: int = 0
    running_node_count: int = 0
    unusable_node_count: int = 0

    def serialize(self) -> dict[str, int]:
        """The SDK's dictionary."""
        return {
            "preparingNodeCount": self.preparing_node_count,
            "runningNodeCount": self.running_node_count,
            "idleNodeCount": self.idle_node_count,
            "unusableNodeCount": self.unusable_node_count,
            "leavingNodeCount": self.leaving_node_count,
            "preemptedNodeCount": self.preempted_node_count,
        }


@dataclass(frozen=True)
class AmlComputeStatus(_Serialized):
    """A compute target as it is now.

    Attributes:
        queued_run_count: runs that wait for a free node.
        resources: what each node may use of this machine.
        notes: what a person should know about ``resources``.
    """

    allocation_state: str
    allocation_state_transition_time: datetime
    creation_time: datetime
    current_node_count: int
    errors: list[Any] | None
    modified_time: datetime
    node_state_counts: AmlComputeNodeStateCounts
    provisioning_state: str
    provisioning_state_transition_time: datetime
    scale_settings: ScaleSettings
    target_node_count: int
    vm_priority: str
    vm_size: str
    queued_run_count: int
    resources: Resources
    notes: tuple[str, ...] = ()

    def serialize(self) -> dict[str, Any]:
        """The SDK's dictionary, with all of its keys and no other."""
        return {
            "currentNodeCount": self.current_node_count,
            "targetNodeCount": self.target_node_count,
            "nodeStateCounts": self.node_state_counts.serialize(),
            "allocationState": self.allocation_state,
            "allocationStateTransitionTime": self.allocation_state_transition_time.isoformat(),
            "errors": self.errors,
            "creationTime": self.creation_time.isoformat(),
            "modifiedTime": self.modified_time.isoformat(),
            "provisioningState": self.provisioning_state,
            "provisioningStateTransitionTime": self.provisioning_state_transition_time.isoformat(),
            "scaleSettings": self.scale_settings.serialize(),
            "vmPriority": self.vm_priority,
            "vmSize": self.vm_size,
        }

    def _to_plain(self) -> dict[str, Any]:
        """All of it as JSON, for the faces."""
        return {
            **self.serialize(),
            "queuedRunCount": self.queued_run_count,
            "resources": asdict(self.resources),
            "notes": list(self.notes),
        }


def scale_of(definition: Mapping[str, Any]) -> ScaleSettings:
    """The scale settings in a stored definition."""
    return ScaleSettings(
        definition["min_nodes"], definition["max_nodes"], definition.get("idle_seconds_before_scaledown")
    )


def node_states(min_nodes: int, runs: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """The nodes there are now, one dictionary each with the keys of ``list_nodes``: those of runs, then idle ones."""
    nodes: list[dict[str, Any]] = [
        {"nodeState": "preparing" if run.status in _PREPARING else "running", "runId": run.id}
        for run in sorted(runs, key=lambda run: run.number)
        if run.status in states.ACTIVE
        for _ in range(run.nodes)
    ]
    nodes += [{"nodeState": "idle", "runId": None}] * (min_nodes - len(nodes))
    return [
        {"nodeId": f"node-{number}", "port": None, "publicIpAddress": None, "privateIpAddress": None, **node}
        for number, node in enumerate(nodes)
    ]


def status_of(
    definition: Mapping[str, Any],
    runs: Iterable[RunRecord],
    resources: Resources,
    notes: tuple[str, ...] = (),
) -> AmlComputeStatus:
    """The status of a target, from its definition and those of its runs that are not over."""
    live = list(runs)
    nodes = [node["nodeState"] for node in node_states(definition["min_nodes"], live)]
    created, modified = moment(definition["created"]), moment(definition["modified"])
    return AmlComputeStatus(
        allocation_state="Steady",
        allocation_state_transition_time=modified,
        creation_time=created,
        current_node_count=len(nodes),
        errors=None,
        modified_time=modified,
        node_state_counts=AmlComputeNodeStateCounts(
            idle_node_count=nodes.count("idle"),
            preparing_node_count=nodes.count("preparing"),
            running_node_count=nodes.count("running"),
        ),
        provisioning_state="Succeeded",
        provisioning_state_transition_time=created,
        scale_settings=scale_of(definition),
        target_node_count=len(nodes),
        vm_priority=definition["vm_priority"],
        vm_size=definition["vm_size"],
        queued_run_count=sum(run.status in states.WAITING for run in live),
        resources=resources,
        notes=notes,
    )


def moment(unix_s: float) -> datetime:
    """Unix seconds as a time with its zone, UTC."""
    return datetime.fromtimestamp(unix_s, timezone.utc)
