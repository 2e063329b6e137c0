"""Decoding BuildKit's progress (``moby.buildkit.trace``): the few protobuf fields that a build log needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Vertex:
    """A step of the build and its state now. Times are seconds since the epoch, None until they happen."""

    digest: str
    name: str = ""
    cached: bool = False
    started: float | None = None
    completed: float | None = None
    error: str = ""


@dataclass(frozen=True)
class VertexLog:
    """Output of a step; ``stream`` is 1 or 2."""

    vertex: str
    stream: int
    data: bytes


@dataclass(frozen=True)
class VertexProgress:
    """A download or export inside a step, in bytes."""

    vertex: str
    name: str
    current: int
    total: int


Event = Vertex | VertexLog | VertexProgress


def decode_trace(data: bytes) -> Iterator[Event]:
    """The events in one ``StatusResponse`` message; unknown fields are passed over.

    Raises:
        ValueError: the bytes are no such message.
    """
    for number, value in _fields(data):
        if isinstance(value, bytes):
            if number == 1:
                yield _vertex(value)
            elif number == 2:
                yield _progress(value)
            elif number == 3:
                yield _log(value)


def _vertex(data: bytes) -> Vertex:
    found = dict(_fields(data))
    return Vertex(
        digest=_text(found.get(1)),
        name=_text(found.get(3)),
        cached=bool(found.get(4)),
        started=_time(found.get(5)),
        completed=_time(found.get(6)),
        error=_text(found.get(7)),
    )


def _progress(data: bytes) -> VertexProgress:
    found = dict(_fields(data))
    return VertexProgress(
        vertex=_text(found.get(2)),
        name=_text(found.get(1)),
        current=_number(found.get(4)),
        total=_number(found.get(5)),
    )


def _log(data: bytes) -> VertexLog:
    found = dict(_fields(data))
    message = found.get(4, b"")
    return VertexLog(_text(found.get(1)), _number(found.get(3)), message if isinstance(message, bytes) else b"")


def _time(value: int | bytes | None) -> float | None:
    if not isinstance(value, bytes):
        return None
    found = dict(_fields(value))
    return _number(found.get(1)) + _number(found.get(2)) / 1e9


def _text(value: int | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _number(value: int | bytes | None) -> int:
    return value if isinstance(value, int) else 0


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field number and value of each field of a protobuf message: varints as int, the rest as bytes."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == 0:
            number, position = _varint(data, position)
            yield key >> 3, number
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"unknown protobuf wire type {kind}")
        if position + size > len(data):
            raise ValueError("protobuf message ends in the middle of a field")
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data):
            raise ValueError("protobuf message ends in the middle of a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
