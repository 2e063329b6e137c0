from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from jupyter_amltrain.engines import docker_address, registry
from jupyter_amltrain.engines.docker_address import DockerAddress, find_docker
from jupyter_amltrain.engines.registry import default_engine_name, docker_problem, engine_names, get_engine
from jupyter_amltrain.engines.scripted import ScriptedEngine
from jupyter_amltrain.errors import EngineUnavailableException, NameNotFoundException


@pytest.fixture(autouse=True)
def _nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Docker settings of this machine, and default sockets that lie in the test's folder."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "r"))
    monkeypatch.setattr(docker_address, "_DEFAULT_SOCKET", str(tmp_path / "default.sock"))


@contextmanager
def listening(path: Path, answer: bytes) -> Iterator[None]:
    """Something that gives ``answer`` to whoever connects to a socket."""
    path.parent.mkdir(parents=True, exist_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                if not connection.recv(4096):
                    return
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
            last.connect(str(path))
        thread.join()
        server.close()


OK = b"HTTP/1.0 200 OK\r\nApi-Version: 1.41\r\n\r\nOK"


def write_context(folder: Path, name: str, host: str) -> None:
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


class TestEngines:
    def test_ours_are_there(self) -> None:
        assert {"docker", "local", "scripted"} <= set(engine_names())

    def test_one_object_per_process(self) -> None:
        assert isinstance(get_engine("scripted"), ScriptedEngine)
        assert get_engine("scripted") is get_engine("scripted")

    def test_an_unknown_name_is_told_with_the_nearest(self) -> None:
        with pytest.raises(NameNotFoundException) as caught:
            get_engine("lokal")
        assert caught.value.message == "no engine 'lokal'; did you mean 'local'?"

    def test_another_package_may_announce_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        point = EntryPoint("theirs", "jupyter_amltrain.engines.scripted:ScriptedEngine", registry.GROUP)
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: EntryPoints([point]))
        monkeypatch.setattr(registry, "_instances", {})
        assert "theirs" in engine_names()
        assert isinstance(get_engine("theirs"), ScriptedEngine)

    def test_looking_for_an_engine_does_not_load_docker_py(self) -> None:
        code = "import sys; from jupyter_amltrain.engines.registry import *; default_engine_name(); get_engine('local')"
        code += "; sys.exit('docker' in sys.modules or 'requests' in sys.modules)"
        root = Path(__file__).parents[2]
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(root)})


class TestDefaultEngine:
    def test_as_the_user_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AMLTRAIN_ENGINE", "scripted")
        assert default_engine_name() == "scripted"

    def test_a_misspelt_setting_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AMLTRAIN_ENGINE", "dokcer")
        with pytest.raises(NameNotFoundException, match="AMLTRAIN_ENGINE"):
            default_engine_name()

    def test_local_where_nothing_answers(self, tmp_path: Path) -> None:
        assert default_engine_name() == "local"
        assert str(tmp_path / "default.sock") in docker_problem()

    def test_docker_where_it_answers(self, docker_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", docker_host)
        assert default_engine_name() == "docker"
        assert docker_problem() == ""

    def test_local_where_something_else_answers(self, tmp_path: Path) -> None:
        with listening(tmp_path / "default.sock", b"SSH-2.0-OpenSSH\r\n"):
            assert default_engine_name() == "local"
            assert "is not a Docker engine" in docker_problem()


class TestAddress:
    def test_docker_host_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_context(tmp_path / "docker-config", "far", "tcp://far:2375")
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
        monkeypatch.setenv("DOCKER_HOST", "unix:///somewhere.sock")
        assert find_docker() == DockerAddress("unix:///somewhere.sock", "DOCKER_HOST")

    def test_context_by_variable_and_by_config_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = tmp_path / "docker-config"
        write_context(config, "far", "tcp://far:2375")
        write_context(config, "near", "unix:///near.sock")
        (config / "config.json").write_text('{"currentContext": "near"}')
        assert find_docker().url == "unix:///near.sock"
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
        assert find_docker() == DockerAddress("tcp://far:2375", "docker context 'far'")

    def test_context_with_certificates(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = tmp_path / "docker-config"
        write_context(config, "far", "tcp://far:2376")
        tls = config / "contexts" / "tls" / hashlib.sha256(b"far").hexdigest() / "docker"
        tls.mkdir(parents=True)
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
        assert find_docker().tls_folder == str(tls)

    def test_context_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_CONTEXT", "gone")
        with pytest.raises(EngineUnavailableException, match="context 'gone' does not exist"):
            find_docker()
        assert default_engine_name() == "local"

    def test_podman_where_the_default_socket_is_dead(self, tmp_path: Path) -> None:
        dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        dead.bind(str(tmp_path / "default.sock"))
        dead.close()
        podman = tmp_path / "r" / "podman" / "podman.sock"
        with listening(podman, OK):
            assert find_docker() == DockerAddress(f"unix://{podman}", "Podman's user socket")
            assert default_engine_name() == "docker"

    def test_nobody_there_is_the_default_socket(self, tmp_path: Path) -> None:
        assert find_docker().url == f"unix://{tmp_path / 'default.sock'}"

    def test_a_tcp_address_that_refuses(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        problem = DockerAddress(f"tcp://127.0.0.1:{port}", "DOCKER_HOST").problem()
        assert problem == f"No Docker engine answers at tcp://127.0.0.1:{port} (DOCKER_HOST): nothing listens there."

    def test_a_socket_without_permission_says_what_to_do(self) -> None:
        error = PermissionError(13, "Permission denied")
        said = DockerAddress("unix:///var/run/docker.sock", "the default socket").refusal(error)
        assert said.startswith("There is a Docker socket at /var/run/docker.sock, but you may not use it: ")
