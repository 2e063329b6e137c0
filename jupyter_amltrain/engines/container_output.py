"""The output of containers: attached while they start, and read again by whoever comes later.

It is taken by *attach*, opened before the start, which loses nothing and is several times faster than the log API; the
log API serves readers that come later. The log driver is one that gives back every byte (``local``; Podman's
``k8s-file``), because a reader that resumes counts bytes.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from .connection import Api, Connection
from .frames import demultiplex, demultiplex_log
from .protocol import Chunk, Handle, Mark

_REREAD_EVERY_S = 0.1


class ContainerOutput:
    """Output of the containers that an engine starts here, or that were started elsewhere.

    Args:
        is_over: whether a job has ended.
    """

    def __init__(self, connection: Connection, is_over: Callable[[Handle], bool]) -> None:
        self._connection = connection
        self._is_over = is_over
        self._attached: dict[str, socket.SocketIO] = {}

    def attach(self, client: Api, container: str) -> None:
        """Take everything that a container writes from now on, for the first :meth:`stream` of it."""
        self._attached[container] = client.attach_socket(container, params={"stdout": 1, "stderr": 1, "stream": 1})

    def drop(self, container: str) -> None:
        """Give up what was attached to a container, if nobody has it yet."""
        attached = self._attached.pop(container, None)
        if attached is not None:
            _hang_up(attached)

    def stream(self, handle: Handle, after: Mark | None = None) -> Iterator[Chunk]:
        """See :meth:`Engine.stream`."""
        taken = {name: (after or {}).get(f"0/{name}", 0) for name in ("stdout", "stderr")}
        attached = self._attached.pop(handle["container"], None)
        if attached is not None:
            if not any(taken.values()):
                yield from _rest(demultiplex(_received(attached)), taken)
                return
            _hang_up(attached)
        with self._connection.client(handle.get("engine_url")) as client:
            podman = self._connection.facts(client, handle.get("engine_url")).kind == "podman"
        if podman:
            yield from self._reread(handle, taken)
        else:
            yield from _rest(self._logged(handle, follow=True), taken)
            # Following ends with the container, not with its log (Docker 20.10): read what is left.
            yield from _rest(self._logged(handle, follow=False), taken)

    def _reread(self, handle: Handle, taken: dict[str, int]) -> Iterator[Chunk]:
        """For Podman, whose following leaves out lines of a busy job and ends before the log does (seen on 4.3).

        The whole log is read again and again. The last line may be one that is being written and reads as if it were
        shorter, so it counts only when the log did not grow since the look before.
        """
        size_before = -1
        while True:
            over = self._is_over(handle)
            begun = time.monotonic()
            whole = {name: bytearray() for name in taken}
            for name, data in self._logged(handle, follow=False):
                whole[name] += data
            size = sum(map(len, whole.values()))
            for name, log in whole.items():
                sure = len(log) if over or size == size_before else log.rfind(b"\n", 0, -1) + 1
                if sure > taken[name]:
                    yield Chunk(0, name, bytes(log[taken[name] : sure]))
                    taken[name] = sure
            if over:
                return
            size_before = size
            time.sleep(max(_REREAD_EVERY_S, 3 * (time.monotonic() - begun)))

    def _logged(self, handle: Handle, *, follow: bool) -> Iterator[tuple[str, bytes]]:
        url = handle.get("engine_url")
        with self._connection.client(url, timeout_s=None) as client:
            docker = self._connection.facts(client, url).kind == "docker"
            with client._get(
                client._url("/containers/{0}/logs", handle["container"]),
                params={"stdout": 1, "stderr": 1, "follow": int(follow), "tail": "all", "details": int(docker)},
                stream=True,
            ) as response:
                if response.status_code == 404:  # the container is gone: the caller polls
                    return
                client._raise_for_status(response)
                blocks = response.raw.stream(1 << 16, decode_content=False)
                try:
                    yield from demultiplex_log(blocks) if docker else demultiplex(blocks)
                except OSError:
                    return  # the engine went away: the caller polls


def _rest(frames: Iterator[tuple[str, bytes]], taken: dict[str, int]) -> Iterator[Chunk]:
    """What of an output read from its start is beyond ``taken``, which grows with it."""
    read = dict.fromkeys(taken, 0)
    for name, data in frames:
        fresh = data[max(0, taken[name] - read[name]) :]
        read[name] += len(data)
        if fresh:
            taken[name] += len(fresh)
            yield Chunk(0, name, fresh)


def _hang_up(stream: socket.SocketIO) -> None:
    """Close an attached stream and the connection under it, which docker-py leaves to the garbage collector."""
    connection: Any = getattr(stream, "_sock", stream)
    stream.close()
    connection.close()


def _received(stream: socket.SocketIO) -> Iterator[bytes]:
    """What arrives on an attached stream, as much at a time as is there."""
    connection: Any = getattr(stream, "_sock", stream)
    connection.settimeout(None)
    receive: Callable[[int], bytes] = connection.recv
    try:
        while data := receive(1 << 20):
            yield data
    except OSError:
        return  # the engine went away: the caller polls
    finally:
        _hang_up(stream)
