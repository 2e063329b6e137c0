"""What every engine promises (``engines/protocol.py``), tried on the real thing."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from engines.jobs import BINARY, Bench, Command, ProcessPrograms, ScriptedPrograms
from engines.other_process import SOURCES, file_of
from jupyter_amltrain.engines.protocol import Chunk, Discarded, Engine, Exit, Handle, Mark, Stored
from jupyter_amltrain.engines.registry import get_engine
from jupyter_amltrain.errors import EngineException, UserErrorException
from jupyter_amltrain.submission.job import Job, Mount

IMAGE = "python-base:1"
PATIENCE_S = 60
ENGINES = ("local", "scripted", "docker", "podman")


class Subject:
    """The engine under test, with jobs for it; what it started is removed at the end."""

    def __init__(self, engine_name: str, bench: Bench, folder: Path) -> None:
        self.engine_name = engine_name
        self.programs = bench.programs
        self.bench = bench
        self.folder = folder
        self.engine = self.fresh()
        self._jobs: list[Job] = []

    def fresh(self) -> Engine:
        """The engine as a process that has just begun knows it."""
        return type(get_engine(self.engine_name))()

    def job(self, command: Command, **settings: Any) -> Job:
        """A new job."""
        job = self.bench.job(command, f"contract-{uuid.uuid4().hex[:8]}", **settings)
        self._jobs.append(job)
        return job

    def start(self, command: Command, **settings: Any) -> Handle:
        """A new job, started."""
        return self.engine.start(self.job(command, **settings))

    def elsewhere(self, verb: str, value: Any, folder: Path) -> subprocess.Popen[str]:
        """Another process that does ``verb`` with the job or handle."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{verb}-{uuid.uuid4().hex[:8]}.json"
        file.write_text(json.dumps(value, default=dict))
        root = Path(__file__).parents[2]
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("other_process.py")), verb, self.engine_name, str(file)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )

    def clean(self) -> None:
        """Remove what runs."""
        for job in self._jobs:
            try:
                handle = self.engine.start(job)
            except (EngineException, UserErrorException):
                continue
            self.engine.remove(handle)


@pytest.fixture(params=ENGINES)
def subject(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    name = request.param
    if name in ("docker", "podman"):
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue(f"{name}_host"))
        bench = Bench(tmp_path, ProcessPrograms(), IMAGE, host_paths=False)
        subject = Subject("docker", bench, tmp_path)
    else:
        programs = ScriptedPrograms() if name == "scripted" else ProcessPrograms()
        subject = Subject(name, Bench(tmp_path, programs), tmp_path)
    yield subject
    subject.clean()


