"""Runs side by side: what differs between two real runs, and only that."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_amltrain import Environment, Experiment, Run, ScriptRunConfig, Workspace
from jupyter_amltrain.runs.comparison import compare

TRAIN = """\
import sys
from azureml.core import Run
run = Run.get_context()
rate = float(sys.argv[sys.argv.index("--rate") + 1])
for step in range(20):
    run.log("loss", 1 / (1 + rate * step))
run.log("seed", 3)
"""


@pytest.fixture
def workspace(amltrain_home: Path, docker_host: str) -> Workspace:
    return Workspace.create("compared", show_output=False)


def submitted(workspace: Workspace, folder: Path, rate: str, package: str, **variables: str) -> Run:
    environment = Environment("plain")
    environment.docker.base_image = "python-base:1"
    environment.python.user_managed_dependencies = True
    environment.environment_variables = variables
    environment.python.conda_dependencies.add_pip_package(package)
    config = ScriptRunConfig(str(folder), "train.py", ["--rate", rate, "--quiet"], environment=environment)
    run = Experiment(workspace, "rates").submit(config, tags={"rate": rate})
    run.wait_for_completion()
    return run


def test_what_differs_is_told_and_what_does_not_is_not(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "data.bin").write_bytes(b"\0\1")
    first = submitted(workspace, tmp_path, "0.1", "timm==1.0.1", API_KEY="sesame")
    (tmp_path / "train.py").write_text(TRAIN.replace("range(20)", "range(30)"))
    (tmp_path / "data.bin").write_bytes(b"\0\1\2")
    (tmp_path / "new.txt").write_text("new\n")
    second = submitted(workspace, tmp_path, "2", "timm==1.0.2", API_KEY="other")

    found = compare(workspace.store, workspace.folder, [first.id, second.id])

    told = {(row.section, row.name): row.values for row in found.differences}
    assert told["arguments", "--rate"] == ("0.1", "2")
    assert told["packages", "timm"] == ("==1.0.1", "==1.0.2")
    assert told["tags", "rate"] == ("0.1", "2")
    losses = told["metrics", "loss"]
    assert losses[0].startswith("0.344828 (lowest 0.344828, highest 1, 20 points)")
    assert "30 points" in losses[1]
    assert ("arguments", "--quiet") not in told
    assert ("metrics", "seed") not in told
    assert ("run", "experiment") not in told
    secrets = told["variables", "API_KEY"]
    assert len(set(secrets)) == 2
    assert "sesame" not in str(found.differences)
    assert found.same > 5
    changes = {change.path: change for change in found.files}
    assert {path: change.change for path, change in changes.items()} == {
        "train.py": "changed",
        "data.bin": "changed",
        "new.txt": "added",
    }
    assert "-for step in range(20):\n+for step in range(30):" in changes["train.py"].diff
    assert changes["data.bin"].diff == "2 bytes → 3 bytes"


def test_a_run_does_not_differ_from_itself(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    run = submitted(workspace, tmp_path, "1", "timm")
    found = compare(workspace.store, workspace.folder, [run.id, run.id])
    assert (found.differences, found.files) == ((), ())
