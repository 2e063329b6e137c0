"""Reads the scalars in TensorBoard's event files; nothing of TensorFlow or TensorBoard is needed.

A file is a row of records: length (8 bytes), checksum of the length, content, checksum of the content. The content is a
protocol buffer ``Event``, of which a few fields count here::

    Event    1 wall_time (double)  2 step (varint)  5 summary
    Summary  1 value, repeated:  1 tag  2 simple_value (float)  8 tensor
    Tensor   1 dtype  2 shape  4 content  5 float_val  6 double_val  7 int_val  10 int64_val

Scalars are numbers (PyTorch) or tensors without a dimension (TensorFlow 2). Images, histograms and text are left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

_HEAD = 12
_TAIL = 4
_LONGEST = 1 << 20
"""Records beyond this hold pictures or graphs."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Of each type of number in a tensor: its packed form, and the field that has it when it is not in the content.
_DTYPES = {1: ("<f", 5), 2: ("<d", 6), 3: ("<i", 7), 9: ("<q", 10), 19: ("<e", 13)}


class Scalar(NamedTuple):
    """One value of a file."""

    tag: str
    value: float
    step: int
    at: float


def read_scalars(data: bytes) -> tuple[list[Scalar], int]:
    """The scalars in whole records at the beginning of ``data``, and how many bytes these records have.

    A record of pictures may be longer than what is there; then the number of bytes is too, and reading goes on beyond.

    Raises:
        ValueError: the first record is none, or is damaged.
    """
    scalars: list[Scalar] = []
    position = 0
    while position + _HEAD <= len(data):
        head = data[position : position + _HEAD]
        length, checksum = struct.unpack("<QI", head)
        end = position + _HEAD + length + _TAIL
        try:
            if _masked_crc(head[:8]) != checksum:
                raise ValueError("there is something else than an event in it")
            if length <= _LONGEST:
                if end > len(data):
                    break
                scalars += _scalars(data[position + _HEAD : end - _TAIL])
        except ValueError:
            if position:
                break
            raise
        position = end
    return scalars, position


def _scalars(event: bytes) -> Iterator[Scalar]:
    at, step = 0.0, 0
    summaries: list[bytes] = []
    for number, kind, value in _fields(event):
        if number == 1 and kind == _FIXED64:
            (at,) = struct.unpack("<d", value)
        elif number == 2 and kind == _VARINT:
            step = _signed(value)
        elif number == 5 and kind == _BYTES:
            summaries.append(value)
    for summary in summaries:
        for number, kind, value in _fields(summary):
            if number == 1 and kind == _BYTES:
                tag, scalar = _tag_and_value(value)
                if scalar is not None:
                    yield Scalar(tag, scalar, step, at)


def _tag_and_value(value: bytes) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, kind, content in _fields(value):
        if number == 1 and kind == _BYTES:
            tag = content.decode("utf-8", "replace")
        elif number == 2 and kind == _FIXED32:
            (scalar,) = struct.unpack("<f", content)
        elif number == 8 and kind == _BYTES:
            scalar = _of_tensor(content)
    return tag, scalar


def _of_tensor(tensor: bytes) -> float | None:
    """The number in a tensor without dimensions; None of any other tensor."""
    found: dict[int, tuple[int, Any]] = {number: (kind, value) for number, kind, value in _fields(tensor)}
    dtype = _DTYPES.get(_signed(found.get(1, (0, 0))[1]))
    shape = found.get(2, (_BYTES, b""))[1]
    if dtype is None or not isinstance(shape, bytes) or any(number == 2 for number, _, _ in _fields(shape)):
        return None
    form, field = dtype
    content = found.get(4, (_BYTES, b""))[1]
    if isinstance(content, bytes) and len(content) == struct.calcsize(form):
        return float(struct.unpack(form, content)[0])
    kind, value = found.get(field, (_BYTES, b""))
    if kind == _VARINT:
        return float(_signed(value))
    if not isinstance(value, bytes) or not value or form == "<e":  # nobody writes a half this way
        return None
    if form in ("<i", "<q"):
        return float(_signed(next(_varints(value))))
    return float(struct.unpack_from(form, value)[0]) if len(value) >= struct.calcsize(form) else None


def _fields(message: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, kind and value of the fields of a protocol buffer.

    Raises:
        ValueError: it is none.
    """
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, kind, value
            continue
        if kind == _BYTES:
            size, position = _varint(message, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("no protocol buffer")
        if position + size > end:
            raise ValueError("a protocol buffer that ends too early")
        yield number, kind, message[position : position + size]
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        position += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, position
        shift += 7
    raise ValueError("a number that does not end")


def _varints(message: bytes) -> Iterator[int]:
    position = 0
    while position < len(message):
        value, position = _varint(message, position)
        yield value


def _signed(value: bytes | int) -> int:
    """A 64-bit number that may be negative."""
    if isinstance(value, bytes):
        raise ValueError("no number")
    return value - (1 << 64) if value >= 1 << 63 else value


def _crc_table() -> tuple[int, ...]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()


def _masked_crc(data: bytes) -> int:
    """CRC-32C as the records have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
