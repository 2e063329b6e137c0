"""``%aml_env --check``: what a build or a run would stumble over, found out in about a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment.inspection.preflight import NOTE, OK, REFUSE, WARN, Finding
from .table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..environment.spec import Environment
    from ..workspace import Workspace

_SIGNS = {OK: "✓", NOTE: "✓", WARN: "!", REFUSE: "✗"}
_OF_THE_ENGINE = ("engine", "disk", "network", "GPU")


def check(workspace: Workspace, name: str) -> Table:
    """What was looked at: of the engine alone, or for an environment of the workspace, or an image."""
    from ..engines.docker import DockerEngine
    from ..submission.job import Resources

    environment = _environment(workspace, name)
    found = DockerEngine().examine(workspace._spec_of(environment), Resources(), environment._secrets())
    return table_of(found if name else [finding for finding in found if finding.subject in _OF_THE_ENGINE])


def table_of(findings: Sequence[Finding]) -> Table:
    """Findings as a table: sign, subject, what was found and what to do."""
    rows = [
        (_SIGNS[item.verdict], item.subject, f"{item.text}. {item.remedy}" if item.remedy else item.text)
        for item in findings
    ]
    return Table(("", "What", "Found"), rows)


def _environment(workspace: Workspace, name: str) -> Environment:
    from ..environment.spec import Environment

    plain, _, version = name.partition(":")
    if plain in workspace.store.list_environments():
        return Environment.get(workspace, plain, version or None)
    if name:
        return Environment.from_docker_image("image", name)
    environment = Environment("none")
    environment.python.user_managed_dependencies = True
    return environment
