"""Records reach the job's real stdout whole, whoever writes them and whatever the script did to its output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_amltrain.runs.stream import MAX_ENVELOPE_BYTES, Assembler, Record, Splitter, points

JOB = Path(__file__).parents[2] / "jupyter_amltrain" / "job"
# Only for this import: the azureml package beside it is the job's, and no test of ours may meet it.
sys.path.append(str(JOB / "python-path"))

from amltrain_job.wire import envelopes, plain_value  # noqa: E402

sys.path.remove(str(JOB / "python-path"))

GET_RUN = "from azureml.core import Run\nrun = Run.get_context()\n"


def split(output: bytes) -> tuple[bytes, list[Record]]:
    """The text and the whole records of a job's output."""
    splitter, assembler = Splitter(), Assembler()
    pieces = splitter.feed(output) + splitter.finish()
    text = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    whole = [assembler.add(piece) for piece in pieces if isinstance(piece, dict)]
    assert assembler.parts == {}
    return text, [record for record in whole if record is not None]


def run_job(folder: Path, script: str, **more: str) -> tuple[bytes, list[Record]]:
    (folder / "train.py").write_text(script)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AMLTRAIN_", "PYTHON"))}
    result = subprocess.run(
        [sys.executable, str(JOB / "launch.py"), "train.py"],
        cwd=folder,
        env={**kept, "AMLTRAIN_RUN_ID": "exp_1_abc", "AZUREML_ARM_PROJECT_NAME": "exp", **more},
        capture_output=True,
        timeout=120,
    )
    assert result.stderr == b""
    assert result.returncode == 0
    return split(result.stdout)


