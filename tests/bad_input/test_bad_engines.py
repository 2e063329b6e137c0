"""Engines that are not there, say nothing, may not be used, or have no GPU: told at submit, in a second or two."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.daemon import DockerDaemon
from jupyter_amltrain.compute.amlcompute import AmlCompute
from jupyter_amltrain.compute.target import ComputeTarget
from jupyter_amltrain.engines.registry import default_engine_name
from jupyter_amltrain.errors import EngineUnavailableException, GpuUnavailableException, UserErrorException

from .conftest import AS_ANYBODY, NOBODY, Place, python

SUBMIT = """
import sys
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import AzureMLException
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.submission.config import ScriptRunConfig
from jupyter_amltrain.workspace import Workspace
try:
    workspace = Workspace.get("bad-input")
    environment = Environment.from_docker_image("base", "python-base:1")
    config = ScriptRunConfig({source!r}, "train.py", environment=environment, compute_target={target!r})
    Experiment(workspace, {name!r}).submit(config)
except AzureMLException as error:
    print(type(error).__name__, error.message)
"""


@pytest.fixture
def on_docker(place: Place) -> str:
    """A target that is Docker's, whatever answers."""
    ComputeTarget.create(
        place.workspace, "on-docker", AmlCompute.provisioning_configuration(max_nodes=1, engine="docker")
    )
    return "on-docker"


@pytest.fixture
def mute(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket that takes calls and says nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "mute.sock"))
        listener.listen()
        yield listener


def check_both_ways(place: Place, on_docker: str, *words: str) -> None:
    """On a target of Docker's the engine is missing; on others it is said beside what the local engine cannot do."""
    with place.refuses(*words, "set DOCKER_HOST to an engine that answers", kind=EngineUnavailableException):
        place.submit(compute_target=on_docker)
    with place.refuses(*words, "the local engine cannot run images", kind=UserErrorException):
        place.submit()


def test_engines_that_do_not_answer(
    place: Place, on_docker: str, mute: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "left.sock"))
    left.close()
    for url, words in {
        f"unix://{tmp_path}/none.sock": "there is no such socket",
        f"unix://{tmp_path}/left.sock": "nothing listens there",
        f"unix://{mute.getsockname()}": "it takes the call and says nothing for 1 s",
        "tcp://127.0.0.1:9": "nothing listens there",
        "here": "'here' (DOCKER_HOST) is not the address of a Docker engine; it is like unix:///",
    }.items():
        monkeypatch.setenv("DOCKER_HOST", url)
        check_both_ways(place, on_docker, words, url)


def test_something_else_listens(
    place: Place, on_docker: str, mute: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greet() -> None:
        for _ in range(3):  # one submit asks once, the other twice: which engine to take, and why it cannot be Docker
            connection = mute.accept()[0]
            connection.recv(100)
            connection.sendall(b"220 mail.example.com ESMTP\r\n")
            connection.close()

    server = threading.Thread(target=greet)
    server.start()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{mute.getsockname()}")
    check_both_ways(place, on_docker, "is not a Docker engine")
    server.join()


def test_a_socket_that_one_may_not_use(place: Place, on_docker: str, mute: socket.socket) -> None:
    os.chown(mute.getsockname(), NOBODY, NOBODY)
    os.chmod(mute.getsockname(), 0o600)
    before = place.traces()
    for target, kind in ((on_docker, "EngineUnavailableException"), ("local", "UserErrorException")):
        code = SUBMIT.format(source=str(place.source), target=target, name=place.name)
        said, wrong = python(code, *AS_ANYBODY, DOCKER_HOST=f"unix://{mute.getsockname()}", AMLTRAIN_HOME=place.home)
        assert wrong == ""
        assert said.startswith(kind)
        assert "you may not use it" in said
        assert "group docker" in said
    assert place.traces() == before


def test_an_engine_that_does_not_exist(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_ENGINE", "dcoker")
    with place.refuses("no engine 'dcoker'; did you mean 'docker'? AMLTRAIN_ENGINE says so."):
        place.submit()
    with pytest.raises(UserErrorException):
        default_engine_name()


def test_a_gpu_where_there_is_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ComputeTarget.create(place.workspace, "gpu", AmlCompute.provisioning_configuration("STANDARD_NC6", max_nodes=1))
    with place.refuses("install nvidia-container-toolkit", "AMLTRAIN_GPU=prefer", kind=GpuUnavailableException):
        place.submit(compute_target="gpu")
    monkeypatch.setenv("AMLTRAIN_GPU", "yes")
    with place.refuses("AMLTRAIN_GPU cannot be 'yes'"):
        place.submit(compute_target="gpu")
    monkeypatch.setenv("AMLTRAIN_GPU", "prefer")
    run = place.submit(compute_target="gpu")
    assert run.wait_for_completion()["status"] == "Completed"
    assert any("No GPU can be given" in warning["message"] for warning in run.get_details()["warnings"])


def test_a_gpu_where_there_is_one(
    place: Place, private_engine: Callable[..., DockerDaemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", private_engine(gpu_stub=True).url)
    ComputeTarget.create(place.workspace, "gpu", AmlCompute.provisioning_configuration("STANDARD_NC6", max_nodes=1))
    (place.source / "train.py").write_text("import os\nprint('gpus:', os.environ.get('NVIDIA_VISIBLE_DEVICES'))\n")
    run = place.submit(compute_target="gpu")
    run.wait_for_completion()
    log = place.workspace.run_folder(run.id) / "azureml-logs/70_driver_log.txt"
    assert log.read_text().strip() in ("gpus: 0", "gpus: all")
