"""A company's network in small: a proxy with a password, and behind it a TLS server that its own CA vouches for.

Nothing in it can be had any other way: the names resolve nowhere, and nobody else trusts the certificate.
"""

from __future__ import annotations

import base64
import io
import secrets
import socket
import ssl
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from .parts import program

FILES = "files.company.test"
INDEX = "pypi.company.test"
HELLO = "hello from the intranet"
SIX = "99.1"
"""The version of six that only this company's index has."""


class CompanyNetwork:
    """Servers on free ports of 127.0.0.1, running inside a ``with`` statement.

    Attributes:
        proxy: its address with name and password.
        password: of the proxy.
        index: address of the package index.
        certificates: file with the company's CA and no other.
        asked: the hosts that the proxy was asked for.
        pages: what else the server has, by path.
    """

    def __init__(self, folder: Path) -> None:
        self.certificates = folder / "company-ca.pem"
        self.password = secrets.token_hex(12)
        self.index = f"https://{INDEX}/simple/"
        self.asked: list[str] = []
        self.pages: dict[str, bytes] = {}
        _make_certificates(folder, self.certificates)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._server = _Server(self)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._proxy = _Proxy(self)

    @property
    def proxy(self) -> str:
        """Address with name and password."""
        return f"http://ada:{self.password}@{self.proxy_place}"

    @property
    def proxy_place(self) -> str:
        """Host and port of the proxy."""
        return f"127.0.0.1:{self._proxy.server_port}"

    @property
    def server_port(self) -> int:
        """Port of the TLS server."""
        return self._server.server_port

    def __enter__(self) -> CompanyNetwork:
        for server in (self._server, self._proxy):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in (self._proxy, self._server):
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, network: CompanyNetwork) -> None:
        super().__init__(("127.0.0.1", 0), _Intranet)
        self.network = network


class _Intranet(BaseHTTPRequestHandler):
    """One file, an index with one package, and what a test has put there."""

    server: _Server

    def do_GET(self) -> None:
        wheel = f"six-{SIX}-py2.py3-none-any.whl"
        pages = {
            "/hello.txt": HELLO.encode(),
            "/simple/six/": f'<a href="/{wheel}">{wheel}</a>'.encode(),
            f"/{wheel}": _wheel(),
            **self.server.network.pages,
        }
        body = pages.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/octet-stream")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body or b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, network: CompanyNetwork) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.network = network


class _Tunnel(BaseHTTPRequestHandler):
    """CONNECT to a host of the company, for whom has the password."""

    server: _Proxy

    def do_CONNECT(self) -> None:
        network = self.server.network
        host = self.path.partition(":")[0]
        wanted = base64.b64encode(f"ada:{network.password}".encode()).decode()
        if self.headers.get("Proxy-Authorization") != f"Basic {wanted}":
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="company"')
            self.end_headers()
            return
        network.asked.append(host)
        if host not in (FILES, INDEX):
            self.send_error(502)
            return
        with socket.create_connection(("127.0.0.1", network.server_port)) as inside:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.wfile.flush()
            back = threading.Thread(target=_pass_on, args=(inside, self.connection), daemon=True)
            back.start()
            _pass_on(self.connection, inside)
            back.join()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one side has gone
        return


def _wheel() -> bytes:
    content = io.BytesIO()
    info = f"six-{SIX}.dist-info"
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("six.py", f'__version__ = "{SIX}"\n')
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: six\nVersion: {SIX}\n")
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", f"six.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return content.getvalue()


def _make_certificates(folder: Path, certificates: Path) -> None:
    """The company's CA, and a certificate that it signed for the server's names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = f"subjectAltName=DNS:{FILES},DNS:{INDEX}"
    (folder / "names").write_text(names)
    openssl = program("openssl")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for command in (
        ["req", "-x509", *key, "-subj", "/CN=Company CA", "-addext", "keyUsage=critical,keyCertSign"]
        + ["-keyout", str(folder / "ca.key"), "-out", str(certificates)],
        ["req", *key[:-2], "-subj", f"/CN={FILES}", "-keyout", str(folder / "server.key"), "-out", str(folder / "csr")],
        ["x509", "-req", "-in", str(folder / "csr"), "-CA", str(certificates), "-CAkey", str(folder / "ca.key")]
        + ["-CAcreateserial", "-days", "2", "-extfile", str(folder / "names"), "-out", str(folder / "server.pem")],
    ):
        subprocess.run([openssl, *command], check=True, capture_output=True)
