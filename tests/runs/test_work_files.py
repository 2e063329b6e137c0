"""What a job writes is there while it runs, belongs to the user and is kept however the run ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_amltrain.workspace import Workspace

from .conftest import Submit, wait_for_end, wait_until

WRITES = """
import os, time
for name in ('outputs/model.txt', 'logs/tb/events', 'checkpoints/1/a.pt', '../data/sample', 'train.pyc'):
    os.makedirs(os.path.dirname(name) or '.', exist_ok=True)
    with open(name, 'w') as file:
        file.write('x' * len(name))
os.symlink('/etc/passwd', 'checkpoints/link')
os.mkfifo('pipe')
open('helper.py', 'a').write('# changed')
open('ready', 'w').close()
while not os.path.exists('go'):
    time.sleep(0.02)
1 / 0
"""


@pytest.mark.parametrize("end", ["Failed", "Canceled"])
def test_files_are_there_while_it_runs_and_stay(workspace: Workspace, submit: Submit, tmp_path: Path, end: str) -> None:
    (tmp_path / "source").mkdir()
    for name in ("helper.py", "left_alone.py"):
        (tmp_path / "source" / name).write_text("# as it was\n")
    run = submit(WRITES)
    work = workspace.run_folder(run.id) / "work"
    wait_until(lambda: (work / "code/ready").exists(), "the job's files")
    written = {
        "../data/sample": 14,
        "checkpoints/1/a.pt": 18,
        "helper.py": 21,
        "ready": 0,
        "train.pyc": 9,
    }
    assert run.get_work_files() == written
    assert {"outputs/model.txt", "logs/tb/events"} <= {*run.get_file_names()}
    if end == "Canceled":
        run.cancel()
    else:
        (work / "code/go").touch()
        written["go"] = 0
    assert wait_for_end(workspace, run.id) == end
    assert run.get_work_files() == written
    run.download_file("outputs/model.txt", tmp_path / "model.txt")
    assert (tmp_path / "model.txt").read_text() == "x" * 17
    names = ("code/outputs/model.txt", "code/logs/tb/events", "code/checkpoints/1/a.pt", "data/sample")
    assert {(work / name).stat().st_uid for name in names} == {os.getuid()}


def test_a_run_without_a_job_has_none(workspace: Workspace) -> None:
    from jupyter_amltrain.runs.experiment import Experiment

    with Experiment(workspace, "logged").start_logging() as run:
        assert run.get_work_files() == {}
