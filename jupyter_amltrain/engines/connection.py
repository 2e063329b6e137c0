"""The connection to a Docker engine: docker-py's client per thread and process, with what goes wrong in words."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..environment.registry.docker_login import check_docker_config
from ..errors import EngineException, EngineUnavailableException
from .containers import EngineFacts
from .docker_address import DockerAddress, docker_url, find_docker
from .socket_permission import SocketAccess, explain_access

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.tls import TLSConfig

Api = Any
"""docker-py's low-level client, whose type stubs leave out the calls we need."""

_WITHOUT_DOCKER = "Or set DOCKER_HOST to an engine that answers; AMLTRAIN_ENGINE=local runs without containers."


class Connection:
    """Reaches one engine, or whichever is configured at the time of each call. Thread-safe; survives a fork."""

    def __init__(self, url: str | None = None) -> None:
        self._url = url
        self._local = threading.local()
        self._facts: dict[str, EngineFacts] = {}

    def where(self) -> str:
        """The engine's URL, as of now."""
        return self._url or docker_url()

    @contextmanager
    def client(self, url: str | None = None, timeout_s: float | None = 60) -> Iterator[Api]:
        """The low-level client of this thread; see :meth:`docker`."""
        with self.docker(url, timeout_s) as docker:
            yield docker.api

    @contextmanager
    def docker(self, url: str | None = None, timeout_s: float | None = 60) -> Iterator[DockerClient]:
        """This thread's client of the engine at ``url``, else of the one that is configured now.

        Raises:
            EngineUnavailableException: the engine does not answer.
            EngineException: it refused what was asked inside the block.
        """
        import requests
        from docker import errors

        url = url or self.where()
        try:
            yield self._open(url, timeout_s)
        except (requests.ConnectionError, requests.Timeout, ConnectionError) as error:
            raise _unavailable(url, error) from None  # five layers of client code tell the user nothing
        except errors.APIError as error:
            raise EngineException(f"The engine refused: {error.explanation or error}") from error
        except errors.DockerException as error:
            raise _unavailable(url, error) from None

    def _open(self, url: str, timeout_s: float | None) -> DockerClient:
        key = (os.getpid(), url, timeout_s)
        clients = self._local.__dict__.setdefault("clients", {})
        if key not in clients:
            from docker import DockerClient
            from docker.errors import InvalidConfigFile

            # A timeout of None waits for ever, and no certificates are False; the type stubs know neither.
            options: dict[str, Any] = {"timeout": timeout_s, "tls": _tls_of(url) or False}
            version = self._facts[url].api_version if url in self._facts else "auto"
            try:
                clients[key] = DockerClient(base_url=url, version=version, **options)
            except (InvalidConfigFile, ValueError, AttributeError):
                check_docker_config()  # it reads the logins at once, and stumbles over broken ones
                raise
        client: DockerClient = clients[key]
        return client

    def facts(self, client: Api, url: str | None = None) -> EngineFacts:
        """What is known of the engine at ``url``, asked through ``client`` the first time."""
        url = url or self.where()
        if url not in self._facts:
            self._facts[url] = EngineFacts.ask(client)
        return self._facts[url]

    def forget(self) -> None:
        """Ask anew for the facts of the engine that is configured now; it may be another behind the same URL."""
        self._facts.pop(self.where(), None)

    def refuse_silence(self) -> None:
        """Say at once that no engine answers: docker-py would wait a minute for one that takes calls and is stuck.

        Raises:
            EngineUnavailableException: none answers.
        """
        address = find_docker() if self._url is None else DockerAddress(self._url, "the engine's setting")
        problem = address.problem()
        if problem:
            start = "" if "may not use it" in problem else " Start it (or Podman's service)."
            raise EngineUnavailableException(f"{problem}{start} {_WITHOUT_DOCKER}")


def _tls_of(url: str) -> TLSConfig | None:
    """Certificates for an address: those of ``DOCKER_CERT_PATH``, or of the docker context that has the address."""
    from docker.tls import TLSConfig
    from docker.utils import kwargs_from_env

    if os.environ.get("DOCKER_HOST"):
        return kwargs_from_env().get("tls") if os.environ["DOCKER_HOST"] == url else None
    address = find_docker()
    if not address.tls_folder or address.url != url:
        return None
    ca, certificate, key = (Path(address.tls_folder, f"{name}.pem") for name in ("ca", "cert", "key"))
    return TLSConfig(
        client_cert=(str(certificate), str(key)) if certificate.exists() else None,
        ca_cert=str(ca) if ca.exists() else None,
        verify=True,
    )


def _unavailable(url: str, error: Exception) -> EngineUnavailableException:
    path = url.partition("://")[2] if url.startswith("unix://") else ""
    if "Permission denied" in str(error) or "PermissionError" in repr(error):
        return EngineUnavailableException(
            f"{explain_access(SocketAccess.of(path or url))} AMLTRAIN_ENGINE=local runs without containers.",
            inner_exception=error,
        )
    if path and not os.path.exists(path):
        why = f"There is no Docker engine at {path}"
        then = "start Docker (or Podman's service), or set DOCKER_HOST to where it listens"
    elif "SSLError" in str(error) or "SSLError" in repr(error):
        why = f"The Docker engine at {url} and this machine do not take each other's certificates"
        then = (
            "see ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH or of the docker context; where REQUESTS_CA_BUNDLE"
            " or CURL_CA_BUNDLE is set, it is used instead of ca.pem"
        )
    else:
        why = f"The Docker engine at {url} does not answer"
        then = "see whether it runs (docker version), or set DOCKER_HOST to where it listens"
    return EngineUnavailableException(
        f"{why}. What to do: {then}; AMLTRAIN_ENGINE=local runs without containers.", inner_exception=error
    )
