"""Takes the records out of a job's output and leaves every other byte as it was.

A job sends text and records through the same stream (``job/python-path/amltrain_job/channel.py`` describes the
records and writes them)::

    epoch 1  loss 0.4<ESC>_amltrain;{"w":"1a2b-1","q":7,"r":0,"t":1.5,"k":"metric","v":[["loss",0.4]]}<ESC>\\12
             ─────────▲─────────────────────────── record ───────────────────────────────────────────────▲──

Nothing here touches a file or a clock: the supervisor feeds bytes, gets pieces, and stores them together with
:attr:`Splitter.resolved`, so that after a crash it goes on at exactly that byte.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .record import Change, NewPoint

START = b"\x1b_amltrain;"
END = b"\x1b\\"
END_WITH_LINE = END + b"\n"
"""The end of a record whose JSON is followed by a space."""

MAX_ENVELOPE_BYTES = 4096
"""Longest record with its envelope (PIPE_BUF, so that one write to a pipe stays in one piece)."""

Record = dict[str, Any]
"""One record as the job wrote it."""

Piece = bytes | Record
"""Text for the log, byte for byte, or a record."""

FILES = ("image", "confusion_matrix", "accuracy_table", "residuals", "predictions")
"""Kinds of metrics that are kept as a file; their value is its name."""

_KINDS = ("metric", "row", "table", "file")
_INTEGERS = 2**63
_PRINTABLE = re.compile(rb"[\x20-\x7e\x80-\xff]*")
_TEXT_OR_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|([-+]?)(nan|inf(?:inity)?)\b', re.IGNORECASE)


class Splitter:
    """Splits the raw bytes of one source (rank and stream) into text and records, however they are chunked.

    Bytes that may still become a record are held back, never more than :data:`MAX_ENVELOPE_BYTES` of them. A new
    splitter fed from the byte at ``resolved`` gives exactly the pieces this one would still have given.
    """

    def __init__(self, resolved: int = 0) -> None:
        self._resolved = resolved
        self._held = b""

    @property
    def resolved(self) -> int:
        """How many raw bytes of the source were given out, as text or as records (0 is the source's first byte)."""
        return self._resolved

    @property
    def held(self) -> int:
        """How many raw bytes wait for more, because they may be the start of a record."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that are certain after these bytes, in the order they were written."""
        raw = self._held + data if self._held else data
        pieces, position = _split(raw)
        self._held = raw[position:] if position else raw
        self._resolved += position
        return pieces

    def finish(self) -> list[Piece]:
        """What was held back, as text: the source has ended, so it never became a record."""
        held, self._held = self._held, b""
        self._resolved += len(held)
        return [held] if held else []


def _split(raw: bytes) -> tuple[list[Piece], int]:
    """The certain pieces of ``raw`` and how many of its bytes they cover."""
    pieces: list[Piece] = []
    position = 0
    while True:
        start = raw.find(START, position)
        if start < 0:
            start = _possible_start(raw, position)
            if start > position:
                pieces.append(raw[position:start])  # the whole of it is the same object, not a copy
            return pieces, start
        if start > position:
            pieces.append(raw[position:start])
        body = start + len(START)
        match = _PRINTABLE.match(raw, body, start + MAX_ENVELOPE_BYTES - len(END))
        end = match.end() if match else body
        wanted = END_WITH_LINE if raw[end - 1 : end] == b" " else END
        tail = raw[end : end + len(wanted)]
        if tail != wanted and wanted.startswith(tail):
            return pieces, start
        record = _parse(raw[body:end]) if tail.startswith(END) else None
        if record is None:
            # The envelope holds no other ESC, so the next record can only begin at its end.
            pieces.append(raw[start:end])
            position = end
        else:
            pieces.append(record)
            position = end + len(wanted if tail == wanted else END)


def _possible_start(raw: bytes, position: int) -> int:
    """Where the bytes begin that may turn out to be START when more arrives, else the end of ``raw``."""
    start = raw.rfind(b"\x1b", max(position, len(raw) - len(START) + 1))
    return start if start >= 0 and START.startswith(raw[start:]) else len(raw)


def _parse(raw: bytes | str) -> Record | None:
    try:
        body = raw if isinstance(raw, str) else raw.decode()
        record = _loaded(body)
        if "\\ud" in body or "\\uD" in body:
            # Half of a surrogate pair is legal JSON, but no text that a database or a browser takes.
            record = json.loads(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _loaded(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        # What printf of other languages makes of a number that is none: nan, -nan, inf, Inf.
        return json.loads(_TEXT_OR_WORD.sub(_as_json, body))


def _as_json(found: re.Match[str]) -> str:
    sign, word = found.groups()
    if word is None:
        return found[0]
    return "NaN" if word.lower() == "nan" else "-Infinity" if sign == "-" else "Infinity"


class Assembler:
    """Puts the parts of long records together again, whatever was written between them.

    ``parts`` maps ``writer/sequence/index/count`` to text, in the order of arrival. It is plain JSON: store it with
    the pieces it came from and give it to the next assembler.
    """

    MAX_PENDING_CHARACTERS = 64 * 1024**2
    """A writer that died in the middle leaves parts behind; beyond this, the oldest record is forgotten."""

    def __init__(self, parts: dict[str, str] | None = None) -> None:
        self.parts: dict[str, str] = dict(parts or {})
        self._keys: dict[str, set[str]] = {}
        self._size = 0
        for key, text in self.parts.items():
            self._keys.setdefault(key[: _index_at(key)], set()).add(key)
            self._size += len(text)

    def add(self, record: Record) -> Record | None:
        """The whole record that this one is or completes; None while parts are missing."""
        if "p" not in record:
            return record
        try:
            index, count = record["p"]
            text, owner = record["d"], f"{record['w']}/{record['q']}/"
        except (KeyError, TypeError, ValueError):
            return None
        if not (isinstance(text, str) and isinstance(index, int) and isinstance(count, int) and 0 <= index < count):
            return None
        key = f"{owner}{index}/{count}"
        keys = self._keys.setdefault(owner, set())
        if key not in keys:
            keys.add(key)
            self.parts[key] = text
            self._size += len(text)
        if len(keys) == count:
            return _parse("".join(self._take(owner)))
        while self._size > self.MAX_PENDING_CHARACTERS:
            self._take(next(iter(self._keys)))
        return None

    def _take(self, owner: str) -> list[str]:
        """Forget the parts of one record and return them in order."""
        keys = sorted(self._keys.pop(owner), key=lambda key: int(key[len(owner) :].partition("/")[0]))
        texts = [self.parts.pop(key) for key in keys]
        self._size -= sum(map(len, texts))
        return texts


def _index_at(key: str) -> int:
    """Where ``index/count`` begins in a key of :attr:`Assembler.parts`."""
    return key.rindex("/", 0, key.rindex("/")) + 1


def points(record: Record) -> list[NewPoint]:
    """The metric points that a whole record carries; none when it is of a kind that carries none.

    Raises:
        ValueError: the record does not have the shape that the channel writes.
    """
    kind = record.get("k")
    if kind not in _KINDS:
        return []
    try:
        if kind == "metric":
            return _metric_points(record)
        if kind == "file":
            name, path, shape = str(record["n"]), str(record["v"]), str(record["s"])
            return [_point(record, shape if shape in FILES else "file", name, path)]
        columns = {name: _decoded(cell) for name, cell in record["v"].items()}
        return [_point(record, kind, record["n"], columns)]
    except (AttributeError, KeyError, IndexError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"not a {kind} record: {record!r:.500}") from error


def _metric_points(record: Record) -> list[NewPoint]:
    """The points of a batch: by far the most records, so numbers that are plainly right take a short way."""
    found = []
    rank, run = record.get("r", 0), record.get("i", "")
    plain = type(rank) is int and 0 <= rank < 1 << 31 and type(run) is str
    for item in record["v"]:
        name, value, *rest = item
        if plain and len(rest) == 2 and type(value) is float and type(name) is str and type(rest[1]) is float:
            step, at = rest
            if step is None or (type(step) is int and -_INTEGERS <= step < _INTEGERS):
                found.append(NewPoint(name, "scalar", value, step, at, rank, run))
                continue
        value = _decoded(value)
        found.append(_point(record, "list" if isinstance(value, list) else "scalar", name, value, *rest))
    return found


def _point(
    record: Record, kind: str, name: str, value: Any, step: Any = None, at: Any = None, source: Any = ""
) -> NewPoint:
    at = float(record["t"] if at is None else at)
    rank = int(record.get("r", 0))
    numbers = [at, rank, 0 if step is None else step]
    if kind == "scalar" and not isinstance(value, (str, float, type(None))):
        numbers.append(value)
    # What a database cannot hold must not stop the intake: anyone may print an envelope.
    if not all(_can_be_stored(number) for number in numbers):
        raise ValueError("not a number, or one beyond 64 bits")
    run = str(record.get("i", ""))
    return NewPoint(name=str(name), kind=kind, value=value, step=step, at=at, rank=rank, run=run, source=str(source))


def _can_be_stored(number: Any) -> bool:
    if isinstance(number, float):
        return math.isfinite(number)
    return isinstance(number, int) and -_INTEGERS <= number < _INTEGERS


def changes(record: Record) -> list[Change]:
    """What else a whole record tells of the run or of a child run; nothing when it is of another kind.

    Raises:
        ValueError: the record does not have the shape that the channel writes.
    """
    kind = record.get("k")
    try:
        at, run = float(record["t"]), str(record.get("i", ""))
        if kind in ("tags", "params"):
            return [Change(kind, run, {str(key): _text(value) for key, value in record["v"].items()}, at)]
        if kind == "untag":
            return [Change(kind, run, {str(name): None for name in record["v"]}, at)]
        if kind == "about":
            about = {name: _text(record["v"][name]) for name in ("display_name", "description") if name in record["v"]}
            return [Change(kind, run, about, at)]
        if kind == "child":
            value = record["v"]
            tags = {str(key): _text(item) for key, item in (value.get("tags") or {}).items()}
            new = {"name": _text(value.get("name")), "tags": tags}
            return [Change(kind, str(value["id"]), new, at, parent=run)]
        if kind == "state":
            error = record["v"].get("error")
            told = {str(key): str(value) for key, value in error.items()} if error else None
            return [Change(kind, run, {"status": str(record["v"]["status"]), "error": told}, at)]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"not a {kind} record: {record!r:.500}") from error
    return []


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _decoded(value: Any) -> Any:
    """A value as the script logged it: ``{"f": "nan"}`` stands for a float that JSON has no number for."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return float(value["f"]) if isinstance(value, dict) else value
