"""A run does not depend on the kernel that submitted it. Real kernels, real containers."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

from jupyter_amltrain.runs import status as states
from jupyter_amltrain.workspace import Workspace

from .conftest import driver_log, set_target, wait_until

SCRIPT = """
import pathlib, time
from azureml.core import Run
run = Run.get_context()
for number in range(200):
    print("line %d" % number)
    run.log("point", number)
    if number == 100:
        while not pathlib.Path("go").exists():
            time.sleep(0.02)
"""

SUBMIT = """
from jupyter_amltrain import Environment, Experiment, ScriptRunConfig, Workspace
environment = Environment("plain")
environment.docker.enabled = True
environment.docker.base_image = "python-base:1"
environment.python.user_managed_dependencies = True
workspace = Workspace.get("tests")
config = ScriptRunConfig({folder!r}, script="train.py", compute_target="docker-target", environment=environment)
run = Experiment(workspace, "kernels").submit(config)
print(run.id)
"""

REATTACH = """
from jupyter_amltrain import Workspace
run = Workspace.get("tests").get_run({run_id!r})
run.wait_for_completion(show_output=True)
print("METRICS", run.get_metrics()["point"] == list(range(200)))
"""


@pytest.fixture
def new_kernel() -> Iterator[Callable[[], KernelManager]]:
    managers: list[KernelManager] = []

    def started() -> KernelManager:
        managers.append(KernelManager(kernel_name="python3"))
        managers[-1].start_kernel()
        return managers[-1]

    yield started
    for manager in managers:
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)


def run_cell(manager: KernelManager, code: str) -> str:
    """What a cell prints, run in the manager's kernel."""
    client: BlockingKernelClient = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        printed: list[str] = []

        def take(message: dict[str, dict[str, str]]) -> None:
            if message["header"]["msg_type"] == "stream":
                printed.append(message["content"]["text"])
            if message["header"]["msg_type"] == "error":
                pytest.fail(f"{message['content']['ename']}: {message['content']['evalue']}")

        client.execute_interactive(code, output_hook=take, timeout=120)
        return "".join(printed)
    finally:
        client.stop_channels()


@pytest.mark.parametrize("way", ["restart", "interrupt", "kill", "shutdown"])
def test_a_run_outlives_its_kernel_and_is_whole_in_the_next(
    workspace: Workspace, new_kernel: Callable[[], KernelManager], tmp_path: Path, way: str
) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    set_target(workspace, max_nodes=1)
    manager = new_kernel()
    run_id = run_cell(manager, SUBMIT.format(folder=str(tmp_path))).strip()
    wait_until(lambda: b"line 100\n" in driver_log(workspace, run_id), "half of the lines")

    if way == "restart":
        manager.restart_kernel(now=False)
    elif way == "interrupt":
        manager.interrupt_kernel()
    elif way == "kill":
        os.kill(int(manager.provisioner.pid), signal.SIGKILL)  # type: ignore[union-attr]
        manager.restart_kernel(now=True)
    else:
        manager.shutdown_kernel()
        manager = new_kernel()

    assert workspace.store.run(run_id).status == states.RUNNING
    (workspace.run_folder(run_id) / "work/code/go").touch()
    printed = run_cell(manager, REATTACH.format(run_id=run_id))
    lines = [line for line in printed.splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(200)]
    assert "METRICS True" in printed
    assert workspace.store.run(run_id).status == states.COMPLETED


BY_HAND = """
from jupyter_amltrain import Experiment, Workspace
experiment = Experiment(Workspace.get("tests"), "by-hand")
run, over = (experiment.start_logging(snapshot_directory=None) for _ in range(2))
child = run.child_run("below")
forgotten = over.child_run("below")
over.complete()
for number in range(5):
    run.log("point", number)
child.log("point", 5)
print(run.id, child.id, forgotten.id)
"""


@pytest.mark.parametrize("ending", ["killed", "shut down"])
def test_a_run_of_a_kernel_that_is_gone_is_over(
    ending: str, workspace: Workspace, new_kernel: Callable[[], KernelManager]
) -> None:
    manager = new_kernel()
    run, child, forgotten = (workspace.get_run(run_id) for run_id in run_cell(manager, BY_HAND).split())
    workspace.reconcile()
    assert {one.get_status() for one in (run, child, forgotten)} == {"Running"}
    manager.shutdown_kernel(now=ending == "killed")
    workspace.reconcile()
    assert (run.get_status(), child.get_status(), forgotten.get_status()) == ("Failed", "Failed", "Completed")
    assert re.search(
        r"The kernel that logged to this run, process \d+ on .+, ended before run\.complete\(\)\.",
        run.get_details()["error"]["error"]["message"],
    )
    assert (run.get_metrics(), child.get_metrics()) == ({"point": [0, 1, 2, 3, 4]}, {"point": 5})
