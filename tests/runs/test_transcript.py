"""The text of wait_for_completion(show_output=True): the skeleton of azureml-v1.md section 9.3, byte for byte."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.errors import ActivityFailedException
from jupyter_amltrain.runs.follow import Update
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.runs.transcript import Transcript
from jupyter_amltrain.workspace import Workspace

DRIVER = "azureml-logs/70_driver_log.txt"
BUILD = "azureml-logs/20_image_build_log.txt"


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.create("test-ws", show_output=False)


def build_log(run: ScriptRun, data: bytes) -> None:
    Path(run._folder, BUILD).write_bytes(data)


def test_the_skeleton_of_a_completed_run(new_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(status="Completed", log=b"epoch 1\nepoch 2\n")
    build_log(run, b"Step 1/2\n")
    assert run.wait_for_completion(show_output=True) == run.get_details()
    url = run.get_portal_url()
    assert capsys.readouterr().out == (
        f"RunId: pets_1_a\nWeb View: {url}\n"
        "\nStreaming azureml-logs/20_image_build_log.txt\n"
        "=============================================\n\n"
        "Step 1/2\n"
        "\nStreaming azureml-logs/70_driver_log.txt\n"
        "========================================\n\n"
        "epoch 1\nepoch 2\n"
        "\nExecution Summary\n=================\n"
        f"RunId: pets_1_a\nWeb View: {url}\n\n"
    )


def test_a_run_without_output(new_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(status="Canceled")
    run.wait_for_completion(show_output=True)
    heading = f"RunId: pets_1_a\nWeb View: {run.get_portal_url()}\n"
    assert capsys.readouterr().out == f"{heading}\nExecution Summary\n=================\n{heading}\n"


def test_a_last_line_without_end_gets_one(new_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(status="Completed", log=b"50%\r100%")
    build_log(run, b"built")
    run.wait_for_completion(show_output=True)
    out = capsys.readouterr().out
    assert "\n\nbuilt\n\nStreaming azureml-logs/70" in out
    assert "\n\n50%\r100%\n\nExecution Summary" in out


def test_notes_are_shown_as_warnings(new_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(status="Completed", notes=("asked 6 CPUs, this host has 2",))
    run.wait_for_completion(show_output=True)
    heading = f"RunId: pets_1_a\nWeb View: {run.get_portal_url()}\n"
    assert capsys.readouterr().out.endswith(f"{heading}\nWarnings:\nasked 6 CPUs, this host has 2\n\n\n")


def test_a_failure_is_raised_right_after_the_summary(new_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(status="Failed", reason="exit code 3", log=b"boom\n", exit={"code": 3, "infrastructure": False})
    heading = f"RunId: pets_1_a\nWeb View: {run.get_portal_url()}\n"
    with pytest.raises(ActivityFailedException):
        run.wait_for_completion(show_output=True)
    assert capsys.readouterr().out.endswith(f"boom\n\nExecution Summary\n=================\n{heading}")


def test_a_failure_that_is_not_raised_is_shown(new_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(status="Failed", reason="exit code 3", exit={"code": 3, "infrastructure": False})
    details = run.wait_for_completion(show_output=True, raise_on_error=False)
    _, _, shown = capsys.readouterr().out.partition("\nError:\n")
    assert json.loads(shown) == details["error"]
    assert shown.endswith("}\n\n")


def test_characters_split_between_updates_stay_whole(workspace: Workspace, new_run: Any) -> None:
    run = new_run(status="Running")
    out = io.StringIO()
    transcript = Transcript(workspace.store, run.id, "u", out)
    record = workspace.store.run(run.id)
    data = "größe 雪\r".encode() + b"\xff\n" + "é".encode()[:1]
    for at in range(len(data)):
        transcript.take(Update(record, DRIVER, data[at : at + 1], at + 1))
    transcript.end()
    assert "\n\ngröße 雪\r\ufffd\n\ufffd\n\nExecution Summary" in out.getvalue()


class Ascii(io.TextIOWrapper):
    """A terminal that can show ASCII only."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii")


def test_a_terminal_that_cannot_show_a_character_gets_its_code(workspace: Workspace, new_run: Any) -> None:
    run = new_run(status="Running")
    out = Ascii()
    Transcript(workspace.store, run.id, "u", out).take(Update(workspace.store.run(run.id), DRIVER, "雪\n".encode(), 4))
    assert out.buffer.getvalue().endswith(b"\\u96ea\n")  # type: ignore[attr-defined]


def test_a_long_silent_state_is_told_once_with_its_reason(workspace: Workspace, new_run: Any) -> None:
    workspace.store.save_target("gpu-cluster", {"max_nodes": 1})
    new_run("pets_1_a", max_nodes=1)
    run = new_run("pets_2_b", max_nodes=1)
    later = 0.0
    out = io.StringIO()
    transcript = Transcript(workspace.store, run.id, "u", out, clock=lambda: time.time() + later)
    queued = Update(workspace.store.run(run.id))
    transcript.take(queued)
    assert out.getvalue() == ""
    later = 3.0
    transcript.take(queued)
    transcript.take(queued)
    told = "Queued: waiting for a free slot on gpu-cluster (1 of 1 in use); next in line\n"
    assert out.getvalue() == told
    workspace.store.move(run.id, "Preparing", "pulling fastai2")
    transcript.take(Update(workspace.store.run(run.id)))
    assert out.getvalue() == f"{told}Preparing: pulling fastai2\n"
    workspace.store.move(run.id, "Running")
    transcript.take(Update(workspace.store.run(run.id)))
    assert out.getvalue() == f"{told}Preparing: pulling fastai2\n"


def test_a_state_that_has_output_is_not_told(workspace: Workspace, new_run: Any) -> None:
    run = new_run()
    out = io.StringIO()
    transcript = Transcript(workspace.store, run.id, "u", out, clock=lambda: time.time() + 60)
    record = workspace.store.run(run.id)
    transcript.take(Update(record, BUILD, b"Step 1\n", 7))
    transcript.take(Update(record))
    assert out.getvalue().endswith("\n\nStep 1\n")


def test_a_long_pull_tells_how_far_it_is(workspace: Workspace, new_run: Any) -> None:
    run = new_run()
    now = time.time()
    out = io.StringIO()
    transcript = Transcript(workspace.store, run.id, "u", out, clock=lambda: now)
    workspace.store.move(run.id, "Preparing", "pulling fastai2")
    transcript.take(Update(workspace.store.run(run.id), BUILD, b"Pulling fastai2\n", 16))
    before = out.getvalue()
    for seconds in range(12):
        now += 1.0
        workspace.store.update_run(run.id, reason=f"pulling fastai2: {seconds} of 12 layers")
        transcript.take(Update(workspace.store.run(run.id)))
    lines = "… pulling fastai2: 5 of 12 layers\n… pulling fastai2: 11 of 12 layers\n"
    assert out.getvalue() == f"{before}{lines}"


def test_output_arrives_while_the_run_goes_on(
    workspace: Workspace, new_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job writes its second line only after the first one was seen."""
    run = new_run(status="Running", log=b"first\n")
    seen = threading.Event()

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            if "first" in text:
                seen.set()
            return super().write(text)

    def job() -> None:
        seen.wait(30)
        with open(Path(run._folder, DRIVER), "ab") as log:
            log.write(b"second\n")
        workspace.store.move(run.id, "Completed")

    out = Out()
    monkeypatch.setattr("sys.stdout", out)
    thread = threading.Thread(target=job)
    thread.start()
    run.wait_for_completion(show_output=True)
    thread.join()
    assert "\n\nfirst\nsecond\n\nExecution Summary" in out.getvalue()
