"""The connection to a Docker engine: which engine it reaches, and with which certificates."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.daemon import DockerDaemon
from jupyter_amltrain.engines.connection import Connection
from jupyter_amltrain.engines.docker import DockerEngine
from jupyter_amltrain.errors import EngineUnavailableException


def make_context(config: Path, url: str) -> Path:
    """A docker context in use, of that URL; the folder for its certificates."""
    key = hashlib.sha256(b"safe").hexdigest()
    meta, tls = config / "contexts/meta" / key, config / "contexts/tls" / key / "docker"
    meta.mkdir(parents=True)
    tls.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": "safe", "Endpoints": {"docker": {"Host": url}}}))
    (config / "config.json").write_text('{"currentContext": "safe"}')
    return tls


def make_certificate(folder: Path) -> None:
    """One self-signed certificate for the authority, the engine and its user."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=engine"]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )
    shutil.copy(folder / "cert.pem", folder / "ca.pem")


def test_the_certificates_of_a_docker_context_are_used(
    private_engine: Callable[..., DockerDaemon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    tls = make_context(tmp_path / "config", url)
    make_certificate(tls)
    files = (f"--tls{name}={tls / file}.pem" for name, file in (("cacert", "ca"), ("cert", "cert"), ("key", "key")))
    private_engine(f"--host={url}", "--tlsverify", *files)
    for name in ("DOCKER_HOST", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    with Connection().docker() as docker:
        assert docker.ping()
    make_certificate(tls)  # which the engine does not know
    with pytest.raises(EngineUnavailableException, match="each other's certificates"), Connection().docker() as docker:
        docker.ping()


def test_a_job_is_looked_for_where_it_was_started(
    docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = {"container": "amltrain-no-such", "engine_url": docker_host}
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/elsewhere.sock")
    ended = DockerEngine().poll(handle)
    assert ended is not None
    assert ended.infrastructure
    with pytest.raises(EngineUnavailableException):
        DockerEngine().poll({"container": "amltrain-no-such"})
