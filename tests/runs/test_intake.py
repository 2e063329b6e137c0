"""Every byte and every point exactly once, whatever is cut off where."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_amltrain.engines.protocol import Chunk
from jupyter_amltrain.runs.intake import Intake
from jupyter_amltrain.runs.record import NewPoint, Position, RunRecord
from jupyter_amltrain.runs.store import Store


def record(sequence: int, name: str = "loss") -> bytes:
    value = {"w": "1-1", "q": sequence, "r": 0, "t": 1.5, "k": "metric", "v": [[name, sequence]]}
    return b"\x1b_amltrain;" + json.dumps(value).encode() + b"\x1b\\"


def raw_streams(lines: int) -> dict[str, bytes]:
    out, err = bytearray(), bytearray()
    for number in range(lines):
        out += b"line %d \x1b[31mred\x1b[0m" % number + record(number) + b"\n"
        err += b"warning %d\r" % number
    return {"0/stdout": bytes(out), "0/stderr": bytes(err)}


def text_of(raw: bytes) -> bytes:
    """What of a stream belongs into the log, found the slow and obvious way."""
    parts = raw.split(b"\x1b_amltrain;")
    return parts[0] + b"".join(part.partition(b"\x1b\\")[2] for part in parts[1:])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def new_run(store: Store, run_id: str = "e_1") -> RunRecord:
    return store.add_run(
        run_id, experiment="e", target="t", engine="x", nodes=1, max_nodes=9, definition={}, snapshot={}
    )


def chunks_after(raw: dict[str, bytes], after: dict[str, int], generator: random.Random) -> Iterable[list[Chunk]]:
    """The rest of each stream in random pieces and random interleaving: what an engine's stream promises."""
    at = {source: after.get(source, 0) for source in raw}
    while pending := [source for source in raw if at[source] < len(raw[source])]:
        batch = []
        for _ in range(generator.randint(1, 4)):
            source = generator.choice(pending)
            size = generator.choice((1, 7, 60, 500))
            data = raw[source][at[source] : at[source] + size]
            at[source] += len(data)
            if data:
                batch.append(Chunk(int(source[0]), source[2:], data))
        yield batch


class Cut(Exception):
    """Stands for SIGKILL: nothing after it runs."""


class CutStore(Store):
    """A store whose process dies just before or just after a commit."""

    cut_in = 10**9
    before = False

    def take_in(self, run: RunRecord, position: Position, points: object = (), tags: object = None) -> None:
        self.cut_in -= 1
        if self.cut_in == 0 and self.before:
            raise Cut
        super().take_in(run, position, points, tags)  # type: ignore[arg-type]
        if self.cut_in == 0:
            raise Cut


def assert_whole(store: Store, run: RunRecord, log: Path, raw: dict[str, bytes], lines: int) -> None:
    written = log.read_bytes()
    expected_err = text_of(raw["0/stderr"])
    assert len(written) == len(text_of(raw["0/stdout"])) + len(expected_err)
    assert [point.value for point in store.points(run.id)] == list(range(lines))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), cut_in=st.integers(1, 25), before=st.booleans(), torn=st.booleans())
def test_a_kill_at_any_commit_loses_and_doubles_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cut_in: int, before: bool, torn: bool
) -> None:
    folder = tmp_path_factory.mktemp("w")
    generator = random.Random(seed)
    store = CutStore(folder)
    run = new_run(store)
    raw = {"0/stdout": raw_streams(40)["0/stdout"], "0/stderr": b""}
    log = folder / "log.txt"
    kills = 0
    while True:
        store.cut_in, store.before = (cut_in, before) if kills < 3 else (10**9, False)
        intake = Intake(store, run, log)
        size_before = log.stat().st_size
        try:
            for batch in chunks_after(raw, dict(intake.after), generator):
                intake.take(batch)
                size_before = log.stat().st_size
            intake.finish()
            break
        except Cut:
            kills += 1
        finally:
            intake.close()
        if torn and not before:
            # The kill came in the middle of the write: some bytes of the batch are in the file.
            position = store.position(run.id)
            text = text_of(raw["0/stdout"][position.pieces[0][1] : position.pieces[-1][2]])
            with open(log, "ab") as file:
                file.write(text[: generator.randint(0, len(text))])
        assert log.stat().st_size >= size_before
    assert log.read_bytes() == text_of(raw["0/stdout"])
    assert [point.value for point in store.points(run.id)] == list(range(40))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), cut_in=st.integers(1, 20))
