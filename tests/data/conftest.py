"""A workspace on the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.runs import status as states
from jupyter_amltrain.runs.control import cancel
from jupyter_amltrain.workspace import Workspace
from runs.conftest import set_target, wait_for_end

from .s3_server import S3Server, s3_server


@pytest.fixture(params=["docker"])
def workspace(
    request: pytest.FixtureRequest, docker_host: str, amltrain_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """A workspace on a Docker engine, or with ``parametrize(…, indirect=True)`` on Podman."""
    monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue(f"{request.param}_host"))
    made = Workspace.create("tests", show_output=False)
    set_target(made, max_nodes=4)
    yield made
    for run in reversed(made.store.runs(status=(*states.ACTIVE, *states.WAITING))):
        cancel(made.folder, made.store, run.id)
        wait_for_end(made, run.id, 30)


@pytest.fixture
def environment() -> Environment:
    plain = Environment("plain")
    plain.docker.enabled = True
    plain.docker.base_image = "python-base:1"
    plain.python.user_managed_dependencies = True
    return plain


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An S3 server, whose keys are in the environment."""
    for name, value in (("TEST_S3_KEY", "key"), ("TEST_S3_SECRET", "secret"), ("AWS_DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(name, value)
    with s3_server() as server:
        yield server
