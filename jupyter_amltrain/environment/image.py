"""Environment → image: check at submit, find by content, else pull or build. Talks to the engine through docker-py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..engines.protocol import EnvironmentSpec, Image, Preparation

if TYPE_CHECKING:
    from docker import DockerClient


def check_environment(
    client: DockerClient, spec: EnvironmentSpec, secrets: Mapping[str, str] | None = None
) -> list[str]:
    """Refuse at submit an environment that can never become an image; notes worth showing otherwise."""
    raise NotImplementedError


def prepare_image(
    client: DockerClient, spec: EnvironmentSpec, log: Preparation, secrets: Mapping[str, str] | None = None
) -> Image:
    """The image of an environment: found by its content, else pulled or built with its output written to ``log``."""
    raise NotImplementedError


def find_interpreter(client: DockerClient, image_id: str, wanted: str = "python") -> str:
    """The Python to call in an image: ``wanted`` from its PATH, else ``python3``; "" when it has none."""
    raise NotImplementedError


