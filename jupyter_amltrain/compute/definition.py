"""What the store keeps of a compute target, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..errors import ComputeTargetException
from ..submission.job import size_bytes
from .sizes import GPU_POLICIES, find_size, one_of

if TYPE_CHECKING:
    from ..runs.store import Store

LOCAL = "local"
"""Name of the target that every workspace has."""

SERVICE_IDLE_S = 120
"""What Azure's service took when no idle time was given, in 2020."""

_PRIORITIES = ("Dedicated", "LowPriority")


def make_definition(
    *,
    kind: str = "AmlCompute",
    vm_size: str = "",
    vm_priority: str = "dedicated",
    min_nodes: int = 0,
    max_nodes: int | None = 1,
    idle_seconds_before_scaledown: int | None = None,
    gpu: str | None = None,
    engine: str | None = None,
    network_mode: str | None = None,
    shm_size: str | int | None = None,
    memory: str | int | None = None,
    cpus: float | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    location: str | None = None,
) -> dict[str, Any]:
    """What :meth:`Store.save_target` keeps of a target, its values checked.

    Raises:
        ComputeTargetException: a value cannot be right; the message says which and why.
    """
    for what, value in (("engine", engine), ("network_mode", network_mode), ("description", description)):
        if value is not None and not isinstance(value, str):
            raise ComputeTargetException(f"Invalid configuration, {what} takes text, not {value!r}.")
    if tags is not None and not isinstance(tags, Mapping):
        raise ComputeTargetException(f"Invalid configuration, tags are a dictionary, not {tags!r:.80}.")
    lowest, highest, idle = checked_scale(min_nodes, max_nodes, idle_seconds_before_scaledown)
    for size in (shm_size, memory):
        if size is not None:
            size_bytes(size)
    if cpus is not None and not (isinstance(cpus, (int, float)) and cpus > 0):
        raise ComputeTargetException(f"Invalid configuration, cpus takes a number above 0, not {cpus!r}.")
    return {
        "type": kind,
        "vm_size": find_size(vm_size).name if vm_size else "",
        "vm_priority": one_of("vm_priority", vm_priority or "dedicated", _PRIORITIES),
        "min_nodes": lowest,
        "max_nodes": highest,
        "idle_seconds_before_scaledown": idle,
        "gpu": None if gpu is None else one_of("gpu", gpu, GPU_POLICIES),
        "engine": engine,
        "network_mode": network_mode,
        "shm_size": shm_size,
        "memory": memory,
        "cpus": cpus,
        "tags": dict(tags) if tags else None,
        "description": description,
        "location": location,
    }


def target_definition(store: Store, name: str) -> dict[str, Any]:
    """The definition of a target of the workspace; ``local`` is made when it is first asked for.

    Raises:
        ComputeTargetException: there is no such target; the message is Azure's, and suggests the nearest name.
    """
    definition = store.get_target(name)
    if definition is None and name == LOCAL:
        store.save_target(
            LOCAL, make_definition(kind=LOCAL, idle_seconds_before_scaledown=SERVICE_IDLE_S, location=LOCAL)
        )
        definition = store.get_target(name)
    if definition is None:
        nearest = get_close_matches(name, {LOCAL, *store.list_targets()}, n=1, cutoff=0.6)
        advice = f"\nDid you mean '{nearest[0]}'?" if nearest else ""
        raise ComputeTargetException(
            f"ComputeTargetNotFound: Compute Target with name {name} not found in provided workspace{advice}"
        )
    return definition


def checked_scale(min_nodes: Any, max_nodes: Any, idle_s: Any) -> tuple[int, int, int | None]:
    """Node counts and idle time as numbers; the messages are the SDK's where it has one.

    Raises:
        ComputeTargetException: one of them is missing, not a whole number, negative, or the order is wrong.
    """
    if max_nodes is None:
        raise ComputeTargetException("Invalid provisioning configuration, max nodes count is mandatory")
    highest = _whole_number("max_nodes", max_nodes)
    lowest = _whole_number("min_nodes", min_nodes or 0)
    idle = None if idle_s is None else _whole_number("idle_seconds_before_scaledown", idle_s)
    if highest < 0:
        raise ComputeTargetException(
            "Invalid provisioning configuration, max nodes count must be greater than or equal to 0"
        )
    if lowest < 0:
        raise ComputeTargetException(
            "Invalid provisioning configuration, min nodes count must be greater than or equal to 0"
        )
    if highest < lowest:
        raise ComputeTargetException(
            "Invalid provisioning configuration, max nodes count must be greater than or equal to min nodes count"
        )
    if idle is not None and idle < 0:
        raise ComputeTargetException("Invalid provisioning configuration, idle_seconds_before_scaledown is negative")
    return lowest, highest, idle


def _whole_number(what: str, value: Any) -> int:
    # The SDK's own samples give the idle time as text.
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d+\s*", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ComputeTargetException(
        f"Invalid provisioning configuration, {what} takes a whole number, not {value!r} ({type(value).__name__})."
    )
