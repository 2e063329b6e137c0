"""A pull from the real registry, over a connection that breaks."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import threading
import uuid
from collections.abc import Iterator

import docker
import pytest

from engine.preparation import BuildLog
from engine.registry import Registry
from jupyter_amltrain.environment.image import prepare_image
from jupyter_amltrain.environment.spec import Environment

LAYER_BYTES = 3_000_000
BLOCK_BYTES = 1 << 16


class BreakingLine:
    """A port of this machine that leads to another one; it hangs up on everybody until it is mended."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._to = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.mended = False
        self.broke = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            if not self.mended:
                self.broke += 1
                caller.recv(BLOCK_BYTES)
                caller.close()
                continue
            other = socket.create_connection(self._to)
            for source, target in ((caller, other), (other, caller)):
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(BLOCK_BYTES):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._listener.close()


class Mending(BuildLog):
    """A Preparation that has the line mended once a second try is announced."""

    def __init__(self, line: BreakingLine) -> None:
        super().__init__()
        self._line = line

    def write(self, data: bytes) -> None:
        super().write(data)
        self._line.mended = "trying again" in self.text


@pytest.fixture
def line(registry: Registry) -> Iterator[BreakingLine]:
    made = BreakingLine(registry.address)
    yield made
    made.close()


def test_a_pull_goes_on_when_the_network_fails_for_a_moment(
    docker_host: str, registry: Registry, line: BreakingLine
) -> None:
    client = docker.DockerClient(base_url=docker_host)
    name = f"team/{uuid.uuid4().hex[:8]}"
    pushed, pulled = f"{registry.address}/{name}:1", f"{line.address}/{name}:1"
    try:
        client.images.build(fileobj=_three_layers(), custom_context=True, tag=pushed)
        answer = client.images.push(pushed, auth_config={"username": registry.username, "password": registry.password})
        assert "error" not in answer
        client.images.remove(pushed)

        environment = Environment("flaky")
        environment.docker.base_image = pulled
        environment.python.user_managed_dependencies = True
        environment.docker.base_image_registry.address = line.address
        environment.docker.base_image_registry.username = registry.username
        environment.docker.base_image_registry.password = registry.password
        log = Mending(line)
        image = prepare_image(client, environment._to_spec(), log, environment._secrets())
    finally:
        for image_found in client.images.list(filters={"reference": f"*/{name}"}):
            client.images.remove(image_found.id, force=True)
        client.close()
    assert image.name == pulled
    assert line.broke
    assert f"The network failed while pulling {pulled}; trying again in 1 s." in log.text
    assert registry.password not in log.text
    last = log.steps[-1]
    assert (last.name, last.state, last.detail) == (f"pull {pulled}", "done", "3 of 3 layers")
    assert last.current == last.total > LAYER_BYTES
    assert log.phases[0] == f"pulling {pulled}"


def _three_layers() -> io.BytesIO:
    """A build context whose image has three layers that nothing makes smaller."""
    context = io.BytesIO()
    text = b"FROM scratch\nCOPY 0 /\nCOPY 1 /\nCOPY 2 /\n"
    files = {"Dockerfile": text, **{str(number): os.urandom(LAYER_BYTES) for number in range(3)}}
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    context.seek(0)
    return context
