"""The network settings of this host for one job: read when it starts, kept nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..environment.network.host_settings import HostSettings, read_host_settings, workspace_settings
from ..home import certificates_file
from .job import JobNetwork

SWITCH = "AMLTRAIN_JOB_NETWORK_SETTINGS"


def setting_at_submit(setting: Mapping[str, Any]) -> dict[str, Any]:
    """The workspace's setting as it goes with a run that is submitted now."""
    if os.environ.get(SWITCH, "").lower() in ("0", "false", "no", "off"):
        return {**setting, "jobs": False}
    return dict(setting)


def job_network(setting: Mapping[str, Any], *, host_paths: bool) -> tuple[JobNetwork, tuple[str, ...]]:
    """What a job is told about the network, and lines for the control log, without credentials.

    Args:
        setting: as :func:`setting_at_submit` gave it.
        host_paths: the job is a process of this host, which has the host's settings anyway.

    Raises:
        UserErrorException: the setting refers to a variable that is not set.
        StoreException: the certificates cannot be put into the home folder.
    """
    if not setting.get("jobs", True):
        return JobNetwork(), ()
    found = workspace_settings(setting) if host_paths else read_host_settings(over=setting)
    certificates = str(certificates_file(found.ca_bundle)) if found.ca_bundle else ""
    return JobNetwork({**found.proxies, **found.variables}, certificates), _told(found)


def _told(found: HostSettings) -> tuple[str, ...]:
    words = found.described()
    return (*found.notes, *([f"The job is told of this host's {'; '.join(words)}"] if words else []))
