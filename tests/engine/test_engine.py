"""The test engines do what the other tests rely on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, DockerException
from docker.types import DeviceRequest

from engine import parts
from engine.daemon import DockerDaemon
from engine.images import NAMES
from engine.registry import Registry

GPU = DeviceRequest(count=-1, capabilities=[["gpu"]])


@pytest.fixture
def client(docker_host: str) -> Iterator[docker.DockerClient]:
    with closing(docker.DockerClient(base_url=docker_host)) as client:
        yield client


def printed(client: docker.DockerClient, image: str, command: list[str], **arguments: Any) -> bytes:
    """What a container prints, read when it is over: a log that is followed may end too early (Docker 20.10)."""
    container = client.containers.create(image, command, network_mode="none", **arguments)
    try:
        container.start()
        container.wait()
        output: bytes = container.logs()
        return output
    finally:
        container.remove(force=True)


@pytest.mark.parametrize("name", NAMES)
def test_base_image_runs_python_under_every_name(client: docker.DockerClient, name: str) -> None:
    assert printed(client, name, ["python", "-c", "print(6 * 7)"]) == b"42\n"


def test_podman_runs_the_base_image(podman_host: str) -> None:
    with closing(docker.DockerClient(base_url=podman_host)) as client:
        assert printed(client, "python-base:1", ["python", "-c", "print(42)"]) == b"42\n"


def test_registry_takes_and_gives_images_for_the_right_password_only(
    client: docker.DockerClient, registry: Registry
) -> None:
    name = f"{registry.address}/tools/python"
    client.images.get(NAMES[0]).tag(name, "1")
    right = {"username": registry.username, "password": registry.password}
    client.images.push(name, tag="1", auth_config=right)
    client.images.remove(f"{name}:1")
    with pytest.raises(APIError, match="no basic auth credentials|unauthorized"):
        client.images.pull(name, tag="1", auth_config={**right, "password": "wrong"})
    assert f"{name}:1" in client.images.pull(name, tag="1", auth_config=right).tags
    client.images.remove(f"{name}:1")


def test_private_engine_comes_back_after_a_crash(private_engine: Callable[..., DockerDaemon]) -> None:
    daemon = private_engine()
    with daemon.client() as client:
        client.containers.run(
            "python-base:1", ["sleep", "600"], name="lasting", init=True, network_mode="none", detach=True
        )
    daemon.kill()
    with pytest.raises(DockerException), daemon.client() as client:
        client.ping()
    daemon.start()
    with daemon.client() as client:
        assert [container.name for container in client.containers.list(all=True)] == ["lasting"]


def test_gpu_request_is_accepted_with_the_stub_and_refused_without(
    private_engine: Callable[..., DockerDaemon], client: docker.DockerClient
) -> None:
    command = ["python", "-c", "import os; print(os.environ['NVIDIA_VISIBLE_DEVICES'])"]
    with pytest.raises(APIError, match="could not select device driver"):
        printed(client, NAMES[0], command, device_requests=[GPU])
    with private_engine(gpu_stub=True).client() as stubbed:
        assert printed(stubbed, NAMES[0], command, device_requests=[GPU]) == b"all\n"


def test_a_missing_program_is_a_sentence_for_who_is_not_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parts, "SEARCH_PATH", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if path else f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(parts.MissingPart, match="run 'sudo apt-get install .*docker.io iptables' and try again"):
        parts.program("dockerd")