def start_job(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """A job whose output nobody reads yet."""
    (folder / "train.py").write_text(script)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AMLTRAIN_", "PYTHON"))}
    return subprocess.Popen(
        [sys.executable, str(JOB / "launch.py"), "train.py"],
        cwd=folder,
        env={**kept, "AMLTRAIN_RUN_ID": "exp_1_abc", "AZUREML_ARM_PROJECT_NAME": "exp"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def logged(records: list[Record]) -> list[tuple[str, Any]]:
    return [(point.name, point.value) for record in records for point in points(record)]


def assert_gapless(records: list[Record]) -> None:
    """Every writer numbers its records from 0 without gaps, in the order they arrive."""
    last: dict[str, int] = {}
    for record in records:
        assert record["q"] == last.get(record["w"], -1) + 1
        last[record["w"]] = record["q"]


def test_logged_values_arrive_between_the_text(tmp_path: Path) -> None:
    script = GET_RUN + "print('epoch 1', end=' ')\nrun.log('löss\\x7f', 0.5, step=3)\nprint('done')"
    text, [record] = run_job(tmp_path, script, RANK="2")
    assert text == b"epoch 1 done\n"
    [point] = points(record)
    assert (point.name, point.kind, point.value, point.step, point.rank) == ("löss\x7f", "scalar", 0.5, 3, 2)
    assert record["k"] == "metric"


@pytest.mark.parametrize(
    "redirect",
    [
        "import sys, io; sys.stdout = io.StringIO()",
        "import os; os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
        "import os; os.closerange(3, 1024)",
        "import os; os.close(1)",
        "import os; os.environ.clear(); os.environ['AMLTRAIN_RUN_ID'] = 'x'",
        "import contextlib, io; contextlib.redirect_stdout(io.StringIO()).__enter__()",
    ],
)
def test_redirected_output_still_has_its_records(redirect: str, tmp_path: Path) -> None:
    _, records = run_job(tmp_path, f"{redirect}\n{GET_RUN}run.log('loss', 1)\nimport os; os._exit(0)")
    assert logged(records) == [("loss", 1)]


CHILD = "from azureml.core import Run; Run.get_context().log('from the child', 1); print('captured')"


@pytest.mark.parametrize("options", ["", ", close_fds=False", ", stderr=subprocess.STDOUT, start_new_session=True"])
def test_a_child_whose_output_is_captured_reaches_the_channel(options: str, tmp_path: Path) -> None:
    script = (
        f"import subprocess, sys\ncommand = [sys.executable, '-c', {CHILD!r}]\n"
        f"out = subprocess.run(command, stdout=subprocess.PIPE{options})\n"
        "assert out.stdout == b'captured\\n', out.stdout\nassert out.returncode == 0"
    )
    text, records = run_job(tmp_path, script)
    assert text == b""
    assert logged(records) == [("from the child", 1)]


def test_a_file_that_took_the_descriptor_is_left_alone(tmp_path: Path) -> None:
    script = (
        "import os\nfd = int(os.environ['AMLTRAIN_RECORD_FD'])\nos.close(fd)\n"
        "os.dup2(os.open('data', os.O_CREAT | os.O_WRONLY), fd)\n" + GET_RUN + "run.log('loss', 1)"
    )
    _, records = run_job(tmp_path, script)
    assert (tmp_path / "data").read_bytes() == b""
    assert logged(records) == [("loss", 1)]


def test_forked_and_spawned_workers_are_writers_of_their_own(tmp_path: Path) -> None:
    script = (
        "import multiprocessing as mp\n" + GET_RUN + "def work(how):\n    for i in range(3):\n        run.log(how, i)\n"
        "if __name__ == '__main__':\n"
        "    run.log('parent', 0)\n"
        "    for how in ('fork', 'spawn', 'forkserver'):\n"
        "        p = mp.get_context(how).Process(target=work, args=(how,))\n        p.start()\n        p.join()\n"
        "    run.log('parent', 1)\n"
    )
    _, records = run_job(tmp_path, script)
    assert_gapless(records)
    assert len({record["w"] for record in records}) == 4
    workers = [(how, i) for how in ("fork", "spawn", "forkserver") for i in range(3)]
    assert logged(records) == [("parent", 0), *workers, ("parent", 1)]


def test_processes_and_threads_writing_at_once_keep_every_record_and_line_whole(tmp_path: Path) -> None:
    script = (
        "import os, sys, threading\n" + GET_RUN + "def work(who):\n"
        "    for i in range(250):\n"
        "        os.write(1, (f'{who} line {i} ' + 'x' * (i * 7 % 900) + '\\n').encode())\n"
        "        run.log(who, 'y' * (i * 13 % 3100), step=i)\n"
        "        if i % 50 == 0:\n            run.log_list(who + ' long', list(range(2000)))\n"
        "children = []\n"
        "for _ in range(3):\n"
        "    children.append(os.fork())\n"
        "    if children[-1] == 0:\n        children = []\n        break\n"
        "who = str(os.getpid())\n"
        "threads = [threading.Thread(target=work, args=(f'{who}/{n}',)) for n in range(2)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "for child in children: os.waitpid(child, 0)\n"
    )
    text, records = run_job(tmp_path, script)
    lines = text.decode().splitlines()
    who = {line.split()[0] for line in lines}
    assert len(who) == 8
    assert sorted(lines) == sorted(f"{name} line {i} " + "x" * (i * 7 % 900) for name in who for i in range(250))
    for name in who:
        values = [(p.step, p.value) for record in records for p in points(record) if p.name == name]
        assert values == [(i, "y" * (i * 13 % 3100)) for i in range(250)]
        long = [p.value for record in records for p in points(record) if p.name == name + " long"]
        assert long == [list(range(2000))] * 5


def test_a_reader_that_went_away_does_not_break_the_script(tmp_path: Path) -> None:
    script = (
        GET_RUN + "from amltrain_job.channel import channel\nimport sys\nsys.stdin.read()\n"
        "run.log('loss', 1)\nprint(channel.dropped, file=sys.stderr)"
    )
    (tmp_path / "train.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(JOB / "launch.py"), "train.py"],
        cwd=tmp_path,
        env={**os.environ, "AMLTRAIN_RUN_ID": "x"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"1\n")


def test_who_does_not_read_costs_the_script_nothing_and_loses_nothing_when_he_comes_back(tmp_path: Path) -> None:
    script = (
        GET_RUN + "import sys, time\nbegan = time.monotonic()\n"
        "for i in range(50_000):\n    run.log('loss', i / 7, step=i)\n"
        "print(time.monotonic() - began, file=sys.stderr, flush=True)\n"
    )
    process = start_job(tmp_path, script)
    assert process.stderr is not None
    # The pipe is full long before the script has logged everything; only then somebody reads.
    assert float(process.stderr.readline()) < 10
    output, _ = process.communicate(timeout=60)
    _, records = split(output)
    assert_gapless(records)
    assert [point.step for record in records for point in points(record)] == list(range(50_000))
    assert len(records) < 2000


def test_what_does_not_fit_because_nobody_reads_is_dropped_counted_and_told(tmp_path: Path) -> None:
    script = (
        "import amltrain_job.channel as module, sys\nmodule.LIMIT_CHARACTERS, module.PATIENCE_S = 100_000, 0.2\n"
        + GET_RUN
        + "for i in range(20_000):\n    run.log('loss', i)\n"
        "print(module.channel.dropped, file=sys.stderr, flush=True)\nsys.stdin.read()\nrun.log('loss', -1)"
    )
    process = start_job(tmp_path, script)
    assert process.stderr is not None
    assert process.stdin is not None
    dropped = int(process.stderr.readline())
    process.stdin.close()
    process.stdin = None
    output, _ = process.communicate(timeout=60)
    _, records = split(output)
    assert_gapless(records)
    values = [point.value for record in records for point in points(record)]
    lost = sum(record["v"] for record in records if record["k"] == "lost")
    assert 10_000 < dropped <= lost <= dropped + 1
    assert values == [*range(20_000 - dropped), -1][: 20_001 - lost]


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "os._exit(0)",
        "sys.exit(0)",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getpid(), 9)",
        "os.killpg(0, 15)",
        "os.abort()",
        "1 / 0",
        "threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(60)",
    ],
)
def test_a_storm_is_whole_however_the_process_ends(ending: str, tmp_path: Path) -> None:
    script = GET_RUN + f"import os, sys, threading, time\nfor i in range(5005):\n    run.log('loss', i)\n{ending}"
    output, _ = start_job(tmp_path, script).communicate(timeout=60)
    _, records = split(output)
    assert_gapless(records)
    assert [value for _, value in logged(records)] == list(range(5005))
    assert len(records) < 500


def test_what_is_logged_after_our_part_of_the_exit_is_there(tmp_path: Path) -> None:
    script = (
        GET_RUN + "import atexit\ndef log(name):\n    for i in range(3003):\n        run.log(name, i)\n"
        "class Last:\n    def __del__(self):\n        log('deleted')\n"
        "last = Last()\natexit.register(log, 'at exit')\nlog('before')"
    )
    _, records = run_job(tmp_path, script)
    assert logged(records) == [(name, i) for name in ("before", "at exit", "deleted") for i in range(3003)]


def test_few_values_are_written_in_the_call_and_no_thread_is_there(tmp_path: Path) -> None:
    script = (
        GET_RUN + "import os, signal, threading, time\n"
        "for i in range(10):\n    run.log('loss', i); time.sleep(0.002)\n"
        "assert threading.active_count() == 1\nsignal.raise_signal(signal.SIGKILL)"
    )
    output, _ = start_job(tmp_path, script).communicate(timeout=60)
    _, records = split(output)
    assert [value for _, value in logged(records)] == list(range(10))
    assert len(records) == 10


def test_values_of_a_quick_training_share_their_writes(tmp_path: Path) -> None:
    script = (
        GET_RUN + "import time\nfor i in range(500):\n    run.log('loss', i); time.sleep(0.001)\nrun.tag('last', 1)"
    )
    _, records = run_job(tmp_path, script)
    assert_gapless(records)
    assert [value for _, value in logged(records)] == list(range(500))
    assert records[-1]["v"] == {"last": "1"}
    assert len(records) < 250


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_workers_of_a_pool_lose_nothing_when_it_ends_them(how: str, tmp_path: Path) -> None:
    script = (
        "import multiprocessing as mp\n" + GET_RUN + "def work(n):\n"
        "    for i in range(200):\n        run.log('worker %d' % n, i)\n"
        "if __name__ == '__main__':\n"
        "    for i in range(200):\n        run.log('parent', i)\n"
        f"    for n in (0, 3, 6):\n        with mp.get_context({how!r}).Pool(3) as pool:\n"
        "            pool.map(work, range(n, n + 3))\n"
    )
    _, records = run_job(tmp_path, script)
    values: dict[str, list[Any]] = {}
    for name, value in logged(records):
        values.setdefault(name, []).append(value)
    assert values == {name: list(range(200)) for name in ("parent", *(f"worker {n}" for n in range(9)))}


def test_forks_in_a_storm_neither_double_nor_lose_nor_warn(tmp_path: Path) -> None:
    script = (
        "import os, threading, warnings\nwarnings.simplefilter('error')\n" + GET_RUN + "children = []\n"
        "for n in range(20):\n"
        "    for i in range(997):\n        run.log('parent', n * 997 + i)\n"
        "    children.append(os.fork())\n"
        "    if not children[-1]:\n"
        "        for i in range(501):\n            run.log('child %d' % n, i)\n"
        "        os._exit(0)\n"
        "for child in children: os.waitpid(child, 0)"
    )
    _, records = run_job(tmp_path, script)
    assert_gapless(records)
    values: dict[str, list[Any]] = {}
    for name, value in logged(records):
        values.setdefault(name, []).append(value)
    assert values.pop("parent") == list(range(20 * 997))
    assert values == {f"child {n}": list(range(501)) for n in range(20)}


def test_a_fork_beside_a_thread_that_logs_is_quiet(tmp_path: Path) -> None:
    script = (
        GET_RUN + "import itertools, os, threading\nover = threading.Event()\ndef log():\n"
        "    for i in itertools.count():\n        run.log('thread', i)\n"
        "        if over.wait(0.0005):\n            break\n"
        "thread = threading.Thread(target=log)\nthread.start()\n"
        "for n in range(100):\n    child = os.fork()\n    if not child:\n"
        "        for i in range(40):\n            run.log('child %d' % n, i)\n        os._exit(0)\n"
        "    os.waitpid(child, 0)\nover.set()\nthread.join()"
    )
    _, records = run_job(tmp_path, script)
    values: dict[str, list[Any]] = {}
    for name, value in logged(records):
        values.setdefault(name, []).append(value)
    of_thread = values.pop("thread")
    assert of_thread == list(range(len(of_thread)))
    assert values == {f"child {n}": list(range(40)) for n in range(100)}


def test_the_rest_of_a_storm_is_written_soon(tmp_path: Path) -> None:
    script = GET_RUN + "import sys\nfor i in range(3003):\n    run.log('loss', i)\nsys.stdin.read()"
    process = start_job(tmp_path, script)
    assert process.stdout is not None
    seen = b""
    while b'["loss",3002,' not in seen:
        seen += os.read(process.stdout.fileno(), 1 << 16)
    process.communicate(timeout=60)


def test_signal_handlers_may_log_in_the_middle_of_a_storm(tmp_path: Path) -> None:
    # The next signal is ordered by a handler and comes in the middle of it where the machine is slow, so handlers lie
    # in each other; four at the most, or they would use up Python's stack and never let the script go on.
    script = (
        GET_RUN + "import itertools, signal\ncount, depth = itertools.count(), 0\n"
        "def order():\n    signal.setitimer(signal.ITIMER_REAL, 0.00005)\n"
        "def tick(*_):\n    global depth\n    depth += 1\n    if depth < 4:\n        order()\n"
        "    run.log('tick', next(count))\n    depth -= 1\n"
        "signal.signal(signal.SIGALRM, tick)\n"
        "for i in range(30_000):\n    if i % 500 == 0:\n        order()\n    run.log('loss', i)\n"
        "signal.signal(signal.SIGALRM, signal.SIG_IGN)\nprint(next(count))"
    )
    text, records = run_job(tmp_path, script)
    assert_gapless(records)
    values = logged(records)
    assert [value for name, value in values if name == "loss"] == list(range(30_000))
    # A handler may interrupt another one between the count and the log.
    assert sorted(value for name, value in values if name == "tick") == list(range(int(text)))


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.lists(plain, max_size=30), max_size=5), st.integers(0, 6000))
def test_every_record_fits_its_envelopes_and_comes_back(columns: dict[str, list[Any]], padding: int) -> None:
    values: dict[str, list[Any]] = {name: [plain_value(cell) for cell in cells] for name, cells in columns.items()}
    values["padding"] = ['"\\' * padding]
    sent = list(envelopes({"w": "12345-abcdef", "q": 1, "r": 0, "t": 1.0, "k": "table", "n": "t", "v": values}))
    assert all(len(envelope) <= MAX_ENVELOPE_BYTES and envelope.isascii() for envelope in sent)
    text, [record] = split("".join(sent).encode("ascii"))
    assert text == b""
    [point] = points(record)
    expected = {name: [_as_stored(cell) for cell in cells] for name, cells in columns.items()}
    expected["padding"] = values["padding"]
    assert repr({name.encode("utf-8", "replace"): cells for name, cells in expected.items()}) == repr(
        {name.encode(): cells for name, cells in point.value.items()}
    )


def _as_stored(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value


class Zero:
    """Stands for numpy scalars and 0-d tensors."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        if self.value is None:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Zero(1.5), 1.5),
        (Zero(True), True),
        (Zero("text"), "text"),
        (float("nan"), {"f": "nan"}),
        (-float("inf"), {"f": "-inf"}),
        (10**400, {"f": "inf"}),
        (2**63, 2.0**63),
        (2**63 - 1, 2**63 - 1),
    ],
)
def test_plain_value(value: Any, expected: Any) -> None:
    result = plain_value(value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize("value", [Zero(None), [1], {}, b"x", 1j, object()])
def test_what_is_not_a_value(value: Any) -> None:
    with pytest.raises(TypeError, match=r"neither a number nor text|more than one value"):
        plain_value(value)
