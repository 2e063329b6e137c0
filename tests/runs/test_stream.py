"""The splitter gives the same text and records however its input is cut, and goes on at any resolved byte."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_amltrain.runs.record import NewPoint
from jupyter_amltrain.runs.stream import (
    MAX_ENVELOPE_BYTES,
    Assembler,
    Piece,
    Record,
    Splitter,
    points,
)

INF = float("inf")


def envelope(record: Record) -> bytes:
    return b"\x1b_amltrain;" + json.dumps(record).encode() + b"\x1b\\"


def padded(size: int) -> bytes:
    """An envelope of exactly ``size`` bytes."""
    return envelope({"d": "x" * (size - len(envelope({"d": ""})))})


def merged(pieces: list[Piece]) -> list[Piece]:
    """Adjacent text joined: where text is cut is not part of the contract."""
    result: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, bytes) and result and isinstance(result[-1], bytes):
            result[-1] += piece
        else:
            result.append(piece)
    return result


def split(*chunks: bytes) -> list[Piece]:
    splitter = Splitter()
    pieces = [piece for chunk in chunks for piece in splitter.feed(chunk)]
    return merged(pieces + splitter.finish())


@pytest.mark.parametrize(
    ("raw", "pieces"),
    [
        (b"", []),
        (b"plain\r\n\xff\xfe\x00", [b"plain\r\n\xff\xfe\x00"]),
        (b"ab" + envelope({"k": 1}) + b"cd", [b"ab", {"k": 1}, b"cd"]),
        (envelope({"k": 1}) + envelope({"k": 2}), [{"k": 1}, {"k": 2}]),
        (b"\xf0\x9f" + envelope({}) + b"\x98\x80", [b"\xf0\x9f", {}, b"\x98\x80"]),
        (
            b"\x1b[31mred\x1b[0m \x1b_other;x\x1b\\ \x1b]0;t\x07",
            [b"\x1b[31mred\x1b[0m \x1b_other;x\x1b\\ \x1b]0;t\x07"],
        ),
        (b"\x1b" * 5 + envelope({}), [b"\x1b" * 5, {}]),
        (b"\x1b_amltrain;{bad}\x1b\\.", [b"\x1b_amltrain;{bad}\x1b\\."]),
        (b"\x1b_amltrain;[1]\x1b\\.", [b"\x1b_amltrain;[1]\x1b\\."]),
        (b'\x1b_amltrain;{"a":\n1}\x1b\\', [b'\x1b_amltrain;{"a":\n1}\x1b\\']),
        (b'\x1b_amltrain;{"a":"\xc3\xa9"}\x1b\\', [{"a": "\u00e9"}]),
        (b'\x1b_amltrain;{"a":"\xc3"}\x1b\\', [b'\x1b_amltrain;{"a":"\xc3"}\x1b\\']),
        (b'\x1b_amltrain;{"inf":[-inf,+Inf,INFINITY,"nan \\" inf"]}\x1b\\', [{"inf": [-INF, INF, INF, 'nan " inf']}]),
        (b'\x1b_amltrain;{"a":[info]}\x1b\\', [b'\x1b_amltrain;{"a":[info]}\x1b\\']),
        (b"\x1b_amltrain;{" + envelope({"k": 1}), [b"\x1b_amltrain;{", {"k": 1}]),
        (b"\x1b_amltrain;{}\x1b" + envelope({"k": 1}), [b"\x1b_amltrain;{}\x1b", {"k": 1}]),
        (b'\x1b_amltrain;{"a":"\\ud83d\\ude00 \\uDC80"}\x1b\\', [{"a": "\U0001f600 ?"}]),
        (b"end \x1b_amltrain;{}\x1b", [b"end \x1b_amltrain;{}\x1b"]),
        (b"ab\x1b_amltrain;{} \x1b\\\n\ncd", [b"ab", {}, b"\ncd"]),
        (b"\x1b_amltrain;{}\x1b\\\ncd", [{}, b"\ncd"]),
        (b"\x1b_amltrain;{} \x1b\\cd", [{}, b"cd"]),
        (b"\x1b_amltrain;{bad} \x1b\\\n", [b"\x1b_amltrain;{bad} \x1b\\\n"]),
        (b"\x1b_amltrain;" + b"[" * 3000 + b"\x1b\\", [b"\x1b_amltrain;" + b"[" * 3000 + b"\x1b\\"]),
    ],
)
def test_pieces(raw: bytes, pieces: list[Piece]) -> None:
    assert split(raw) == pieces
    assert split(*(raw[i : i + 1] for i in range(len(raw)))) == pieces


@pytest.mark.parametrize("word", ["nan", "-nan", "NaN", "+NAN"])
def test_no_number_as_other_languages_print_it(word: str) -> None:
    (record,) = split(b'\x1b_amltrain;{"t":1,"k":"metric","v":[["loss",%s,7]]}\x1b\\' % word.encode())
    assert isinstance(record, dict)
    (point,) = points(record)
    assert (point.name, point.step, math.isnan(point.value)) == ("loss", 7, True)


def test_longest_record_and_one_byte_more() -> None:
    assert split(padded(MAX_ENVELOPE_BYTES)) == [{"d": "x" * (MAX_ENVELOPE_BYTES - 22)}]
    assert split(padded(MAX_ENVELOPE_BYTES + 1)) == [padded(MAX_ENVELOPE_BYTES + 1)]


def test_what_is_held_back_is_bounded() -> None:
    splitter = Splitter()
    assert splitter.feed(b"\x1b_amltrain;" + b"x" * 4000) == []
    assert splitter.resolved == 0
    pieces = splitter.feed(b"x" * 100_000)
    assert splitter.held == 0
    assert splitter.resolved == 104_011
    assert merged(pieces) == [b"\x1b_amltrain;" + b"x" * 104_000]


def test_text_without_escapes_is_not_copied() -> None:
    data = b"a line\n" * 1000
    assert Splitter().feed(data)[0] is data


def test_finish_resolves_everything() -> None:
    splitter = Splitter(resolved=10)
    assert splitter.feed(b"ab\x1b_aml") == [b"ab"]
    assert splitter.resolved == 12
    assert splitter.finish() == [b"\x1b_aml"]
    assert splitter.resolved == 17
    assert splitter.finish() == []


fragments = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"line\n",
            b"\x1b",
            b"\x1b_",
            b"\x1b\\",
            b"\x1b_amltrain;",
            b"\x1b_amltrain",
            b"\x1b_other;{}\x1b\\",
            b"\x1b_amltrain;{} \x1b\\\n",
            b"\x1b_amltrain;{} \x1b\\",
            b"\x1b_amltrain;{]\x1b\\",
            b"\xf0\x9f\x98\x80",
            b"\x1b[2K\r",
            padded(MAX_ENVELOPE_BYTES),
            padded(MAX_ENVELOPE_BYTES + 1),
            b"y" * 5000,
        ]
    ),
    st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5), max_size=3).map(envelope),
)


@settings(deadline=None)
@given(parts=st.lists(fragments, max_size=12), sizes=st.lists(st.integers(1, 9), min_size=1), data=st.data())
@example(parts=[envelope({"k": 1})], sizes=[1], data=None)
def test_any_chunking_and_any_restart_gives_the_same(
    parts: list[bytes], sizes: list[int], data: st.DataObject | None
) -> None:
    raw = b"".join(parts)
    whole = split(raw)
    chunks, position, turn = [], 0, 0
    while position < len(raw):
        size = sizes[turn % len(sizes)] if turn % 7 else 700
        chunks.append(raw[position : position + size])
        position, turn = position + size, turn + 1
    assert split(*chunks) == whole

    crash = data.draw(st.integers(0, len(chunks))) if data else len(chunks) // 2
    first = Splitter()
    before = [piece for chunk in chunks[:crash] for piece in first.feed(chunk)]
    second = Splitter(first.resolved)
    after = second.feed(raw[first.resolved :]) + second.finish()
    assert merged(before + after) == whole
    assert second.resolved == len(raw)


def in_parts(record: Record, writer: str, sequence: int, size: int) -> list[Record]:
    text = json.dumps(record)
    texts = [text[i : i + size] for i in range(0, len(text), size)]
    return [{"w": writer, "q": sequence, "p": [i, len(texts)], "d": part} for i, part in enumerate(texts)]


def test_parts_of_several_writers_in_any_order_across_a_restart() -> None:
    first, second = {"k": "row", "v": "é" * 100}, {"k": "table", "v": list(range(100))}
    mixed = [*in_parts(first, "a/1", 1, 50), *in_parts(second, "b", 1, 30)]
    mixed = mixed[::2] + mixed[1::2][::-1]
    assembler, done = Assembler(), []
    for part in mixed:
        assembler = Assembler(json.loads(json.dumps(assembler.parts)))
        done.append(assembler.add(part))
    assert [record for record in done if record is not None] in ([first, second], [second, first])
    assert assembler.parts == {}


def test_a_doubled_part_counts_once() -> None:
    assembler = Assembler()
    one, two = in_parts({"k": "abcdef"}, "a", 1, 8)
    assert [assembler.add(part) for part in (one, one, two)] == [None, None, {"k": "abcdef"}]


@pytest.mark.parametrize(
    "part", [{"p": 1}, {"p": [0]}, {"p": [2, 2], "w": "a", "q": 1, "d": ""}, {"p": [0, 1], "w": "a", "q": 1, "d": 5}]
)
def test_a_part_of_the_wrong_shape_is_dropped(part: Record) -> None:
    assembler = Assembler()
    assert assembler.add(part) is None
    assert assembler.parts == {}


def test_unfinished_parts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Assembler, "MAX_PENDING_CHARACTERS", 100)
    assembler = Assembler()
    for sequence in range(10):
        assembler.add({"w": "a", "q": sequence, "p": [0, 2], "d": "x" * 40})
    assert sorted(assembler.parts) == ["a/8/0/2", "a/9/0/2"]


def test_a_step_beyond_64_bits_keeps_its_point_and_those_beside_it() -> None:
    values = [["loss", 1, 1e300], ["loss", 2, 2**63 - 1], ["loss", 3, -1e30]]
    found = points({"w": "1", "q": 0, "r": 0, "t": 1.0, "k": "metric", "v": values})
    assert [(point.value, point.step) for point in found] == [(1, 1e300), (2, 2**63 - 1), (3, -1e30)]


def test_points() -> None:
    values = [["loss", 0.5], ["loss", {"f": "inf"}, 3], ["é", "text", None, 4], ["all", [1, {"f": "-inf"}]]]
    assert points({"k": "metric", "r": 2, "t": 5.0, "v": values}) == [
        NewPoint("loss", "scalar", 0.5, None, 5.0, 2),
        NewPoint("loss", "scalar", float("inf"), 3, 5.0, 2),
        NewPoint("é", "scalar", "text", None, 4.0, 2),
        NewPoint("all", "list", [1, float("-inf")], None, 5.0, 2),
    ]
    assert points({"k": "row", "t": 1, "n": "r", "v": {"f": {"f": "inf"}}}) == [
        NewPoint("r", "row", {"f": float("inf")}, None, 1.0, 0)
    ]
    assert points({"k": "table", "t": 1, "n": "t", "v": {"a": [1, 2]}})[0].kind == "table"
    assert points({"k": "tags", "v": {"a": "b"}}) == []


@pytest.mark.parametrize(
    "record",
    [
        {"k": "metric", "v": [["loss"]]},
        {"k": "metric", "t": 1, "v": 3},
        {"k": "metric", "t": 1, "v": [["loss", 2**64]]},
        {"k": "metric", "t": 1, "v": [["loss", {"a": 1}]]},
        {"k": "metric", "t": 1, "v": [["loss", 1, "first"]]},
        {"k": "metric", "t": 1, "v": [["loss", 1, float("nan")]]},
        {"k": "metric", "t": float("inf"), "v": [["loss", 1]]},
        {"k": "metric", "t": 1, "r": float("inf"), "v": [["loss", 1]]},
        {"k": "row", "t": 1, "n": "r"},
        {"k": "row", "t": 1, "n": "r", "v": [1]},
    ],
)
def test_a_record_of_the_wrong_shape_is_an_error(record: Record) -> None:
    with pytest.raises(ValueError, match=r"not a (metric|row) record"):
        points(record)
