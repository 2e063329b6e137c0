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


_LONGEST_PART = 16384


def demultiplex_log(blocks: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """The same for Docker's log API with ``details``, with the newlines put back that it forgets.

    The engine keeps lines longer than 16 KiB in parts, and its log driver ``local`` gives back the last part without
    the newline (seen on 20.10). ``details`` makes an empty last part visible. What ends a long line without a newline
    at the very end of the output looks the same and gets one, too: that is by far the rarer case.
    """
    rest = b""
    unfinished = {"stdout": False, "stderr": False}
    for block in blocks:
        data = rest + block if rest else block
        at, name = 0, ""
        joined: list[bytes] = []
        while at + 8 <= len(data):
            end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
            if end > len(data):
                break
            following = _STREAMS[data[at]]
            if following != name and joined:
                yield name, b"".join(joined)
                joined = []
            name = following
            text = data[data.index(b" ", at + 8, end) + 1 : end]
            at = end
            joined.append(text)
            whole = text.endswith(b"\n")
            if unfinished[name] and not whole and len(text) < _LONGEST_PART:
                joined.append(b"\n")
            unfinished[name] = not whole and len(text) == _LONGEST_PART
        rest = data[at:]
        if joined:
            yield name, b"".join(joined)