def test_two_streams_are_each_whole_after_kills(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cut_in: int
) -> None:
    folder = tmp_path_factory.mktemp("w")
    generator = random.Random(seed)
    store = CutStore(folder)
    run = new_run(store)
    lines = 40
    # Upper case on one stream, lower case on the other, so that each can be told from the log.
    raw = {
        "0/stdout": b"".join(b"OUT%dX" % n + record(n) for n in range(lines)),
        "0/stderr": b"".join(
            b"err%sx" % str(n).translate(str.maketrans("0123456789", "abcdefghij")).encode() for n in range(lines)
        ),
    }
    log = folder / "log.txt"
    kills = 0
    while True:
        store.cut_in = cut_in if kills < 4 else 10**9
        intake = Intake(store, run, log)
        try:
            for batch in chunks_after(raw, dict(intake.after), generator):
                intake.take(batch)
            intake.finish()
            break
        except Cut:
            kills += 1
        finally:
            intake.close()
    written = log.read_bytes()
    assert bytes(c for c in written if not chr(c).islower()) == text_of(raw["0/stdout"])
    assert bytes(c for c in written if chr(c).islower()) == raw["0/stderr"]
    assert [point.value for point in store.points(run.id)] == list(range(lines))


def test_a_log_and_its_metrics_are_whole_without_kills(store: Store, tmp_path: Path) -> None:
    run = new_run(store)
    raw = raw_streams(500)
    intake = Intake(store, run, tmp_path / "log.txt")
    for batch in chunks_after(raw, {}, random.Random(1)):
        intake.take(batch)
    intake.finish()
    intake.close()
    assert_whole(store, run, tmp_path / "log.txt", raw, 500)


def test_a_half_record_at_the_end_is_text(store: Store, tmp_path: Path) -> None:
    run = new_run(store)
    intake = Intake(store, run, tmp_path / "log.txt")
    intake.take([Chunk(0, "stdout", b'abc\x1b_amltrain;{"w":')])
    assert (tmp_path / "log.txt").read_bytes() == b"abc"
    intake.finish()
    intake.close()
    assert (tmp_path / "log.txt").read_bytes() == b'abc\x1b_amltrain;{"w":'


def test_points_keep_nan_infinity_and_big_integers(store: Store) -> None:
    run = new_run(store)
    values = [float("inf"), float("-inf"), 2**70, 3, "text", 0.1]
    store.take_in(run, Position(), [NewPoint("m", "scalar", value, None, 0.0, 0) for value in values])
    store.take_in(run, Position(), [NewPoint("m", "scalar", float("nan"), 7, 0.0, 0)])
    read = store.points(run.id)
    assert [point.value for point in read[:-1]] == [float("inf"), float("-inf"), float(2**70), 3, "text", 0.1]
    assert read[-1].value != read[-1].value
    assert read[-1].step == 7


def test_printed_values_of_a_last_line_without_an_end_are_taken_once(store: Store, tmp_path: Path) -> None:
    run = new_run(store)
    for text in (b"loss=1\nloss=2", b".5", b""):  # each supervisor but the last is killed; two of them saw the end
        intake = Intake(store, run, tmp_path / "log.txt", printed=True)
        intake.take([Chunk(0, "stdout", text)])
        if not text.startswith(b"loss"):
            intake.finish()
        intake.close()
    assert [point.value for point in store.points(run.id)] == [1, 2.5]
