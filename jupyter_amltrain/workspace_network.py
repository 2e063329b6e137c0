"""How builds and jobs of a workspace reach the network."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .workspace_disk import WorkspaceDisk
from .workspace_settings import change_settings, read_settings

if TYPE_CHECKING:
    from .environment.spec import Environment


class WorkspaceNetwork(WorkspaceDisk):
    """The part of :class:`Workspace` that says how it reaches the network."""

    @property
    def network(self) -> dict[str, Any]:
        """What :meth:`set_network` said; empty when everything is as on this host."""
        settings = read_settings(self.folder) or {}
        return dict(settings.get("network") or {})

    def set_network(
        self,
        *,
        proxy: str | None = None,
        no_proxy: str | Iterable[str] | None = None,
        index_url: str | None = None,
        extra_index_urls: str | Iterable[str] | None = None,
        trusted_hosts: str | Iterable[str] | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        jobs: bool = True,
    ) -> None:
        """Say how builds and jobs of this workspace reach the network, in place of what was said before.

        What is left out is as on this host (its variables, and the files of pip, uv and Docker's client); "" is "none".
        No credentials are kept: an address that needs some is ``env:NAME``, the variable that has it.

        Args:
            ca_bundle: file with all certificates to trust, PEM.
            jobs: False keeps all network settings, this host's too, out of jobs; builds have them still.

        Raises:
            UserErrorException: an address or the file cannot be right, or an address holds credentials.
        """
        from .network_setting import checked_network

        setting = checked_network(
            proxy=proxy,
            no_proxy=no_proxy,
            index_url=index_url,
            extra_index_urls=extra_index_urls,
            trusted_hosts=trusted_hosts,
            ca_bundle=None if ca_bundle is None else os.fspath(ca_bundle),
            jobs=jobs,
        )
        change_settings(self.folder, network=setting)

    def _spec_of(self, environment: Environment) -> dict[str, Any]:
        """An environment as it goes to an engine: its definition and this workspace's network setting."""
        spec, network = environment._to_spec(), self.network
        return {**spec, "network": network} if network else spec
