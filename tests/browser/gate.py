"""Where a step of a build waits until a test lets it through."""

from __future__ import annotations

import socket


class Gate:
    """A port of this machine that steps connect to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(120)
        port = self._listener.getsockname()[1]
        #: What a step runs in Python to wait.
        self.waiting = f"import socket; socket.create_connection(('127.0.0.1', {port})).recv(1)"

    def open(self) -> None:
        """Let the step through that waits, or the next one that comes."""
        waiting, _ = self._listener.accept()
        waiting.close()

    def close(self) -> None:
        self._listener.close()
