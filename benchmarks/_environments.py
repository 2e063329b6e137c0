"""What the benchmarks of environments share: a base image that nothing was built on yet, and timed preparations."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_amltrain import Environment
from jupyter_amltrain.engines.protocol import Image
from jupyter_amltrain.engines.registry import get_engine
from jupyter_amltrain.environment.cell import parse_cell

from ._bench import IMAGE

PACKAGES = ("numpy", "pandas", "scikit-learn", "matplotlib")


class Silent:
    """A Preparation whose output nobody reads; ``AMLTRAIN_BENCH_VERBOSE`` prints it."""

    def __init__(self) -> None:
        self._shown = bool(os.environ.get("AMLTRAIN_BENCH_VERBOSE"))

    def write(self, data: bytes) -> None:
        if self._shown:
            print(data.decode(errors="replace"), end="", flush=True)

    def phase(self, text: str) -> None:
        pass

    def step(self, step: object) -> None:
        pass

    def canceled(self) -> bool:
        return False


def prepared(environment: Environment) -> tuple[Image, float]:
    """The image of an environment, and the seconds that it took to have it."""
    began = time.perf_counter()
    image = get_engine("docker").prepare(environment._to_spec(), Silent(), environment._secrets())
    return image, time.perf_counter() - began


def from_dockerfile(name: str, text: str) -> Environment:
    """An environment that is a Dockerfile."""
    return parse_cell(text, "dockerfile").environment(name)


def from_packages(name: str, base: str, *packages: str) -> Environment:
    """An environment that is a list of packages on a base image, as a cell gives it."""
    environment = parse_cell("\n".join(packages), "pip").environment(name)
    environment.docker.base_image = base
    return environment


@contextmanager
def fresh_base() -> Iterator[str]:
    """A base image of its own, so that nothing is found that an earlier benchmark built; all that was made goes."""
    import docker

    name = f"bench-{uuid.uuid4().hex[:8]}"
    # A layer of its own: BuildKit would find steps again that ran on another base with the same layers.
    image, _ = prepared(from_dockerfile(name, f"FROM {IMAGE}\nRUN echo {name} > /bench\nLABEL bench={name}\n"))
    client = docker.DockerClient(base_url=os.environ["DOCKER_HOST"])
    client.images.get(image.reference).tag(name, "1")
    try:
        yield f"{name}:1"
    finally:
        for made in client.images.list(filters={"label": f"bench={name}"}):
            client.images.remove(made.id, force=True)
        client.close()
