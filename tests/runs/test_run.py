"""Run and ScriptRun over a real store and real files; the shapes are those of azureml-v1.md sections 9 and 10."""

from __future__ import annotations

import inspect
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.errors import (
    ActivityFailedException,
    ExperimentExecutionException,
    NameNotFoundException,
    RunEnvironmentException,
    UserErrorException,
)
from jupyter_amltrain.runs.details import RunDetails
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.runs.folder import code_folder
from jupyter_amltrain.runs.record import NewPoint, Position
from jupyter_amltrain.runs.run import Run, ScriptRun
from jupyter_amltrain.workspace import Workspace


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.create("test-ws", show_output=False)


# Parameter names of azureml-core 1.61.0.post4, read with inspect.signature; ours may have no others.
SIGNATURES = {
    "__init__": "self experiment run_id outputs kwargs",
    "add_properties": "self properties",
    "cancel": "self",
    "download_file": "self name output_file_path _validate_checksum",
    "download_files": "self prefix output_directory output_paths batch_size append_prefix timeout_seconds",
    "get": "workspace run_id",
    "get_all_logs": "self destination",
    "get_context": "allow_offline used_for_context_manager kwargs",
    "get_metrics": "self name recursive run_type populate",
    "list": "experiment type tags properties status include_children _rehydrate_runs",
    "remove_tags": "self tags",
    "set_tags": "self tags",
    "tag": "self key value",
    "wait_for_completion": "self show_output wait_post_processing raise_on_error",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_parameters_are_those_of_the_sdk_in_its_order(name: str) -> None:
    assert list(inspect.signature(getattr(Run, name)).parameters) == SIGNATURES[name].split()


def log_points(workspace: Workspace, run: Run, *points: tuple[str, str, Any]) -> None:
    new = [NewPoint(name, kind, value, None, 1.0, 0) for name, kind, value in points]
    workspace.store.take_in(workspace.store.run(run.id), Position(), new)


# --- identity --------------------------------------------------------------------------------------------------------


def test_str_is_exactly_that_of_the_sdk(new_run: Any) -> None:
    run = new_run()
    expected = "Run(Experiment: pets,\nId: pets_1_a,\nType: azureml.scriptrun,\nStatus: Preparing)"
    assert (str(run), repr(run)) == (expected, expected)


def test_html_has_the_columns_of_the_sdk_and_escapes(new_run: Any) -> None:
    html = new_run(status="Failed", reason="<script>alert(1)</script>")._repr_html_()
    assert re.findall("<th(?: [^>]*)?>(.*?)</th>", html) == [
        "Experiment",
        "Id",
        "Type",
        "Status",
        "Details Page",
        "Reason",
    ]
    assert html.startswith('<table class="jp-amltrain-run">')
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_identity(workspace: Workspace, new_run: Any) -> None:
    run = new_run()
    assert (run.id, run.number, run.type, run.status) == ("pets_1_a", 1, "azureml.scriptrun", "Preparing")
    assert (run.experiment, run.get_snapshot_id()) == (Experiment(workspace, "pets"), "55555555")
    assert run.get_portal_url() == workspace.run_folder(run.id).as_uri()
    assert run.get_environment().name == "fastai2"
    assert {run} == {Run.get(workspace, run.id)}


def test_an_unknown_id_is_refused_with_the_nearest(workspace: Workspace, new_run: Any) -> None:
    new_run("pets_1600000000_aaaaaaaa")
    with pytest.raises(NameNotFoundException, match="did you mean 'pets_1600000000_aaaaaaaa'"):
        Run(Experiment(workspace, "pets"), "pets_1600000000_aaaaaaab")
    with pytest.raises(NameNotFoundException, match="did you mean 'pets_1600000000_aaaaaaaa'"):
        Run.get(workspace, "pets_1600000000_aaaaaaa")


def test_a_run_of_another_experiment_is_refused(workspace: Workspace, new_run: Any) -> None:
    run = new_run()
    with pytest.raises(UserErrorException, match="belongs to experiment 'pets', not 'cars'"):
        Run(Experiment(workspace, "cars"), run.id)
    with pytest.raises(UserErrorException, match=r"ws\.get_run"):
        Run(workspace, run.id)  # type: ignore[arg-type]


def test_two_objects_of_one_run_say_the_same(workspace: Workspace, new_run: Any) -> None:
    run, other = new_run(), Run.get(workspace, "pets_1_a")
    workspace.store.move(run.id, "Running")
    assert (run.get_status(), other.get_status()) == ("Running", "Running")


@pytest.mark.parametrize(
    ("name", "said"),
    [("clean", "not available yet"), ("get_secret", "no key vault"), ("get_statsu", "did you mean 'get_status'")],
)
def test_what_is_not_there_says_so(new_run: Any, name: str, said: str) -> None:
    with pytest.raises(AttributeError, match=said):
        getattr(new_run(), name)


def test_context_in_a_notebook_is_offline_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.get_context()
    assert run.id.startswith("OfflineRun_")
    assert Run.get_context() is run
    run.log("loss", 0.5)
    assert capsys.readouterr().out == "Attempted to log scalar metric loss:\n0.5\n"
    with pytest.raises(Exception, match="not started by a run") as error:
        Run.get_context(allow_offline=False)
    assert type(error.value).__name__ == RunEnvironmentException.__name__


# --- tags, properties, metrics ---------------------------------------------------------------------------------------


def test_tags(new_run: Any) -> None:
    run = new_run(tags={"a": "1"})
    run.tag("Competition Rank", 1)
    run.tag("flag")
    run.set_tags({"a": "2"})
    assert run.get_tags() == run.tags == {"a": "2", "Competition Rank": "1", "flag": None}
    run.remove_tags(["a", "never"])
    run.remove_tags("flag")
    assert run.get_tags() == {"Competition Rank": "1"}
    with pytest.raises(UserErrorException, match="tags are a dictionary"):
        run.set_tags("a")
    with pytest.raises(UserErrorException, match="is text, not 5"):
        run.tag(5)


def test_properties_never_change(new_run: Any) -> None:
    run = new_run()
    run.add_properties({"author": 7})
    with pytest.raises(ExperimentExecutionException, match="'author'"):
        run.add_properties({"new": "x", "author": "8"})
    assert run.get_properties() == run.properties == {"ContentSnapshotId": "55555555", "author": "7"}


def test_metrics(workspace: Workspace, new_run: Any) -> None:
    run = new_run()
    log_points(workspace, run, ("mse", "scalar", 0.5), ("alpha", "scalar", 1), ("mse", "scalar", 0.25))
    assert run.get_metrics() == {"mse": [0.5, 0.25], "alpha": 1}
    assert run.get_metrics("alpha") == {"alpha": 1}
    assert run.get_metrics(name="none") == {}


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def finished(workspace: Workspace, new_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptRun:
    run: ScriptRun = new_run(status="Completed", log=b"hello \xff\n")
    code = code_folder(workspace.run_folder(run.id))
    (code / "logs").mkdir()
    (code / "logs/train.log").write_text("x")
    (code / "outputs/deep").mkdir()
    (code / "outputs/model.pkl").write_bytes(b"123")
    (code / "outputs/deep/a.txt").write_text("a")
    monkeypatch.chdir(tmp_path)
    return run


def test_file_names(finished: ScriptRun) -> None:
    assert finished.get_file_names() == [
        "azureml-logs/70_driver_log.txt",
        "logs/train.log",
        "outputs/deep/a.txt",
        "outputs/model.pkl",
    ]


def test_download_file(finished: ScriptRun, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (None, "folder", "new/", "renamed.bin"):
        finished.download_file("outputs/model.pkl", path)
    for made in ("model.pkl", "folder/model.pkl", "new/model.pkl", "renamed.bin"):
        assert (tmp_path / made).read_bytes() == b"123"
    with pytest.raises(NameNotFoundException, match=r"did you mean 'outputs/model\.pkl'"):
        finished.download_file("outputs/model.pk")


def made_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_download_files(finished: ScriptRun, tmp_path: Path) -> None:
    finished.download_files(prefix="outputs", output_directory="all")
    assert made_files(tmp_path / "all") == {"outputs/deep/a.txt", "outputs/model.pkl"}
    finished.download_files(prefix="outputs/", output_directory="bare", append_prefix=False)
    assert made_files(tmp_path / "bare") == {"deep/a.txt", "model.pkl"}
    finished.download_files(prefix="outputs", output_directory="named", output_paths=["1", "2"])
    assert made_files(tmp_path / "named") == {"1", "2"}
    finished.download_files(output_directory="every")
    assert made_files(tmp_path / "every") == set(finished.get_file_names())
    with pytest.raises(NameNotFoundException, match="no folder 'output'; did you mean 'outputs'"):
        finished.download_files(prefix="output")
    with pytest.raises(UserErrorException, match=r"names 1 file\(s\) and there are 2"):
        finished.download_files(prefix="outputs", output_paths=["1"])


def test_get_all_logs(finished: ScriptRun, tmp_path: Path) -> None:
    logs = ["azureml-logs/70_driver_log.txt", "logs/train.log"]
    assert finished.get_all_logs("copies") == [f"copies/{name}" for name in logs]
    assert finished.get_all_logs() == [f"assets/{finished.id}/{name}" for name in logs]
    assert (tmp_path / "copies" / logs[0]).read_bytes() == b"hello \xff\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(UserErrorException, match="exists and is not a directory"):
        finished.get_all_logs("file")


# --- details ---------------------------------------------------------------------------------------------------------

TRACEBACK = b"""epoch 1
Traceback (most recent call last):
  File "train.py", line 3, in <module>
    1 / 0
ZeroDivisionError: division by zero
"""
FAILED = {
    "status": "Failed",
    "reason": "exit code 1",
    "exit": {"code": 1, "reason": "exit code 1", "infrastructure": False},
    "error": {"code": "UserError", "message": "User program failed with ZeroDivisionError: division by zero"},
}


def test_details(finished: ScriptRun) -> None:
    details = finished.get_details()
    assert list(details) == [
        "runId",
        "target",
        "status",
        "endTimeUtc",
        "properties",
        "inputDatasets",
        "outputDatasets",
        "runDefinition",
        "logFiles",
    ]
    assert (details["runId"], details["target"], details["status"]) == ("pets_1_a", "gpu-cluster", "Completed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", details["endTimeUtc"])
    assert list(details["logFiles"]) == ["azureml-logs/70_driver_log.txt", "logs/train.log"]
    assert Path(details["logFiles"]["logs/train.log"]).read_text() == "x"
    definition = details["runDefinition"]
    assert (definition["script"], definition["arguments"], definition["nodeCount"]) == ("train.py", ["--lr", "0.1"], 1)
    assert definition["environment"]["name"] == "fastai2"
    assert json.loads(json.dumps(details)) == details
    assert finished.get_details_with_logs()["logFiles"]["azureml-logs/70_driver_log.txt"] == "hello \ufffd\n"


def test_details_of_a_failed_run(new_run: Any) -> None:
    error = new_run(log=TRACEBACK, **FAILED).get_details()["error"]
    assert error["error"]["code"] == "UserError"
    assert error["error"]["message"] == "User program failed with ZeroDivisionError: division by zero"
    assert error["error"]["details"] == TRACEBACK.decode().splitlines()


def test_an_infrastructure_failure_is_a_system_error(new_run: Any) -> None:
    ended = {"code": None, "reason": "the container was removed", "infrastructure": True}
    error = new_run(status="Failed", reason="the container was removed", exit=ended).get_details()["error"]["error"]
    assert (error["code"], error["message"], error["details"]) == ("SystemError", "the container was removed", [])


def test_a_long_traceback_is_shown_from_its_start(new_run: Any) -> None:
    frames = "".join(f'  File "m.py", line {n}\n' for n in range(40))
    log = f"{'noise' * 3}\n" * 30 + f"Traceback (most recent call last):\n{frames}ValueError: x\n"
    lines = new_run(log=log.encode(), **FAILED).get_details()["error"]["error"]["details"]
    assert (lines[0], lines[-1], len(lines)) == ("Traceback (most recent call last):", "ValueError: x", 42)


def test_error_lines_are_as_a_screen_shows_them(new_run: Any) -> None:
    lines = new_run(log=b" 1%\r 50%\r100%\r\n\x1b[31mred\x1b[0m\n", **FAILED).get_details()["error"]["error"]["details"]
    assert lines == ["100%", "red"]


def test_detailed_status_of_a_queued_run(workspace: Workspace, new_run: Any) -> None:
    workspace.store.save_target("gpu-cluster", {"max_nodes": 1})
    new_run("pets_1_a", max_nodes=1)
    status = new_run("pets_2_b", max_nodes=1).get_detailed_status()
    assert (status["status"], status["last_log_line"]) == ("Queued", "")
    assert status["reason"] == "waiting for a free slot on gpu-cluster (1 of 1 in use); next in line"
    assert status["details"] == status["reason"]
    assert 0 <= status["elapsed_s"] < 60


def test_a_run_whose_supervisor_died_gets_a_new_one_when_it_is_read(
    workspace: Workspace, new_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr("jupyter_amltrain.runs.reconcile.start_supervisor", lambda _, run_id: started.append(run_id))
    now = time.time()
    run = new_run(status="Running")
    monkeypatch.setattr(time, "time", lambda: now + 60)
    for _ in range(3):
        assert run.get_status() == "Running"
    assert started == ["pets_1_a"]


# --- waiting and canceling -------------------------------------------------------------------------------------------


def test_wait_is_silent_and_returns_the_details(finished: ScriptRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert finished.wait_for_completion() == finished.get_details()
    assert capsys.readouterr() == ("", "")


def test_wait_raises_the_error_of_a_failed_run_as_json(new_run: Any) -> None:
    run = new_run(log=TRACEBACK, **FAILED)
    with pytest.raises(ActivityFailedException) as error:
        run.wait_for_completion()
    head, _, text = error.value.message.partition("\n")
    assert head == "Activity Failed:"
    assert json.loads(text) == run.get_details()["error"]
    assert '"ZeroDivisionError: division by zero"' in text
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_wait_for_a_canceled_run_returns(new_run: Any) -> None:
    assert new_run(status="Canceled").wait_for_completion(show_output=True)["status"] == "Canceled"


def test_cancel_of_a_waiting_run(workspace: Workspace, new_run: Any) -> None:
    new_run("pets_1_a", max_nodes=1)
    run = new_run("pets_2_b", max_nodes=1)
    run.cancel()
    run.cancel()
    assert run.get_status() == "Canceled"


def test_interrupting_the_wait_tells_how_to_cancel(new_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    run = new_run(status="Running")
    monkeypatch.setattr("jupyter_amltrain.runs.follow.time.sleep", interrupt)
    with pytest.raises(ExperimentExecutionException) as error:
        run.wait_for_completion()
    assert "still executing" in error.value.message
    assert "run.cancel()" in error.value.message


# --- RunDetails ------------------------------------------------------------------------------------------------------


def test_run_details(workspace: Workspace, new_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(status="Completed", log=b"<b>bold</b>\n", tags={"a": "<i>"})
    log_points(workspace, run, ("loss", "scalar", 0.5), ("loss", "scalar", 0.25))
    RunDetails(run).show()
    text = capsys.readouterr().out
    assert "loss  █▁  0.25  (0.25 … 0.5, 2 values)" in text
    assert "| <b>bold</b>" in text
    html = RunDetails(run)._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;i&gt;" in html
    with pytest.raises(UserErrorException, match="takes a Run"):
        RunDetails("pets_1_a")  # type: ignore[arg-type]
