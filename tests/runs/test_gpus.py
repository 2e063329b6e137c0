"""Runs at the same time get different GPUs, whoever starts them and whatever is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.daemon import DockerDaemon
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.runs import status as states
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.runs.gpus import claim_gpus
from jupyter_amltrain.submission.config import RunConfiguration, ScriptRunConfig
from jupyter_amltrain.workspace import Workspace

from .by_hand import enter_run
from .conftest import kill_supervisor, wait_for_end, wait_until

SCRIPT = """
import os, time
print("gpus", os.environ["NVIDIA_VISIBLE_DEVICES"], flush=True)
while not os.path.exists("go"):
    time.sleep(0.05)
"""


def test_a_run_keeps_what_it_has_until_it_is_over(amltrain_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_GPUS", "0,1,5")
    one, other = (Workspace.create(name, show_output=False) for name in ("one", "other"))
    enter_run(one, "a_1_a")
    enter_run(other, "b_1_b")
    enter_run(one, "c_1_c")
    assert claim_gpus(one.store, "a_1_a", 1) == (("0",), "GPU 0 of this machine")
    assert claim_gpus(other.store, "b_1_b", 2)[0] == ("1", "5")
    assert claim_gpus(one.store, "a_1_a", 1)[0] == ("0",)
    gpus, note = claim_gpus(one.store, "c_1_c", 1)
    assert gpus == ("0",)
    assert "shared with the run a_1_a" in note
    one.store.move("a_1_a", states.COMPLETED)
    one.store.move("c_1_c", states.FAILED)
    enter_run(one, "d_1_d")
    assert claim_gpus(one.store, "d_1_d", 1)[0] == ("0",)
    assert claim_gpus(one.store, "d_1_d", 0) == ((), "")


def test_processes_at_the_same_time_do_not_choose_the_same(
    amltrain_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLTRAIN_GPUS", "0,1,2,3,4,5")
    workspace = Workspace.create("one", show_output=False)
    ids = [f"r_{number}_x" for number in range(6)]
    for run_id in ids:
        enter_run(workspace, run_id)
    code = (
        "import sys; from pathlib import Path; from jupyter_amltrain.runs.gpus import claim_gpus;"
        " from jupyter_amltrain.runs.store import Store; sys.stdin.read();"
        " print(*claim_gpus(Store(Path(sys.argv[1])), sys.argv[2], 1)[0])"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(workspace.folder), run_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for run_id in ids
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    chosen = []
    for process in processes:
        assert process.stdout is not None
        with process.stdout:
            chosen.append(process.stdout.read().split())
        assert process.wait() == 0
    assert sorted(chosen) == [[str(number)] for number in range(6)]


def test_containers_see_gpus_of_their_own(
    private_engine: Callable[..., DockerDaemon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", private_engine(gpu_stub=True).url)
    monkeypatch.setenv("AMLTRAIN_GPUS", "0,1,2,3")
    workspace = Workspace.create("tests", show_output=False)
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text(SCRIPT)
    environment = Environment("plain")
    environment.docker.base_image = "python-base:1"
    environment.python.user_managed_dependencies = True

    def submit(vm_size: str) -> str:
        target = vm_size.lower().replace("_", "-")
        workspace.store.save_target(
            target, {"type": "AmlCompute", "engine": "docker", "max_nodes": 3, "vm_size": vm_size}
        )
        config = RunConfiguration()
        config.environment, config.target = environment, target
        asked = ScriptRunConfig(str(source), script="train.py", run_config=config)
        return Experiment(workspace, "gpus").submit(asked).id

    def seen(run_id: str) -> str:
        log = workspace.run_folder(run_id) / "azureml-logs/70_driver_log.txt"
        wait_until(lambda: log.exists() and b"\n" in log.read_bytes(), f"the output of {run_id}")
        return log.read_text().split()[1]

    def go(run_id: str) -> None:
        (workspace.run_folder(run_id) / "work/code/go").touch()
        assert wait_for_end(workspace, run_id) == states.COMPLETED

    first, second = submit("STANDARD_NC6"), submit("STANDARD_NC12")
    assert sorted([*seen(first).split(","), *seen(second).split(",")]) == ["0", "1", "2"]
    third = submit("STANDARD_NC6")
    assert seen(third) == "3"
    assert kill_supervisor(workspace, third)
    go(first)
    fourth = submit("STANDARD_NC6")
    assert seen(fourth) == seen(first)
    for run_id in (second, third, fourth):
        go(run_id)
    assert "GPU 3 of this machine" in (workspace.run_folder(third) / "azureml-logs/60_control_log.txt").read_text()
