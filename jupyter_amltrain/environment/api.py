"""The engine's HTTP API as this folder uses it: plain JSON calls, and JSON streams that can be given up at any time."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from ..errors import CanceledException, EngineUnavailableException

if TYPE_CHECKING:
    from docker import DockerClient

LOOK_S = 0.1
"""How often a stream asks whether the user gave up."""


class EngineApi:
    """Raw calls on a docker-py client, which brings the connection, TLS and the API version.

    Errors of the engine come back as status codes with a message, not as docker-py's exceptions.

    Args:
        credentials: the credentials that the client's own configuration has for a registry.
    """

    def __init__(
        self, client: DockerClient, credentials: Callable[[str], dict[str, Any] | None] = lambda registry: None
    ) -> None:
        self._api: Any = client.api
        self.credentials = credentials

    @property
    def address(self) -> str:
        """Where the engine is, for messages."""
        return str(self._api.base_url).replace("http+docker://localhost", "the local socket")

    @property
    def docker_host(self) -> str:
        """Where the engine is, as ``DOCKER_HOST`` says it."""
        adapter: Any = getattr(self._api, "_custom_adapter", None)
        if hasattr(adapter, "socket_path"):
            return f"unix://{adapter.socket_path}"
        if hasattr(adapter, "ssh_host"):
            return f"ssh://{adapter.ssh_host}"
        return f"tcp://{str(self._api.base_url).partition('://')[2]}"

    @property
    def certificates(self) -> str:
        """Folder of the certificates that the connection uses, "" for none."""
        files = [*(self._api.cert or ()), self._api.verify]
        return next((os.path.dirname(file) for file in files if isinstance(file, str)), "")

    @property
    def is_here(self) -> bool:
        """Whether it is reached through a socket of this machine."""
        return str(self._api.base_url).startswith("http+docker://")

    def get(self, path: str, *names: str, timeout_s: float = 60, **options: Any) -> tuple[int, Any]:
        """Status code and JSON answer of a GET; ``names`` fill the placeholders of ``path``, quoted."""
        response = self._call(self._api.get, path, *names, timeout=timeout_s, **options)
        return response.status_code, _json(response)

    def get_bytes(self, path: str, *names: str, **options: Any) -> tuple[int, bytes]:
        """Status code and raw answer of a GET."""
        response = self._call(self._api.get, path, *names, timeout=60, **options)
        return response.status_code, response.content

    def head(self, path: str, *names: str, **options: Any) -> tuple[int, Mapping[str, str]]:
        """Status code and headers of a HEAD."""
        response = self._call(self._api.head, path, *names, timeout=60, **options)
        return response.status_code, response.headers

    def post(self, path: str, *names: str, **options: Any) -> tuple[int, Any]:
        """Status code and JSON answer of a POST."""
        response = self._call(self._api.post, path, *names, timeout=60, **options)
        return response.status_code, _json(response)

    def delete(self, path: str, *names: str, **options: Any) -> int:
        """Status code of a DELETE."""
        status: int = self._call(self._api.delete, path, *names, timeout=60, **options).status_code
        return status

    def remove(self, path: str, *names: str, **options: Any) -> tuple[int, str]:
        """Status code of a DELETE, and what the engine says when it refuses."""
        response = self._call(self._api.delete, path, *names, timeout=600, **options)
        return response.status_code, _message(response) if response.status_code >= 400 else ""

    def text(self, path: str, *names: str, **options: Any) -> str:
        """The answer of a GET as text."""
        response = self._call(self._api.get, path, *names, timeout=60, **options)
        return str(response.content.decode("utf-8", "replace"))

    def inspect_image(self, reference: str) -> dict[str, Any] | None:
        """What the engine knows of an image, None when it does not have it."""
        status, found = self.get("/images/{0}/json", reference)
        return found if status == 200 else None

    def find_images(self, label: str) -> list[str]:
        """The ids of the images with this ``name=value`` label."""
        return [str(image["Id"]) for image in self.list_images(label)]

    def list_images(self, label: str) -> list[dict[str, Any]]:
        """The images with this ``name=value`` label, as the engine lists them: id, names, labels, when it was made."""
        status, found = self.get("/images/json", params={"filters": json.dumps({"label": [label]})})
        return list(found or ()) if status == 200 else []

    def tag(self, image_id: str, reference: str) -> None:
        """Give an image one more name."""
        repository, _, tag = reference.rpartition(":")
        self.post("/images/{0}/tag", image_id, params={"repo": repository, "tag": tag})

    def stream(
        self,
        path: str,
        *,
        params: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        body: IO[bytes] | None = None,
        canceled: Callable[[], bool],
    ) -> Generator[dict[str, Any], None, None]:
        """The JSON objects that a POST answers with, as they come; an error status is one object with ``error``.

        The connection is closed when the iterator is, which makes the engine give up the work.

        Raises:
            CanceledException: ``canceled`` said so.
        """
        reader = _Reader(self._api, self._api._url(path), dict(params), dict(headers or {}), body)
        try:
            looked = 0.0
            while True:
                now = time.monotonic()
                if now - looked >= LOOK_S:
                    looked = now
                    if canceled():
                        raise CanceledException("Canceled while the image was being prepared.")
                try:
                    item = reader.items.get(timeout=LOOK_S)
                except queue.Empty:
                    continue
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise self._unavailable(item) from item
                yield item
        finally:
            reader.close()

    def _call(self, method: Callable[..., Any], path: str, *names: str, **options: Any) -> Any:
        import requests

        try:
            return method(self._api._url(path, *names), **options)
        except requests.exceptions.RequestException as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> EngineUnavailableException:
        return EngineUnavailableException(
            f"The Docker engine at {self.address} does not answer ({error}). Check that it runs"
            " (`docker info`) and that DOCKER_HOST points to it.",
            inner_exception=error,
        )


class _Reader:
    """Reads a streamed answer in a thread of its own, so that giving up never waits for the engine."""

    def __init__(
        self, api: Any, url: str, params: dict[str, str], headers: dict[str, str], body: IO[bytes] | None
    ) -> None:
        self.items: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue()
        self._closed = threading.Event()
        self._response: Any = None
        self._api = api
        threading.Thread(
            target=self._read, args=(url, params, headers, body), name="amltrain-engine-stream", daemon=True
        ).start()

    def _read(self, url: str, params: dict[str, str], headers: dict[str, str], body: IO[bytes] | None) -> None:
        import requests

        try:
            response = self._api.post(url, params=params, headers=headers, data=body, stream=True, timeout=None)
            self._response = response
            if self._closed.is_set():
                self.close()
            elif response.status_code >= 400:
                self.items.put({"error": _message(response), "status": response.status_code})
            else:
                for item in _objects(response.iter_content(chunk_size=None)):
                    self.items.put(item)
            self.items.put(None)
        except (requests.exceptions.RequestException, OSError, ValueError, AttributeError) as error:
            # Closing from the other side shows up here as any of these; then nobody reads any more.
            self.items.put(error)
        finally:
            if self._response is not None:
                self._response.close()

    def close(self) -> None:
        """Close the connection, even while the thread reads from it."""
        self._closed.set()
        response = self._response
        if response is None:
            return
        with contextlib.suppress(OSError, AttributeError):
            connection = self._api._get_raw_response_socket(response)
            getattr(connection, "_sock", connection).shutdown(socket.SHUT_RDWR)


def _objects(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)


def _json(response: Any) -> Any:
    try:
        return response.json()
    except ValueError:
        return {"message": response.text.strip()} if response.text else None


def _message(response: Any) -> str:
    answer = _json(response)
    return str(answer.get("message", answer)) if isinstance(answer, dict) else str(answer)


def auth_header(credentials: Mapping[str, Any]) -> str:
    """Credentials as the engine takes them in ``X-Registry-Auth``."""
    return base64.urlsafe_b64encode(json.dumps(dict(credentials)).encode()).decode()
