from __future__ import annotations

from pathlib import Path

import pytest

from engines.jobs import Bench, ScriptedPrograms
from jupyter_amltrain.engines.protocol import Exit
from jupyter_amltrain.engines.scripted import ScriptedEngine
from jupyter_amltrain.errors import UserErrorException
from jupyter_amltrain.runs.stream import Splitter


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, ScriptedPrograms())


def streamed(engine: ScriptedEngine, handle: dict[str, object]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for chunk in engine.stream(handle):
        found[chunk.source] = found.get(chunk.source, b"") + chunk.data
    return found


def test_two_ranks(engine: ScriptedEngine, bench: Bench) -> None:
    steps = ("scripted", "out:zero\\n", "1/out:one\\n", "1/err:oh\\n", "1/exit:3")
    handle = engine.start(bench.job(steps, "r", nodes=2))
    assert streamed(engine, handle) == {"0/stdout": b"zero\n", "1/stdout": b"one\n", "1/stderr": b"oh\n"}
    assert engine.poll(handle) == Exit(3, "The script ended with exit code 3.")


def test_runs_until_every_rank_has_ended(engine: ScriptedEngine, bench: Bench, tmp_path: Path) -> None:
    handle = engine.start(bench.job(("scripted", "1/wait:go", "exit:0"), "r", nodes=2))
    assert engine.poll(handle) is None
    (tmp_path / "r" / "go").touch()
    assert engine.poll(handle) == Exit(0)


def test_goes_on_when_the_file_appears_and_never_back(engine: ScriptedEngine, bench: Bench, tmp_path: Path) -> None:
    handle = engine.start(bench.job(("scripted", "out:a", "wait:go", "out:b", "wait:never"), "r"))
    chunks = engine.stream(handle)
    assert next(chunks).data == b"a"
    (tmp_path / "r" / "go").touch()
    assert next(chunks).data == b"b"
    (tmp_path / "r" / "go").unlink()
    again = ScriptedEngine().stream(handle)
    assert [next(again).data, next(again).data] == [b"a", b"b"]


def test_a_stop_stays_where_it_was(engine: ScriptedEngine, bench: Bench, tmp_path: Path) -> None:
    handle = engine.start(bench.job(("scripted", "stopped:bye", "out:a", "wait:go", "out:b"), "r"))
    engine.stop(handle, grace_s=1)
    (tmp_path / "r" / "go").touch()
    assert streamed(engine, handle) == {"0/stdout": b"abye"}
    assert engine.poll(handle) == Exit(130, "The script ended with exit code 130.")


def test_a_metric_is_a_record_of_the_stream(engine: ScriptedEngine, bench: Bench) -> None:
    handle = engine.start(bench.job(("scripted", "out:before ", "metric:loss=0.5", "out:after\\n"), "r"))
    pieces = Splitter().feed(streamed(engine, handle)["0/stdout"])
    assert pieces == [
        b"before ",
        {"w": "scripted-0", "q": 1, "r": 0, "t": 1.0, "k": "metric", "v": [["loss", 0.5]]},
        b"after\n",
    ]


def test_escapes_are_bytes(engine: ScriptedEngine, bench: Bench) -> None:
    handle = engine.start(bench.job(("scripted", r"out:\\ \x1b \xff \t\r\n é"), "r"))
    assert streamed(engine, handle) == {"0/stdout": b"\\ \x1b \xff \t\r\n \xc3\xa9"}


def test_what_a_file_held_is_asked_once(engine: ScriptedEngine, bench: Bench) -> None:
    job = bench.job(("scripted", "cat:data.txt"), "r")
    file = bench.work("r") / "code" / "data.txt"
    file.write_text("first")
    handle = engine.start(job)
    assert streamed(engine, handle) == {"0/stdout": b"first"}
    file.write_text("second")
    assert streamed(engine, handle) == {"0/stdout": b"first"}


def test_a_word_that_is_no_step_is_refused(engine: ScriptedEngine, bench: Bench) -> None:
    with pytest.raises(UserErrorException, match="'shout:hi' is no step"):
        engine.start(bench.job(("scripted", "shout:hi"), "r"))