def end_of(engine: Engine, handle: Handle) -> Exit:
    """How the job ended, waiting for it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        ended = engine.poll(handle)
        if ended is not None:
            return ended
        assert time.monotonic() < deadline, "the job does not end"
        time.sleep(0.01)


def output(engine: Engine, handle: Handle, after: Mark | None = None) -> dict[str, bytes]:
    """All output from ``after`` on, by source."""
    return joined(engine.stream(handle, after))


def joined(chunks: Iterator[Chunk]) -> dict[str, bytes]:
    """The bytes of each source."""
    found = dict.fromkeys(SOURCES, b"")
    for chunk in chunks:
        found[chunk.source] += chunk.data
    return found


def read_until(chunks: Iterator[Chunk], text: bytes) -> bytes:
    """Read stdout live until ``text`` was there."""
    seen = b""
    while text not in seen:
        seen += next(chunks).data
    return seen


def lines(name: str, count: int) -> bytes:
    return b"".join(b"%s %d\n" % (name.encode(), i) for i in range(count))


class TestStart:
    def test_twice_is_one_job_with_one_handle(self, subject: Subject) -> None:
        job = subject.job(subject.programs.counts_starts())
        first = subject.engine.start(job)
        second = subject.fresh().start(job)
        assert output(subject.engine, first)["0/stdout"] == b"once\n"
        third = subject.fresh().start(job)  # after its end, too
        assert first == second == third
        assert end_of(subject.engine, first).code == 0
        assert (subject.bench.work(job.run_id) / "starts").read_text() == "1"

    def test_from_two_processes_at_once_is_one_job(self, subject: Subject, tmp_path: Path) -> None:
        job = subject.job(subject.programs.counts_starts())
        starters = [subject.elsewhere("start", asdict(job), tmp_path) for _ in range(2)]
        handles = [json.loads(starter.communicate(timeout=PATIENCE_S)[0]) for starter in starters]
        assert handles[0] == handles[1]
        assert output(subject.engine, handles[0])["0/stdout"] == b"once\n"
        assert end_of(subject.engine, handles[0]).code == 0
        assert (subject.bench.work(job.run_id) / "starts").read_text() == "1"

    def test_killed_halfway_is_completed_by_the_next(self, subject: Subject, tmp_path: Path) -> None:
        begun = time.monotonic()
        whole = subject.elsewhere("start", asdict(subject.job(subject.programs.ends(0))), tmp_path)
        whole.communicate(timeout=PATIENCE_S)
        usual_s = time.monotonic() - begun
        moments = random.Random(2)
        for _ in range(6):
            job = subject.job(subject.programs.counts_starts())
            starter = subject.elsewhere("start", asdict(job), tmp_path)
            try:
                starter.communicate(timeout=usual_s * moments.uniform(0.4, 1.0))
            except subprocess.TimeoutExpired:
                starter.kill()
                starter.communicate()
            handle = subject.engine.start(job)
            assert output(subject.engine, handle)["0/stdout"] == b"once\n"
            assert end_of(subject.engine, handle).code == 0
            assert (subject.bench.work(job.run_id) / "starts").read_text() == "1"

    def test_handle_is_json_that_another_engine_object_understands(self, subject: Subject) -> None:
        handle = json.loads(json.dumps(subject.start(subject.programs.waits("bye"))))
        read_until(subject.fresh().stream(handle), b"ready\n")
        assert subject.fresh().poll(handle) is None
        subject.fresh().stop(handle, grace_s=10)
        assert output(subject.fresh(), handle)["0/stdout"] == b"ready\nbye\n"
        assert end_of(subject.fresh(), handle).code != 0


class TestEnd:
    def test_none_while_it_runs_then_success_without_a_reason(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.waits("bye"))
        read_until(subject.engine.stream(handle), b"ready\n")
        assert subject.engine.poll(handle) is None
        other = subject.start(subject.programs.ends(0))
        ended = end_of(subject.engine, other)
        assert (ended.code, ended.reason, ended.infrastructure) == (0, "", False)
        assert subject.engine.poll(handle) is None

    @pytest.mark.parametrize("code", [1, 3, 255])
    def test_exit_code_with_a_reason_in_words(self, subject: Subject, code: int) -> None:
        handle = subject.start(subject.programs.ends(code))
        assert output(subject.engine, handle)["0/stdout"] == b"done\n"
        ended = end_of(subject.engine, handle)
        assert (ended.code, ended.infrastructure) == (code, False)
        assert str(code) in ended.reason

    def test_a_program_that_is_not_there_is_named(self, subject: Subject) -> None:
        if subject.engine_name == "scripted":
            command: Command = ("scripted", "no-such-program:")
        else:
            command = ("no-such-program",)
        try:
            handle = subject.start(command)
        except (EngineException, UserErrorException) as error:  # an engine may know it at once
            message = error.message
        else:
            ended = end_of(subject.engine, handle)
            # Podman's init says 1; who starts it, and the init of Docker, say what shells say.
            assert ended.code in (1, 127)
            message = ended.reason + output(subject.engine, handle)["0/stderr"].decode()
        assert "no-such-program" in message or "No such file or directory" in message


class TestStream:
    def test_everything_of_both_streams_in_order(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.interleaved(300))
        assert output(subject.engine, handle) == {"0/stdout": lines("out", 300), "0/stderr": lines("err", 300)}

    def test_comes_while_the_job_runs(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.waits("bye"))
        chunks = subject.engine.stream(handle)
        assert read_until(chunks, b"ready\n") == b"ready\n"
        assert subject.engine.poll(handle) is None
        subject.engine.stop(handle, grace_s=10)
        assert joined(chunks)["0/stdout"] == b"bye\n"

    def test_every_byte(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.binary())
        assert output(subject.engine, handle)["0/stdout"] == BINARY
        end_of(subject.engine, handle)
        assert output(subject.fresh(), handle)["0/stdout"] == BINARY

    def test_goes_on_after_a_mark(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.interleaved(200))
        end_of(subject.engine, handle)
        out, err = lines("out", 200), lines("err", 200)
        for taken in ((0, 0), (1, 0), (0, 7), (len(out) // 2, len(err) // 3), (len(out), 5), (len(out), len(err))):
            rest = output(subject.fresh(), handle, dict(zip(SOURCES, taken, strict=True)))
            assert rest == {"0/stdout": out[taken[0] :], "0/stderr": err[taken[1] :]}

    def test_two_readers_at_once_get_everything(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.waits("bye"))
        mine, others = subject.engine.stream(handle), subject.fresh().stream(handle)
        read_until(mine, b"ready\n")
        read_until(others, b"ready\n")
        subject.engine.stop(handle, grace_s=10)
        assert joined(mine) == joined(others) | {"0/stderr": output(subject.engine, handle)["0/stderr"]}

    def test_another_process_reads_a_job_that_has_ended(self, subject: Subject, tmp_path: Path) -> None:
        handle = subject.start(subject.programs.interleaved(50))
        end_of(subject.engine, handle)
        reader = subject.elsewhere("read", handle, tmp_path / "kept")
        reader.communicate(timeout=PATIENCE_S)
        assert (tmp_path / "kept" / file_of(SOURCES[0])).read_bytes() == lines("out", 50)
        assert (tmp_path / "kept" / file_of(SOURCES[1])).read_bytes() == lines("err", 50)

    def test_killed_readers_lose_and_double_nothing(self, subject: Subject, tmp_path: Path) -> None:
        count = 20_000
        whole = {"0/stdout": lines("out", count), "0/stderr": lines("err", count)}
        # Started by a process that is gone: one that lives has to read what it attached to, or the job waits for it.
        job = subject.job(subject.programs.interleaved(count))
        handle = json.loads(subject.elsewhere("start", asdict(job), tmp_path).communicate(timeout=PATIENCE_S)[0])
        kept = {source: tmp_path / "kept" / file_of(source) for source in SOURCES}
        for part in (0.05, 0.2, 0.4, 0.8):
            reader = subject.elsewhere("read", handle, tmp_path / "kept")
            wanted = part * len(whole["0/stdout"])
            while reader.poll() is None and size_of(kept["0/stdout"]) < wanted:
                time.sleep(0.002)
            reader.kill()
            reader.communicate()
        last = subject.elsewhere("read", handle, tmp_path / "kept")
        last.communicate(timeout=PATIENCE_S)
        assert last.returncode == 0
        assert {source: path.read_bytes() for source, path in kept.items()} == whole


class TestUsage:
    def test_of_a_running_job_and_of_none(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.waits("bye"))
        read_until(subject.engine.stream(handle), b"ready\n")
        usage = subject.fresh().usage(handle)
        if subject.engine_name != "scripted":
            assert usage is not None
            assert abs(usage.at - time.time()) < PATIENCE_S
            assert usage.cpu_seconds is not None
            assert 0 <= usage.cpu_seconds < PATIENCE_S
            assert usage.memory_bytes is None or 2**20 < usage.memory_bytes < 2**30
        subject.engine.stop(handle, grace_s=5)
        assert subject.engine.usage(handle) is None
        subject.engine.remove(handle)
        assert subject.engine.usage(handle) is None


class TestStop:
    def test_finally_has_run_and_its_output_is_there(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.waits("tidied up"))
        read_until(subject.engine.stream(handle), b"ready\n")
        subject.engine.stop(handle, grace_s=10)
        ended = subject.engine.poll(handle)
        assert ended is not None
        assert ended.code not in (0, None)
        assert output(subject.engine, handle)["0/stdout"] == b"ready\ntidied up\n"

    def test_who_ignores_signals_is_killed(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.stubborn())
        read_until(subject.engine.stream(handle), b"ready\n")
        subject.engine.stop(handle, grace_s=0.3)
        ended = subject.engine.poll(handle)
        assert ended is not None
        assert ended.code in (130, 137)
        assert ended.reason

    def test_from_another_process(self, subject: Subject, tmp_path: Path) -> None:
        handle = subject.start(subject.programs.waits("bye"))
        read_until(subject.engine.stream(handle), b"ready\n")
        stopper = subject.elsewhere("stop", handle, tmp_path)
        stopper.communicate(timeout=PATIENCE_S)
        assert stopper.returncode == 0
        assert end_of(subject.engine, handle).code not in (0, None)

    def test_again_and_after_the_end_changes_nothing(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.ends(3))
        ended = end_of(subject.engine, handle)
        subject.engine.stop(handle, grace_s=1)
        subject.fresh().stop(handle, grace_s=1)
        assert subject.engine.poll(handle) == ended
        assert output(subject.engine, handle)["0/stdout"] == b"done\n"

    def test_a_missing_job_is_no_error(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.ends(0))
        end_of(subject.engine, handle)
        subject.engine.remove(handle)
        subject.engine.stop(handle, grace_s=1)


class TestRemove:
    def test_what_is_removed_is_gone(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.ends(0))
        end_of(subject.engine, handle)
        subject.engine.remove(handle)
        subject.engine.remove(handle)
        gone = subject.engine.poll(handle)
        assert gone is not None
        assert (gone.code, gone.infrastructure) == (None, True)
        assert gone.reason
        assert output(subject.engine, handle) == {"0/stdout": b"", "0/stderr": b""}

    def test_a_running_job_ends(self, subject: Subject) -> None:
        handle = subject.start(subject.programs.waits("bye"))
        chunks = subject.fresh().stream(handle)
        read_until(chunks, b"ready\n")
        subject.engine.remove(handle)
        assert subject.engine.poll(handle) is not None
        for _ in chunks:  # ends, although nobody said how much there would be
            pass


class TestSurroundings:
    def test_working_folder_and_its_parent_are_writable(self, subject: Subject) -> None:
        job = subject.job(subject.programs.writes_files())
        handle = subject.engine.start(job)
        assert end_of(subject.engine, handle).code == 0, output(subject.engine, handle)
        work = subject.bench.work(job.run_id)
        assert (work / "code" / "outputs" / "model.txt").read_text() == "weights"
        assert (work / "data" / "x").read_text() == "sample"

    def test_variables_arrive_as_they_are(self, subject: Subject) -> None:
        variables = {"PLAIN": "a b", "EQUALS": "a=b=c", "EMPTY": "", "QUOTED": "\"'$HOME\\", "SPOKEN": "árvíztűrő 🚂"}
        variables |= {"PYTHONIOENCODING": "utf-8"}
        handle = subject.start(subject.programs.shows_variables(*variables), environment=variables)
        shown = output(subject.engine, handle)["0/stdout"].decode()
        assert shown.splitlines() == [f"{name}={value}" for name, value in variables.items()]

    def test_a_mounted_folder_is_seen(self, subject: Subject, tmp_path: Path) -> None:
        folder = tmp_path / "shown"
        folder.mkdir()
        (folder / "value.txt").write_text("seen\n")
        mount: Mount = subject.bench.mount_of(folder)
        handle = subject.start(subject.programs.shows_file(f"{mount.target}/value.txt"), shown=(mount,))
        assert output(subject.engine, handle)["0/stdout"] == b"seen\n"


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_what_it_keeps_is_listed_and_nothing_is_discarded_unasked(subject: Subject) -> None:
    things = subject.engine.stored({})
    assert {type(thing) for thing in things} <= {Stored}
    assert len({thing.key for thing in things}) == len(things)
    assert subject.engine.discard(()) == Discarded()
