"""Conda packages on this machine: linked into the folder of an environment, in place of what uv would make there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...environment.conda.channels import read_conda_settings
from ...environment.conda.install import fixed_variables, install, link_scripts
from ...environment.conda.solve import (
    check_specs,
    locked,
    plan_request,
    this_platform,
    virtual_packages_here,
    with_overrides,
)
from ...environment.network.host_settings import read_host_settings

if TYPE_CHECKING:
    from ...environment.packages.requirements import Packages
    from ..protocol import Preparation


def fill(
    folder: Path,
    packages: Packages,
    network: Mapping[str, Any],
    secrets: Mapping[str, str],
    log: Preparation,
    *,
    renew: bool,
) -> None:
    """Solve and link the conda packages of an environment; what was locked before is taken again unless renewed.

    Raises:
        EngineException: they cannot be had; the message says why.
    """
    check_specs(packages)
    settings = replace(read_conda_settings(), host=read_host_settings(over=network))
    virtual = with_overrides(virtual_packages_here())
    request = plan_request(packages, settings, this_platform(), virtual, secrets)
    lock = locked(request, settings, log, renew=renew)
    install(lock, request, settings, folder, log)
    scripts = link_scripts(lock, folder)
    if scripts:
        names = ", ".join(record.name.normalized for record in scripts)
        log.write(f"Not run on this machine: the post-link scripts of {names}.\n".encode())


def conda_variables(folder: Path) -> dict[str, str]:
    """The variables of a job in such a folder; {} when it is a virtual environment."""
    if not (folder / "conda-meta").is_dir():
        return {}
    return {"CONDA_PREFIX": str(folder), "CONDA_DEFAULT_ENV": str(folder), **fixed_variables(folder)}
