"""Runs that a notebook logs to itself, and what ``Run`` does from outside of a job."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.errors import (
    AzureMLException,
    ExperimentExecutionException,
    ModelPathNotFoundException,
    SnapshotException,
    UserErrorException,
)
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.runs.owner import how_it_went, this_process
from jupyter_amltrain.runs.reconcile import reconcile
from jupyter_amltrain.runs.run import Run
from jupyter_amltrain.workspace import Workspace


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.create("test-ws", show_output=False)


@pytest.fixture
def experiment(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    folder = tmp_path / "notebook"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)")
    monkeypatch.chdir(folder)
    return Experiment(workspace, "by-hand")


def test_a_run_from_start_to_end(experiment: Experiment, workspace: Workspace) -> None:
    run = experiment.start_logging(name="first try")
    assert type(run) is Run
    assert (run.type, run.status, run.display_name, run.name) == (None, "Running", "first try", "first try")
    assert run.get_details()["target"] == "sdk"
    assert str(run).startswith("Run(Experiment: by-hand,\nId: ")
    run.log("loss", 0.5, step=3)
    run.log("loss", "text")
    run.log_list("list", range(3))
    run.log_row("row", x=1)
    run.log_table("table", {"x": [1, 2]})
    Path("outputs/model.pkl").write_bytes(b"m")
    run.upload_file("notes/a.txt", io.BytesIO(b"from a stream"))
    reconcile(workspace.folder, workspace.store)
    run.complete()
    run.fail("too late")
    assert run.get_status() == run.wait_for_completion()["status"] == "Completed"
    assert run.get_metrics() == {"loss": [0.5, "text"], "list": [0, 1, 2], "row": {"x": 1}, "table": {"x": [1, 2]}}
    assert run.get_file_names() == ["notes/a.txt", "outputs/model.pkl"]
    run.download_files(output_directory="all")
    assert Path("all/notes/a.txt").read_bytes() == b"from a stream"
    assert list(experiment.get_runs()) == [run]
    assert list(experiment.get_runs(type="azureml.scriptrun")) == []


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (None, "Completed", ""),
        (SystemExit(), "Completed", ""),
        (SystemExit(0), "Completed", ""),
        (SystemExit(2), "Failed", "User program failed with SystemExit: 2"),
        (ValueError("no"), "Failed", "User program failed with ValueError: no"),
        (KeyboardInterrupt(), "Failed", "User program failed with KeyboardInterrupt: "),
    ],
)
def test_a_block_ends_its_run(experiment: Experiment, error: BaseException | None, status: str, message: str) -> None:
    run = experiment.start_logging()
    with pytest.raises(type(error)) if error else nullcontext(), run, run.child_run("c") as child:
        if error:
            raise error
    assert (run.get_status(), child.get_status()) == (status, status)
    if message:
        assert run.get_details()["error"]["error"]["message"] == message


def test_how_a_run_is_told_that_it_failed(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None, outputs=None)
    with pytest.raises(TypeError, match="string or BaseException"):
        run.fail(5)
    run.fail("the disk", error_code="Mine")
    error = run.get_details()["error"]["error"]
    assert (error["code"], error["message"]) == ("Mine", "the disk")
    other = experiment.start_logging(snapshot_directory=None, outputs=None)
    other.cancel()
    assert other.get_status() == "Canceled"


def test_children(experiment: Experiment) -> None:
    run = experiment.start_logging()
    child = run.child_run("one", run_id="my.child-1")
    below = child.child_run()
    folds = run.create_children(tag_key="fold", tag_values=[0, 1])
    numbered = run.create_children(count=2)
    assert [fold.get_tags() for fold in folds] == [{"fold": "0"}, {"fold": "1"}]
    assert numbered[1].get_tags() == {"azureml.batch_child_number": "1"}
    assert (child.id, child.parent, below.parent, run.parent) == ("my.child-1", run, child, None)
    assert [one.id for one in run.get_children()] == [one.id for one in (*reversed(numbered), *reversed(folds), child)]
    assert below in list(run.get_children(recursive=True))
    assert list(run.get_children(tags={"fold": 1})) == [folds[1]]
    assert len(list(run.get_children(tags="fold"))) == 2
    child.complete()
    assert list(run.get_children(status="Completed")) == [child]
    child.log("acc", 1)
    below.log("acc", 2)
    assert run.get_metrics() == {}
    found = run.get_metrics(recursive=True)
    assert (found[run.id], found[child.id], found[below.id]) == ({}, {"acc": 1}, {"acc": 2})
    assert len(found) == 7
    assert list(experiment.get_runs()) == [run]
    assert len(list(experiment.get_runs(include_children=True))) == 7
    with pytest.raises(UserErrorException, match="is a run 'my.child-1' already"):
        run.child_run(run_id="my.child-1")
    with pytest.raises(UserErrorException, match="cannot be a run id"):
        run.child_run(run_id="../x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "Either count or tag_key and tag_values must be set"),
        ({"tag_key": "a"}, "tag_values must not be null"),
        ({"tag_values": [1]}, "tag_key must not be null"),
        ({"count": 1, "tag_key": "a", "tag_values": [1]}, "count can not be set"),
        ({"count": 101}, "can not create more than 100"),
    ],
)
def test_wrong_wishes_for_children(experiment: Experiment, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UserErrorException, match=said):
        experiment.start_logging(snapshot_directory=None).create_children(**arguments)


def test_tags_properties_and_names(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.add_properties({"a": 1})
    with pytest.raises(ExperimentExecutionException, match="never change"):
        run.add_properties({"b": 2, "a": 1})
    assert run.get_properties() == {"a": "1"}
    run.display_name, run.description = "new name", "words"
    assert (run.display_name, run.description) == ("new name", "words")
    other = experiment.start_logging(snapshot_directory=None)
    other.add_properties({"a": 2})
    other.tag("t", 5)
    assert list(experiment.get_runs(properties="a")) == [other, run]
    assert list(experiment.get_runs(properties={"a": 1})) == [run]
    assert list(Run.list(experiment, tags={"t": "5"}, status="Running")) == [other]


def test_snapshots(experiment: Experiment, workspace: Workspace) -> None:
    run = experiment.start_logging()
    snapshot = run.get_snapshot_id()
    assert snapshot
    with pytest.raises(SnapshotException, match=f"already has one: {snapshot}"):
        run.take_snapshot(".")
    path = run.restore_snapshot(path="zips")
    assert Path(path) == Path("zips").absolute() / f"{snapshot}.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.read("train.py") == b"print(1)"
    bare = experiment.start_logging(snapshot_directory=None)
    assert bare.get_snapshot_id() is None
    with pytest.raises(SnapshotException, match="no snapshot"):
        bare.restore_snapshot()
    assert bare.take_snapshot("train.py") == bare.get_snapshot_id()
    assert {use.snapshot for use in workspace.store.uses()} == {snapshot, bare.get_snapshot_id()}
    with pytest.raises(SnapshotException, match="no file or folder"):
        experiment.start_logging(snapshot_directory="nowhere")


def test_uploads_never_replace_and_never_leave_the_folder(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.upload_file("a/b.txt", "train.py")
    for name, said in (
        ("a/b.txt", "already"),
        ("../x", "cannot be the name"),
        ("/x", "cannot be the name"),
        ("", "cannot"),
    ):
        with pytest.raises(UserErrorException, match=said):
            run.upload_file(name, "train.py")
    with pytest.raises(UserErrorException, match=r"none\.txt: No such file"):
        run.upload_file("x", "none.txt")
    with pytest.raises(TypeError, match="equal lengths"):
        run.upload_files(["a"], [])
    Path("folder/in").mkdir(parents=True)
    Path("folder/in/x").write_text("x")
    run.upload_folder("up", "folder")
    run.upload_files(["1", "2"], ["train.py", "train.py"])
    assert run.get_file_names() == ["1", "2", "a/b.txt", "up/in/x"]
    with pytest.raises(UserErrorException, match="is not a folder"):
        run.upload_folder("up", "train.py")


def test_of_two_uploads_of_one_name_the_later_is_refused(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)

    class Meanwhile:
        def read(self, size: int) -> bytes:
            if "x.txt" in run.get_file_names():
                return b""
            run.upload_file("x.txt", io.BytesIO(b"first"))
            assert run.get_file_names() == ["x.txt"]
            return b"second"

    with pytest.raises(UserErrorException, match="already"):
        run.upload_file("x.txt", Meanwhile())
    run.download_file("x.txt", "back.txt")
    assert Path("back.txt").read_bytes() == b"first"


def test_models(experiment: Experiment, workspace: Workspace) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.upload_file("model/a.bin", io.BytesIO(b"1"))
    run.upload_file("model/deep/b.bin", io.BytesIO(b"2"))
    model = run.register_model("pets", "model", tags={"q": 1}, model_framework="PyTorch", description="d")
    assert (model.name, model.version, model.run_id, model.tags) == ("pets", 1, run.id, {"q": "1"})
    assert (model.model_framework, model.description) == ("PyTorch", "d")
    kept = workspace.folder / "models/pets/1"
    assert sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()) == [
        "model/a.bin",
        "model/deep/b.bin",
    ]
    assert run.register_model("pets", "model/a.bin").version == 2
    with pytest.raises(ModelPathNotFoundException, match="Could not locate the provided model_path none in the set of"):
        run.register_model("pets", "none")
    with pytest.raises(UserErrorException, match="cannot be the name of a model"):
        run.register_model("../pets", "model")


def test_images_and_charts(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    run.log_image("pic", path="a.png")
    run.log_image("pic", path="a.png")
    address = f"aml://artifactId/ExperimentRun/dcid.{run.id}/"
    assert run.get_metrics() == {"pic": [f"{address}a.png", f"{address}a_2.png"]}
    run.log_residuals("../../é", '{"schema_type": "residuals"}')
    assert run.get_metrics("../../é", populate=True) == {"../../é": {"schema_type": "residuals"}}
    assert "é" in run.get_file_names()
    for wrong in ({"path": "train.py"}, {"path": "none"}, {"plot": 3}, {}, {"path": "a.png", "plot": 3}):
        with pytest.raises(AzureMLException):
            run.log_image("x", **wrong)
    with pytest.raises(UserErrorException, match="Invalid JSON"):
        run.log_predictions("p", "{")


def test_a_notebook_may_log_to_a_submitted_run(new_run: Any) -> None:
    run = new_run(status="Running")
    run.log("from outside", 1)
    run.complete()
    assert (run.get_metrics(), run.get_status()) == ({"from outside": 1}, "Running")


def test_a_waiting_run_can_be_failed(new_run: Any) -> None:
    new_run("pets_1_a", max_nodes=1)
    run = new_run("pets_2_b", max_nodes=1)
    run.fail("not needed")
    assert (run.get_status(), run.get_details()["error"]["error"]["message"]) == ("Failed", "not needed")


@pytest.mark.parametrize(
    ("ending", "status"), [("", "Running"), ("run.complete()", "Completed"), ("os.kill(os.getpid(), 9)", "Failed")]
)
def test_a_script_may_leave_its_run_to_another_one(
    ending: str, status: str, experiment: Experiment, workspace: Workspace
) -> None:
    script = (
        "import os\nfrom jupyter_amltrain import Experiment, Workspace\n"
        "run = Experiment(Workspace.get('test-ws'), 'by-hand').start_logging(snapshot_directory=None)\n"
        f"run.log('loss', 1)\nprint(run.id, flush=True)\n{ending}"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    run = workspace.get_run(done.stdout.strip())
    workspace.reconcile()
    run.log("loss", 2)
    assert (run.get_status(), run.get_metrics()) == (status, {"loss": [1, 2]})


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"host": "elsewhere", "started": "0"}, ""),
        ({"machine": "a copy of it", "boot": "before"}, ""),
        ({"processes": "pid:[1]", "started": "0"}, ""),
        ({}, ""),
        ({"started": "0"}, "The script that logged to this run, process"),
        ({"pid": 2**22 + 1}, "The script that logged to this run, process"),
        ({"boot": "before"}, f"{socket.gethostname()} was restarted before run.complete()."),
    ],
)
def test_only_a_process_of_this_machine_is_taken_for_gone(other: dict[str, Any], told: str) -> None:
    found = how_it_went({**this_process(), "what": "script", **other})
    assert found[: len(told)] == told
    assert bool(found) == bool(told)
