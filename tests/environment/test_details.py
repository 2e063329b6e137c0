"""``Environment.build``, ``build_local`` and ``get_image_details``, on an engine made for it and on the real one."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_amltrain import Workspace
from jupyter_amltrain.engines import registry
from jupyter_amltrain.engines.protocol import FLATTEN, REBUILD, EnvironmentSpec, Image, Preparation
from jupyter_amltrain.environment.details import DockerImageDetails
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import CanceledException, ImageBuildException, UserErrorException

PASSWORD = "s3cret-pa55word"
IMAGE = Image("sha256:1", "python", "amltrain/pets:1", "sha256:1", built=True, size_bytes=5)


class Builder:
    """An engine whose build does one step at a time, as the test says."""

    def __init__(self) -> None:
        self.going_on = threading.Event()
        self.step_shown = threading.Event()
        self.failure: Exception | None = None
        self.canceled = False
        self.renew = ""

    def prepare(
        self, spec: EnvironmentSpec, log: Preparation, secrets: Mapping[str, str] | None = None, renew: str = ""
    ) -> Image:
        self.renew = renew
        log.phase("building step 2")
        log.write("Step 1: naïve\n".encode())
        self.step_shown.set()
        while not self.going_on.wait(0.01):
            if log.canceled():
                self.canceled = True
                raise CanceledException("canceled")
        if self.failure:
            raise self.failure
        log.write(b"Step 2\n")
        return IMAGE


class Shown(io.StringIO):
    """What is printed, with something to do as soon as the first step of a build is in it."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then = then

    def write(self, text: str) -> int:
        super().write(text)
        if "Step 1" in text:
            self._then()
        return len(text)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Builder]:
    made = Builder()
    monkeypatch.setenv("AMLTRAIN_ENGINE", "scripted")
    monkeypatch.setitem(registry._instances, "scripted", made)
    yield made
    made.going_on.set()


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.create("test-ws", show_output=False)


