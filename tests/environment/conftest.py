"""The engine, and a name whose images are removed afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from environment.private import remove_made


@pytest.fixture
def client(docker_host: str) -> Iterator[docker.DockerClient]:
    made = docker.DockerClient(base_url=docker_host)
    yield made
    made.close()


@pytest.fixture
def name(client: docker.DockerClient) -> Iterator[str]:
    """A name for an environment; its images are removed afterwards."""
    made = f"env-{uuid.uuid4().hex[:8]}"
    yield made
    remove_made(client, made)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture(params=["buildkit", "classic"])
def builder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the engine's own two builders."""
    monkeypatch.setenv("AMLTRAIN_BUILDER", request.param)
    return str(request.param)
