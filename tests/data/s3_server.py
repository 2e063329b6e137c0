"""A real S3 server on this machine that counts what is read from it, and can stop in the middle of a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
import s3fs
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

_FIRST_BYTES = 1000


class S3Server:
    """What a test knows of the server.

    Attributes:
        reads: keys of the objects that were read, in order, each as often as it was read.
        held: keys of the objects of which only the first bytes are sent until :attr:`go` is set.
    """

    def __init__(self) -> None:
        self.address = ""
        self.reads: list[str] = []
        self.held: set[str] = set()
        self.go = threading.Event()
        self._app = DomainDispatcherApplication(create_backend_app)

    def files(self) -> Any:
        """The server's files as fsspec sees them, none of them remembered."""
        return s3fs.S3FileSystem(
            endpoint_url=self.address, key="key", secret="secret", use_listings_cache=False, skip_instance_cache=True
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"].strip("/")
        answer = self._app(environ, start_response)
        if environ["REQUEST_METHOD"] != "GET" or path.count("/") == 0:
            return answer  # type: ignore[no-any-return]
        self.reads.append(path)
        return self._slowly(answer) if path in self.held else answer

    def _slowly(self, answer: Iterable[bytes]) -> Iterator[bytes]:
        content = b"".join(answer)
        yield content[:_FIRST_BYTES]
        self.go.wait()
        yield content[_FIRST_BYTES:]


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Serve on loopback while the block runs."""
    served = S3Server()
    server = make_server("127.0.0.1", 0, served, threaded=True)
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    requests.post(f"{served.address}/moto-api/reset", timeout=10).raise_for_status()  # the process has one storage
    try:
        yield served
    finally:
        served.go.set()
        server.shutdown()
        thread.join()
        server.server_close()