def test_a_build_goes_on_in_the_background(
    builder: Builder, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    details = Environment("a b/ü").register(workspace).build(workspace)
    assert builder.step_shown.wait(60)
    assert details.status == "Running"
    assert details.get_log() == "Step 1: naïve\n"
    builder.going_on.set()
    assert details.wait_for_completion(show_output=False) is details
    assert details.status == "Succeeded"
    assert capsys.readouterr().out == ""
    log = "Step 1: naïve\nStep 2\namltrain/pets:1 is ready.\n"
    assert details.get_log() == log
    assert (workspace.folder / "builds" / f"{details.build_id}.txt").as_uri() == details.log_url
    details.wait_for_completion()
    assert capsys.readouterr().out == f"{log}Image Build Status: Succeeded\n\n"


def test_the_output_is_shown_as_it_comes(builder: Builder, workspace: Workspace) -> None:
    details = Environment("pets").register(workspace).build(workspace)
    with contextlib.redirect_stdout(Shown(builder.going_on.set)) as shown:
        details.wait_for_completion(show_output=True)
    assert shown.getvalue() == (
        "Image Build Status: Running\n\nStep 1: naïve\nStep 2\namltrain/pets:1 is ready.\n"
        "Image Build Status: Succeeded\n\n"
    )


@pytest.mark.parametrize(
    ("failure", "said"),
    [(ImageBuildException("RUN false failed."), "RUN false failed.\n"), (KeyError("oops"), "KeyError: 'oops'\n")],
)
def test_a_build_that_fails_says_why(
    builder: Builder, workspace: Workspace, failure: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = Environment("pets").register(workspace)
    builder.failure = failure
    builder.going_on.set()
    details = environment.build(workspace)
    details.wait_for_completion()
    assert details.status == "Failed"
    assert details.get_log().endswith(said)
    assert capsys.readouterr().out.endswith(f"{said}Image Build Status: Failed\n\n")
    with pytest.raises(type(failure)):
        environment.build_local(workspace)


def test_build_local_shows_the_output(builder: Builder, workspace: Workspace) -> None:
    with contextlib.redirect_stdout(Shown(builder.going_on.set)) as shown:
        Environment("pets").build_local(workspace, platform="Linux")
    assert shown.getvalue() == "Step 1: naïve\nStep 2\namltrain/pets:1 is ready.\n"


def test_build_local_renews_when_asked(builder: Builder, workspace: Workspace) -> None:
    builder.going_on.set()
    for options, renew in (({}, ""), ({"rebuild": True}, REBUILD), ({"flatten": True}, FLATTEN)):
        Environment("pets").build_local(workspace, **options)
        assert builder.renew == renew


def test_interrupting_build_local_ends_the_build(builder: Builder, workspace: Workspace) -> None:
    interrupt = Shown(lambda: signal.raise_signal(signal.SIGINT))
    with contextlib.redirect_stdout(interrupt), pytest.raises(CanceledException, match="Stopped while building step 2"):
        Environment("pets").build_local(workspace)
    assert builder.canceled


def test_interrupting_the_wait_leaves_the_build_going(builder: Builder, workspace: Workspace) -> None:
    details = Environment("pets").register(workspace).build(workspace)
    interrupt = Shown(lambda: signal.raise_signal(signal.SIGINT))
    with contextlib.redirect_stdout(interrupt), pytest.raises(KeyboardInterrupt):
        details.wait_for_completion()
    assert details.status == "Running"
    builder.going_on.set()
    assert details.wait_for_completion(show_output=False).status == "Succeeded"


def test_arguments_of_build_local(workspace: Workspace) -> None:
    with pytest.raises(UserErrorException, match="no registry to push"):
        Environment("pets").build_local(workspace, useDocker=True, pushImageToWorkspaceAcr=True)
    with pytest.raises(UserErrorException, match="no argument 'use_docker'"):
        Environment("pets").build_local(workspace, use_docker=True)


def test_only_what_is_registered_as_it_is_can_be_built(builder: Builder, workspace: Workspace) -> None:
    environment = Environment("pets")
    for ask in (environment.build, environment.get_image_details):
        with pytest.raises(UserErrorException, match="Environment 'pets' is not registered; call register"):
            ask(workspace)
    environment = environment.register(workspace)
    environment.docker.base_image = "python:3.12-slim"
    with pytest.raises(UserErrorException, match="has changed since its version 1 was registered"):
        environment.build(workspace)
    environment.version = "7"
    with pytest.raises(UserErrorException, match="is not registered with version 7"):
        environment.build(workspace)
    builder.going_on.set()
    found = Environment.get(workspace, "pets")
    assert found.build(workspace).wait_for_completion(show_output=False).status == "Succeeded"


def test_image_details_show_no_credentials() -> None:
    registry = {"address": "r.example.com", "username": "somebody", "password": PASSWORD}
    details = DockerImageDetails(dockerImage={"name": "a:1", "registry": registry}, imageExistsInRegistry=True)
    for text in (repr(details), str(details)):
        assert PASSWORD not in text
        assert "somebody" not in text
        assert "'som***'" in text
    assert details["dockerImage"]["registry"]["username"] == "somebody"
    assert (details.image, details.repository, details.registry) == ("r.example.com/a:1", "a:1", "r.example.com")
    assert (details.interpreter_path, details.environment_path, details.dockerfile) == (None, None, None)


@pytest.fixture
def client(client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch) -> docker.DockerClient:
    monkeypatch.setenv("AMLTRAIN_ENGINE", "docker")
    return client


def images(client: docker.DockerClient, name: str) -> list[Any]:
    found: list[Any] = client.images.list(filters={"label": f"amltrain.environment={name}"})
    return found


def test_a_real_image_is_built_and_described(client: docker.DockerClient, workspace: Workspace) -> None:
    name = f"details-{uuid.uuid4().hex[:8]}"
    text = f"FROM python-base:1\nENV NAME_OF_TEST={name}\nCOPY x /x\n"
    folder = Path(workspace.folder, "context")
    folder.mkdir()
    (folder / "x").write_text(name)
    environment = Environment.from_dockerfile(name, text)
    environment.docker.build_context = str(folder)
    environment.docker.base_image_registry.username = "somebody"
    environment.docker.base_image_registry.password = PASSWORD
    environment = environment.register(workspace)
    try:
        before = environment.get_image_details(workspace)
        assert not before.image_exist
        assert before.image is None
        assert images(client, name) == []

        details = environment.build(workspace).wait_for_completion(show_output=False)
        assert details.status == "Succeeded", details.get_log()
        assert "is ready." in details.get_log()
        image = images(client, name)[0]

        after = environment.get_image_details(workspace)
        assert after.image_exist
        assert after.image in image.tags
        assert after.registry is None
        assert after.interpreter_path == "python"
        assert after.dockerfile == text
        assert after["dockerImage"]["digest"] == image.id
        assert PASSWORD not in json.dumps(after) + details.get_log()
    finally:
        for image in images(client, name):
            client.images.remove(image.id, force=True)


def test_a_base_image_used_as_it_is(client: docker.DockerClient, workspace: Workspace) -> None:
    there = Environment.from_docker_image("there", "python-base:1").register(workspace).get_image_details(workspace)
    assert (there.image, there.registry, there.image_exist) == ("python-base:1", None, True)
