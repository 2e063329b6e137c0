"""A network of a private engine's own, on which containers reach this machine and nothing else."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .daemon import Daemon

_NETWORKS = ipaddress.IPv4Network("198.18.0.0/15")
"""Set apart for measurements (RFC 2544), so that no real network is hidden."""


class Bridge(NamedTuple):
    """Name of the network, and the address that this machine has in it."""

    name: str
    gateway: str


@contextmanager
def bridge(daemon: Daemon) -> Iterator[Bridge]:
    """A network with addresses that no other engine or test session uses; containers in it go with it.

    The engine changes no firewall rule and does not forward, as ever.
    """
    from docker.types import IPAMConfig, IPAMPool

    first = int(_NETWORKS.network_address) + 16 * (os.getpid() % (_NETWORKS.num_addresses // 16))
    subnet = ipaddress.IPv4Network((first, 28))
    gateway = str(subnet[1])
    pool = IPAMPool(subnet=str(subnet), gateway=gateway)
    with daemon.client() as client:
        network = client.networks.create(
            "bridged",
            driver="bridge",
            ipam=IPAMConfig(pool_configs=[pool]),
            options={"com.docker.network.bridge.name": f"amlt{os.getpid()}"},
        )
        try:
            yield Bridge("bridged", gateway)
        finally:
            daemon.remove_containers()
            network.remove()
