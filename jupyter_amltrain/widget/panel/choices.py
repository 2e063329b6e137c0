"""What can be chosen in the panel: scripts, environments, targets and how much room they have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...submission.ignore import ALWAYS_LEFT_OUT, VIRTUAL_ENVIRONMENT_MARKS

if TYPE_CHECKING:
    from ...workspace import Workspace

_SCRIPTS_AT_MOST = 200
_FOLDERS_AT_MOST = 300


def scripts(folder: Path) -> list[str]:
    """Python files of a folder and of those in it, nearest first; a large tree is not searched to its end."""
    found: list[str] = []
    pending, looked_into = [Path()], 0
    while pending and looked_into < _FOLDERS_AT_MOST and len(found) < _SCRIPTS_AT_MOST:
        below = pending.pop(0)
        looked_into += 1
        try:
            entries = sorted(os.scandir(folder / below), key=lambda entry: entry.name)
        except OSError:
            continue
        if not {entry.name for entry in entries}.isdisjoint(VIRTUAL_ENVIRONMENT_MARKS):
            continue
        for entry in entries:
            if entry.name.endswith(".py") and entry.is_file():
                found.append(str(below / entry.name))
            elif entry.is_dir(follow_symlinks=False) and entry.name not in ALWAYS_LEFT_OUT and entry.name[0] != ".":
                pending.append(below / entry.name)
    return found[:_SCRIPTS_AT_MOST]


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
