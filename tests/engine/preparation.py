"""Preparing environments on a test engine: a log that keeps everything, and what came of it."""

from __future__ import annotations

import json

import docker

from jupyter_amltrain.engines.protocol import Image, Step
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.image import prepare_image
from jupyter_amltrain.environment.spec import Environment

BASE = "python-base:1"


class BuildLog:
    """A Preparation that keeps what it is told.

    Args:
        cancel_at: a text; once it was written, the user has given up.
        gave_up: whether the user has given up from the beginning.
    """

    def __init__(self, cancel_at: str = "", *, gave_up: bool = False) -> None:
        self.text = ""
        self.phases: list[str] = []
        self.steps: list[Step] = []
        self.gave_up = gave_up
        self._cancel_at = cancel_at

    def write(self, data: bytes) -> None:
        self.text += data.decode()

    def phase(self, text: str) -> None:
        self.phases.append(text)

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def canceled(self) -> bool:
        return self.gave_up or bool(self._cancel_at) and self._cancel_at in self.text


def dockerfile_environment(name: str, text: str) -> Environment:
    """An environment that is a Dockerfile."""
    return parse_cell(text, "dockerfile").environment(name)


def prepared(
    client: docker.DockerClient, environment: Environment, log: BuildLog | None = None, renew: str = ""
) -> Image:
    """The image of an environment, made from what is stored of it."""
    spec = json.loads(json.dumps(environment._to_spec()))
    return prepare_image(client, spec, log or BuildLog(), environment._secrets(), renew)


def output(client: docker.DockerClient, image: Image | str, *command: str, user: str = "") -> str:
    """What a command in an image, or in that of an id, writes to standard output."""
    reference = image.reference if isinstance(image, Image) else image
    # Not containers.run(): it follows the log, which Docker 20.10 may end before the last line.
    container = client.containers.run(reference, list(command), network_mode="none", detach=True, user=user)
    try:
        container.wait()
        done: bytes = container.logs(stderr=False)
        return done.decode()
    finally:
        container.remove()
