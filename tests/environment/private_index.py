"""A package index that wants a name and a password, behind a proxy that wants others. Nothing else leads to it."""

from __future__ import annotations

import base64
import io
import secrets
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

HOST = "index.amltrain.test"


class PrivateIndex:
    """Serves one file each of some packages, inside a ``with`` statement.

    Attributes:
        proxy: address of the proxy, with its credentials.
        passwords: of the proxy and of the users of the index, by their names.
        asked: what was fetched, and by which user.
    """

    def __init__(self, *users: str) -> None:
        self.passwords = {name: f"pw-{name}-{secrets.token_hex(8)}" for name in ("proxyuser", *users)}
        self.asked: list[tuple[str, str]] = []
        self._server = _Server(self)
        self.proxy = f"http://proxyuser:{self.passwords['proxyuser']}@127.0.0.1:{self._server.server_port}"

    def url(self, user: str) -> str:
        """Address of the index with the credentials of a user."""
        return f"http://{user}:{self.passwords[user]}@{HOST}/simple"

    def wheel_url(self, user: str, package: str) -> str:
        """Address of a package's file with the credentials of a user."""
        return f"http://{user}:{self.passwords[user]}@{HOST}/{_wheel_name(package)}"

    def __enter__(self) -> PrivateIndex:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, index: PrivateIndex) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.index = index


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        _, proxy_password = _credentials(self.headers.get("Proxy-Authorization"))
        user, password = _credentials(self.headers.get("Authorization"))
        if proxy_password != self.server.index.passwords["proxyuser"]:
            return self._answer(407, b"", ("Proxy-Authenticate", 'Basic realm="proxy"'))
        if not user or self.server.index.passwords.get(user) != password:
            return self._answer(401, b"", ("WWW-Authenticate", 'Basic realm="index"'))
        path = self.path.removeprefix(f"http://{HOST}")
        self.server.index.asked.append((user, path))
        package = path.strip("/").rpartition("/")[2]
        if path.endswith(".whl"):
            return self._answer(200, _wheel(package.partition("-")[0]))
        if not package.startswith("amltest"):
            return self._answer(404, b"")
        name = _wheel_name(package)
        return self._answer(200, f'<a href="/{name}">{name}</a>'.encode(), ("Content-Type", "text/html"))

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers or (("Content-Type", "application/octet-stream"),):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _credentials(header: str | None) -> tuple[str, str]:
    user, _, password = base64.b64decode((header or "").removeprefix("Basic ")).decode().partition(":")
    return user, password


def _wheel_name(package: str) -> str:
    return f"{package}-1.0-py3-none-any.whl"


def _wheel(package: str) -> bytes:
    content = io.BytesIO()
    info = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{package}.py", "VALUE = 1\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{package}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return content.getvalue()
