"""A private image registry on this machine that asks for a name and a password."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from .parts import program

START_S = 30


class Registry:
    """Debian's docker-registry on a free port of 127.0.0.1, running inside a ``with`` statement.

    Engines take addresses of 127.0.0.0/8 without TLS.

    Args:
        folder: its data, settings and log.
        read_only: whether it takes no images.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._read_only = read_only
        self.username = "tester"
        self.password = secrets.token_urlsafe(12)
        self.address = f"127.0.0.1:{_free_port()}"

    def __enter__(self) -> Registry:
        server = program("docker-registry")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "htpasswd").write_text(self._password_file())
        settings = self.folder / "config.yml"
        settings.write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {self.folder / 'data'}}}, "
            f"maintenance: {{readonly: {{enabled: {str(self._read_only).lower()}}}}}}}\n"
            f"http: {{addr: {self.address}, secret: {secrets.token_hex()}}}\n"
            f"auth: {{htpasswd: {{realm: test, path: {self.folder / 'htpasswd'}}}}}\n"
        )
        self._log = (self.folder / "registry.log").open("wb")
        self._process = subprocess.Popen(
            [server, "serve", str(settings)], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _password_file(self) -> str:
        command = [program("htpasswd"), "-niB", self.username]
        return subprocess.run(command, input=self.password, check=True, stdout=subprocess.PIPE, text=True).stdout

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                urllib.request.urlopen(f"http://{self.address}/v2/", timeout=5).close()
            except urllib.error.HTTPError:
                return  # 401: it is there and wants a password
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "registry.log").read_text(errors="replace")
                    raise RuntimeError(f"The test registry does not answer.\n{log[-2000:]}") from error
                time.sleep(0.05)
            else:
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
