"""What a view shows of a run: its phases as they went, and a state that stays small whatever its user wrote."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pytest

from jupyter_amltrain.engines.protocol import Exit
from jupyter_amltrain.runs import status as states
from jupyter_amltrain.runs.control import cancel
from jupyter_amltrain.runs.folder import code_folder
from jupyter_amltrain.runs.phases import phases_of
from jupyter_amltrain.runs.record import RunRecord, Transition
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.runs.run_state import Phase, RunState
from jupyter_amltrain.runs.shorten import cut, first_within, json_size
from jupyter_amltrain.runs.state_of import MOST_BYTES, StateReader, run_state
from jupyter_amltrain.workspace import Workspace

from .conftest import Submit, set_target, wait_for_end, wait_until

UNTIL_TOLD = """
import os, time
while not os.path.exists('enough'):
    time.sleep(0.01)
"""


def state_of(workspace: Workspace, run: ScriptRun) -> RunState:
    return run_state(workspace.store, workspace.run_folder(run.id), workspace.store.run(run.id), time.time())


def phases(state: RunState) -> dict[str, Phase]:
    return {phase.name: phase for phase in state.phases}


def in_words(state: RunState) -> dict[str, str]:
    return {phase.name: phase.state for phase in state.phases}


def tell_enough(workspace: Workspace, run: ScriptRun) -> None:
    (workspace.run_folder(run.id) / "work/code/enough").touch()


def test_a_run_from_submit_to_end(workspace: Workspace, submit: Submit) -> None:
    first, second = submit(UNTIL_TOLD, "--epochs", "3"), submit("import sys; sys.exit(3)")
    wait_until(lambda: first.get_status() == "Running", "the first run to run")
    going = state_of(workspace, first)
    assert in_words(going) == {
        **{"snapshot": "done", "queue": "skipped", "image": "done", "start": "done"},
        **{"run": "now", "finalise": "todo"},
    }
    assert phases(going)["image"].note == "cached"
    assert phases(going)["snapshot"].note == f"1 file, {len(UNTIL_TOLD)} bytes"
    assert (going.script, going.arguments, going.environment) == ("train.py", ("--epochs", "3"), "plain")
    assert going.image.startswith("python-base:1@sha256:")
    assert (going.can_cancel, going.can_rerun, going.from_cell, going.isolated) == (True, True, False, True)

    waiting = state_of(workspace, second)
    assert in_words(waiting) == {
        **{"snapshot": "done", "queue": "now", "image": "todo"},
        **{"start": "todo", "run": "todo", "finalise": "todo"},
    }
    assert phases(waiting)["queue"].note == waiting.reason
    assert waiting.reason == "waiting for a free slot on docker-target (1 of 1 in use); next in line"

    tell_enough(workspace, first)
    assert wait_for_end(workspace, first.id) == "Completed"
    ended = state_of(workspace, first)
    assert {*in_words(ended).values()} == {"done", "skipped"}
    times = [time for phase in ended.phases if phase.begin for time in (phase.begin, phase.end or 0)]
    assert times == sorted(times)
    assert times[-1] == ended.ended

    assert wait_for_end(workspace, second.id) == "Failed"
    failed = state_of(workspace, second)
    assert in_words(failed) == {
        **{"snapshot": "done", "queue": "done", "image": "done", "start": "done"},
        **{"run": "failed", "finalise": "done"},
    }
    assert not failed.can_cancel


def test_a_canceled_run_says_where(workspace: Workspace, submit: Submit) -> None:
    running, waiting = submit(UNTIL_TOLD), submit(UNTIL_TOLD)
    wait_until(lambda: running.get_status() == "Running", "the first run to run")
    for run in (waiting, running):
        cancel(workspace.folder, workspace.store, run.id)
    assert wait_for_end(workspace, running.id) == "Canceled"
    ended = state_of(workspace, running)
    assert (phases(ended)["run"].state, phases(ended)["run"].note) == ("canceled", "canceled")
    assert [name for name, state in in_words(ended).items() if state == "canceled"] == ["run"]
    assert in_words(ended)["finalise"] == "done"
    stopped = state_of(workspace, waiting)
    assert phases(stopped)["queue"] == dataclasses.replace(phases(stopped)["queue"], state="canceled", note="canceled")
    assert in_words(stopped)["run"] == "skipped"


def test_a_run_whose_image_cannot_be_had_fails_there(workspace: Workspace, submit: Submit) -> None:
    run = submit("print(1)", dockerfile="FROM python-base:1\nRUN exit 4\n")
    assert wait_for_end(workspace, run.id) == "Failed"
    assert in_words(state_of(workspace, run)) == {
        **{"snapshot": "done", "queue": "skipped", "image": "failed"},
        **{"start": "skipped", "run": "skipped", "finalise": "skipped"},
    }
    failure = state_of(workspace, run).failure
    assert failure is not None
    assert "failed at Dockerfile line 2, `RUN exit 4`" in failure.title
    assert failure.exit_code is None


FAILURES: list[tuple[str, dict[str, Any], str, str]] = [
    ("import cv2", {}, "The script raised ModuleNotFoundError: No module named 'cv2'", "opencv-python-headless"),
    ("import ctypes\nctypes.string_at(0)", {}, "A native library crashed", "faulthandler"),
    (
        "import ctypes, faulthandler\nfaulthandler.enable()\ndef crash():\n    ctypes.string_at(0)\ncrash()",
        {},
        "Python crashed: Segmentation fault.",
        "",
    ),
    (
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        {"memory": "512m"},
        "It was killed from outside.",
        "If nobody did that by hand",
    ),
    ("x = []\nwhile True: x.append(bytearray(b'1' * 5000000))", {"memory": "64m"}, "killed for memory", "128m"),
    (
        "open('/dev/shm/x', 'wb').write(b'1' * (80 << 20))",
        {"shm": "64m"},
        "The script raised OSError: [Errno 28] No space left on device",
        "--shm 8g",
    ),
    (
        "import mmap\nfile = open('/dev/shm/x', 'w+b')\nfile.truncate(80 << 20)\nmemory = mmap.mmap(file.fileno(), 0)\n"
        "for at in range(0, 80 << 20, 4096): memory[at] = 1",
        {"shm": "64m"},
        "It touched memory that is not there.",
        "--shm 8g",
    ),
    ("x = = 1", {}, "The script raised SyntaxError: invalid syntax", ""),
    ("open('/data/pets')", {}, "The script raised FileNotFoundError", "--input NAME=PATH"),
]


@pytest.mark.parametrize(("script", "limits", "title", "advice"), FAILURES)
def test_why_it_failed(
    workspace: Workspace, submit: Submit, script: str, limits: dict[str, Any], title: str, advice: str
) -> None:
    set_target(workspace, max_nodes=1, memory=limits.get("memory"))
    run = submit(script, shm=limits.get("shm", ""))
    assert wait_for_end(workspace, run.id) == "Failed"
    failure = state_of(workspace, run).failure
    assert failure is not None
    assert title in failure.title
    words = repr(failure.causes)
    assert advice in words if advice else not failure.causes
    crashed = "Error" in failure.title or "Python crashed" in failure.title
    assert [frame.file for frame in failure.frames][-1:] == (["train.py"] if crashed else [])


def test_why_a_run_on_this_machine_failed(workspace: Workspace, submit: Submit) -> None:
    run = submit("def f():\n    raise ValueError('bad')\nf()", target="local", image="")
    assert wait_for_end(workspace, run.id) == "Failed"
    failure = state_of(workspace, run).failure
    assert failure is not None
    assert [(frame.file, frame.line, frame.in_snapshot) for frame in failure.frames] == [
        ("train.py", 3, True),
        ("train.py", 2, True),
    ]


def test_what_the_job_wrote_and_logged_is_counted(workspace: Workspace, submit: Submit) -> None:
    run = submit("open('outputs/a', 'w').write('12345'); open('logs/b', 'w').write('1')")
    assert wait_for_end(workspace, run.id) == "Completed"
    run.tag("kind", "a")
    state = state_of(workspace, run)
    assert (state.output_count, state.output_bytes) == (2, 6)
    assert state.tags == (("kind", "a"),)
    assert [log.name for log in state.logs] == [
        "azureml-logs/60_control_log.txt",
        "azureml-logs/70_driver_log.txt",
    ]


def test_it_stays_small_whatever_the_user_wrote(workspace: Workspace, new_run: Any) -> None:
    run = new_run()
    nasty = "\x00\u202e\U0001f600\"'<script>\n"
    workspace.store.set_tags(run.id, {f"{number} {nasty * 50}": nasty * 1000 for number in range(10_000)})
    record = workspace.store.run(run.id)
    definition = {
        **record.definition,
        "script": nasty * 10_000,
        "arguments": [nasty * 100_000] * 1000,
        "environment": {**record.definition["environment"], "name": nasty * 1000, "version": "1"},
    }
    many = dataclasses.replace(
        record,
        definition=definition,
        reason=nasty * 10_000,
        display_name=nasty * 1000,
        snapshot={"notes": [nasty * 1000] * 1000, "summary": nasty * 1000},
        image={"name": nasty * 1000, "digest": "sha256:1", "reference": "r", "at": 5.0},
        status=states.FAILED,
        exit={"code": 1, "reason": nasty},
        error={"message": nasty * 1000},
    )
    frame = '  File "/amltrain/run/code/train.py", line 1, in f\n    '
    log = "Traceback (most recent call last):\n" + f"{frame}{nasty * 100}\n".replace("\n\n", "\n") * 100
    driver = workspace.run_folder(run.id) / "azureml-logs/70_driver_log.txt"
    driver.write_text(f"{log}CUDA out of memory: {nasty * 1000}")
    state = run_state(workspace.store, workspace.run_folder(run.id), many, time.time())
    assert json_size(dataclasses.asdict(state)) < MOST_BYTES
    assert state.tags[-1][0] == "…"
    assert int(state.tags[-1][1].split()[0]) + len(state.tags) - 1 == 10_000


def test_a_reader_keeps_what_changes_no_more(
    workspace: Workspace, new_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run()
    folder = workspace.run_folder(run.id)
    reader = StateReader(workspace.store, folder)
    workspace.store.move(run.id, states.FINALIZING, "collecting", exit=dataclasses.asdict(Exit(0)))
    workspace.store.move(run.id, states.COMPLETED)
    record = workspace.store.run(run.id)
    state = reader.read(record, 1.0)
    (code_folder(folder) / "outputs").mkdir(parents=True, exist_ok=True)
    assert reader.read(record, 2.0) is state
    run.tag("late", "1")
    assert reader.read(record, 3.0).tags == (("late", "1"),)


@pytest.mark.parametrize(
    ("changes", "exit_", "expected"),
    [
        ([("Preparing", 1), ("Starting", 3), ("Failed", 4)], None, {"start": "failed", "run": "skipped"}),
        ([("Preparing", 1), ("Starting", 3), ("Running", 4), ("Failed", 5)], None, {"run": "failed"}),
        (
            [("Preparing", 1), ("Starting", 3), ("Running", 4), ("Finalizing", 5), ("Failed", 6)],
            {"code": 0},
            {"run": "done", "finalise": "failed"},
        ),
        (
            [("Preparing", 1), ("Starting", 3), ("Running", 4), ("Finalizing", 5), ("Failed", 6)],
            {"code": None},
            {"run": "failed", "finalise": "done"},
        ),
        (
            [("Preparing", 1), ("Starting", 3), ("Preparing", 4), ("Starting", 5)],
            None,
            {"image": "done", "start": "now"},
        ),
    ],
)
def test_the_phase_that_failed(changes: list[tuple[str, float]], exit_: Any, expected: dict[str, str]) -> None:
    transitions = [Transition("NotStarted", "submitted", 0), *(Transition(state, "", at) for state, at in changes)]
    status = transitions[-1].status
    record = RunRecord(1, "E_1_a", "E", "t", "docker", 1, status, "", 0.0, {}, exit=exit_, image={"at": 2.0})
    found = {phase.name: phase.state for phase in phases_of(record, transitions, "")}
    assert {name: found[name] for name in expected} == expected


def test_texts_are_cut_to_a_size_as_json() -> None:
    for text in ("plain", "x" * 1000, "\x00" * 1000, "é" * 500, "\U0001f600" * 300, ""):
        for most in (10, 100, 5000):
            assert json_size(cut(text, most)) - 2 <= most
    assert cut("plain", 5) == "plain"
    assert first_within(["a", "b", "c"], 11) == ["a", "b"]
    assert cut("\udcff", 5) == "?"
    assert json.loads(json.dumps(cut("\U0001f600" * 100, 50))) == "\U0001f600" * 3 + "…"
