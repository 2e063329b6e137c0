"""The engine's multiplexed output: frames of an 8-byte head (stream number, length) and their data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_STREAMS = {0: "stdout", 1: "stdout", 2: "stderr"}


def demultiplex(blocks: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Frames of any chunking → (stream name, data) with neighbours of one stream joined.

    What is complete is passed on with each block; nothing waits for the end of a frame.
    """
    rest = b""
    missing, name = 0, "stdout"
    for block in blocks:
        data = rest + block if rest else block
        at, end = 0, len(data)
        joined: list[bytes] = []
        while at < end:
            if missing:
                piece = data[at : at + missing]
                joined.append(piece)
                missing -= len(piece)
                at += len(piece)
                continue
            if end - at < 8:
                break
            following = _STREAMS[data[at]]
            if following != name and joined:
                yield name, b"".join(joined)
                joined = []
            name = following
            missing = int.from_bytes(data[at + 4 : at + 8], "big")
            at += 8
        rest = data[at:]
        if joined:
            yield name, b"".join(joined)
