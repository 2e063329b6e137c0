"""Where the Docker engine is and whether it answers, found out in milliseconds and without docker-py."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .socket_permission import SocketAccess, explain_access

_DEFAULT_SOCKET = "/var/run/docker.sock"
_ANSWER_WITHIN_S = 1.0


@dataclass(frozen=True)
class DockerAddress:
    """One place where a Docker engine may listen.

    Attributes:
        url: as in ``DOCKER_HOST``.
        origin: where we have it from, in words.
        tls_folder: folder with ``ca.pem``, ``cert.pem`` and ``key.pem``, or "".
    """

    url: str
    origin: str
    tls_folder: str = ""

    def problem(self) -> str:
        """Why no engine can be used there, as a sentence; empty when one answers.

        ``ssh:`` and ``npipe:`` addresses cannot be asked cheaply and count as answering.
        """
        parts = urlsplit(self.url)
        if parts.scheme in ("ssh", "npipe"):
            return ""
        if parts.scheme not in ("unix", "tcp", "http", "https"):
            return (
                f"{self.url!r} ({self.origin}) is not the address of a Docker engine; it is like"
                " unix:///var/run/docker.sock or tcp://host:2375."
            )
        try:
            with _connected(self.url) as connection:
                if self.tls_folder or parts.scheme == "https" or parts.port == 2376:
                    return ""  # somebody listens; the certificate is docker-py's business
                connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
                answer = connection.recv(4096)
        except OSError as error:
            return self.refusal(error)
        if answer.split(b" ", 2)[1:2] == [b"200"]:
            return ""
        if b"HTTPS server" in answer:
            return (
                f"The Docker engine at {self.url} ({self.origin}) wants TLS: set DOCKER_TLS_VERIFY=1, and"
                " DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem."
            )
        return f"What listens at {self.url} ({self.origin}) is not a Docker engine."

    def refusal(self, error: OSError) -> str:
        """What to tell the user about an error while connecting."""
        if error.errno in (errno.EACCES, errno.EPERM):
            return explain_access(SocketAccess.of(self.url.removeprefix("unix://")))
        if isinstance(error, TimeoutError):
            why = f"it takes the call and says nothing for {_ANSWER_WITHIN_S:.0f} s"
        elif isinstance(error, FileNotFoundError):
            why = "there is no such socket"
        elif isinstance(error, ConnectionRefusedError):
            why = "nothing listens there"
        else:
            why = error.strerror or str(error)
        return f"No Docker engine answers at {self.url} ({self.origin}): {why}."


def find_docker() -> DockerAddress:
    """The engine that the user configured, else the first default socket that answers, else the first there is.

    Raises:
        EngineUnavailableException: the configured docker context does not exist.
    """
    configured = _configured_address()
    if configured is not None:
        return configured
    there = [address for address in _default_addresses() if os.path.exists(urlsplit(address.url).path)]
    for address in there:
        if not address.problem():
            return address
    return there[0] if there else DockerAddress(f"unix://{_DEFAULT_SOCKET}", "the default socket")


def docker_url() -> str:
    """The URL of the Docker engine to use, as :func:`find_docker` finds it."""
    return find_docker().url


def _configured_address() -> DockerAddress | None:
    """What ``DOCKER_HOST`` or the current docker context says, in the order of the docker command."""
    host = os.environ.get("DOCKER_HOST", "")
    if host:
        tls = os.environ.get("DOCKER_CERT_PATH", "") if os.environ.get("DOCKER_TLS_VERIFY") else ""
        return DockerAddress(host, "DOCKER_HOST", tls)
    context = os.environ.get("DOCKER_CONTEXT") or _read_json(_config_folder() / "config.json").get("currentContext")
    if not context or context == "default":
        return None
    key = hashlib.sha256(str(context).encode()).hexdigest()
    endpoints = _read_json(_config_folder() / "contexts" / "meta" / key / "meta.json").get("Endpoints", {})
    url = endpoints.get("docker", {}).get("Host", "")
    if not url:
        from ..errors import EngineUnavailableException

        raise EngineUnavailableException(
            f"The docker context '{context}' does not exist. Choose another (docker context use default) or set "
            "DOCKER_HOST."
        )
    tls_folder = _config_folder() / "contexts" / "tls" / key / "docker"
    return DockerAddress(url, f"docker context '{context}'", str(tls_folder) if tls_folder.is_dir() else "")


def _default_addresses() -> Iterator[DockerAddress]:
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    yield DockerAddress(f"unix://{_DEFAULT_SOCKET}", "the default socket")
    yield DockerAddress(f"unix://{runtime}/docker.sock", "the socket of rootless Docker")
    yield DockerAddress(f"unix://{Path.home()}/.docker/run/docker.sock", "the socket of Docker Desktop")
    yield DockerAddress(f"unix://{runtime}/podman/podman.sock", "Podman's user socket")
    if os.getuid() == 0:
        yield DockerAddress("unix:///run/podman/podman.sock", "Podman's socket")


def _config_folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return socket.create_connection((parts.hostname or "localhost", parts.port or 2375), _ANSWER_WITHIN_S)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_ANSWER_WITHIN_S)
    try:
        connection.connect(parts.path)
    except OSError:
        connection.close()
        raise
    return connection
