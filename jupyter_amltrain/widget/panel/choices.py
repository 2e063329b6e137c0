"""What can be chosen in the panel: environments, targets and how much room they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...workspace import Workspace


def environments(workspace: Workspace) -> list[tuple[str, str]]:
    """Label and name of each environment, its newest version in the label."""
    return [(f"{name}:{spec['version']}", name) for name, spec in workspace.store.list_environments().items()]


def targets(workspace: Workspace) -> list[tuple[str, str]]:
    """Label and name of each target; the label says how many slots and GPUs are free."""
    from ...compute.target import ComputeTarget
    from ...runs.gpus import free_gpus

    free, there = free_gpus()
    found = []
    for target in ComputeTarget.list(workspace):
        slots = target.scale_settings.maximum_node_count
        busy, waiting = workspace.store.load_of(target.name)
        label = f"{target.name} · {max(0, slots - busy)} of {slots} slot{'' if slots == 1 else 's'} free"
        label += f" · {waiting} waiting" if waiting else ""
        label += f" · {free} of {there} GPU{'' if there == 1 else 's'} free" if there else ""
        found.append((label, target.name))
    return found
