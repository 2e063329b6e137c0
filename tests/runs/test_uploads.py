"""What a script uploads is there once and whole, whoever takes care of its run and is killed over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_amltrain.runs.lock import is_free
from jupyter_amltrain.runs.reconcile import reconcile
from jupyter_amltrain.workspace import Workspace

from .conftest import Submit, driver_log, kill_supervisor, set_target, wait_for_end, wait_until

UPLOADS = """
import pathlib, time
from azureml.core import Run

def stop(name):
    print("at " + name, flush=True)
    while not pathlib.Path("go-" + name).exists():
        time.sleep(0.02)

class Slow:
    blocks = [b"a" * 1000003, b"b" * 1000003, b""]

    def __init__(self, name):
        self.name, self.left = name, list(self.blocks)

    def read(self, size):
        if len(self.left) == 2:
            stop(self.name)
        return self.left.pop(0)

run = Run.get_context()
child = run.child_run("child")
stop("before")
run.upload_file("big.bin", Slow("file"))
pathlib.Path("folder/deep").mkdir(parents=True)
for number in range(40):
    pathlib.Path("folder/deep/%d.txt" % number).write_text(str(number) * 1000)
names = ["many/%d.txt" % number for number in range(40)]
run.upload_files(names + ["many/last.bin"], ["folder/deep/%d.txt" % number for number in range(40)] + [Slow("files")])
run.upload_folder("up", "folder")
child.upload_file("of-child.bin", Slow("child"))
model = run.register_model("pets", "big.bin")
stop("after")
assert "big.bin" in run.get_file_names() and model.version == 1
print("done", flush=True)
"""

BIG = b"a" * 1000003 + b"b" * 1000003


def _expected() -> dict[str, bytes]:
    small = {f"{number}.txt": str(number).encode() * 1000 for number in range(40)}
    uploaded = {f"many/{name}": content for name, content in small.items()}
    return {
        "big.bin": BIG,
        "many/last.bin": BIG,
        **uploaded,
        **{f"up/deep/{n}": content for n, content in small.items()},
    }


@pytest.fixture(params=["docker", "local"])
def stopping(request: pytest.FixtureRequest, workspace: Workspace, submit: Submit) -> Callable[[str], str]:
    """Submits a script on each engine; returns the id of its run."""
    set_target(workspace, max_nodes=1, engine=request.param)
    return lambda script: submit(script, image="python-base:1" if request.param == "docker" else "").id


@pytest.mark.parametrize("moment", ["before", "file", "files", "child", "after"])
def test_uploads_outlive_a_supervisor_that_is_killed(
    workspace: Workspace, stopping: Callable[[str], str], tmp_path: Path, moment: str
) -> None:
    run_id = stopping(UPLOADS)
    for name in ("before", "file", "files", "child", "after"):
        wait_until(lambda name=name: f"at {name}\n".encode() in driver_log(workspace, run_id), f"the script at {name}")
        if name == moment:
            kill_supervisor(workspace, run_id)
            wait_until(lambda: _has_supervisor(workspace, run_id), "a new supervisor")
        (workspace.run_folder(run_id) / f"work/code/go-{name}").touch()
    assert wait_for_end(workspace, run_id) == "Completed", driver_log(workspace, run_id)
    _look(workspace, run_id, tmp_path)


def _has_supervisor(workspace: Workspace, run_id: str) -> bool:
    reconcile(workspace.folder, workspace.store)
    return not is_free(workspace.run_folder(run_id) / "supervisor.lock")


def test_uploads_need_no_supervisor(workspace: Workspace, stopping: Callable[[str], str], tmp_path: Path) -> None:
    run_id = stopping(
        UPLOADS.replace('model = run.register_model("pets", "big.bin")', "").replace(" and model.version == 1", "")
    )
    wait_until(lambda: b"at before" in driver_log(workspace, run_id), "the script")
    kill_supervisor(workspace, run_id)
    work = workspace.run_folder(run_id) / "work"
    for name in ("before", "file", "files", "child", "after"):
        (work / f"code/go-{name}").touch()
    wait_until(lambda: (work / "uploads/up/deep/39.txt").exists(), "the last upload")
    assert wait_for_end(workspace, run_id) == "Completed", driver_log(workspace, run_id)
    _look(workspace, run_id, tmp_path)


def _look(workspace: Workspace, run_id: str, folder: Path) -> None:
    run = workspace.get_run(run_id)
    expected = _expected()
    assert [name for name in run.get_file_names() if not name.startswith("azureml-logs/")] == sorted(expected)
    run.download_files(output_directory=folder / "back")
    assert {name: (folder / "back" / name).read_bytes() for name in expected} == expected
    (child,) = run.get_children()
    assert child.get_file_names() == ["of-child.bin"]
    assert not list((workspace.run_folder(run_id) / "work").rglob("*.partial"))
    assert driver_log(workspace, run_id).decode().split("\n")[-2] == "done"


ODD = r"""
import os
from azureml.core import Run
from azureml.exceptions import UserErrorException

run = Run.get_context()
for folder in ("outputs", "folder/sp ace"):
    os.makedirs(folder, exist_ok=True)
    os.mkfifo(folder + "/pipe")
    os.symlink("loop", folder + "/loop")
    os.symlink("nowhere", folder + "/gone")
    open(folder + "/\u00fc b\\c", "w").close()
assert run.get_file_names() == ["outputs/\u00fc b\\c"]
run.download_file("outputs/\u00fc b\\c", "copy")
run.download_files("outputs", "copies")
run.upload_folder("up", "folder")
try:
    run.upload_file("azureml-logs/70_driver_log.txt", "copy")
except UserErrorException as error:
    print(error.message)
"""


def test_odd_files_of_a_script(workspace: Workspace, submit: Submit) -> None:
    run = submit(ODD)
    assert wait_for_end(workspace, run.id) == "Completed", driver_log(workspace, run.id)
    assert "is among the run's own logs" in driver_log(workspace, run.id).decode()
    names = [name for name in run.get_file_names() if not name.startswith("azureml-logs/")]
    assert names == ["outputs/ü b\\c", "up/sp ace/ü b/c"]
