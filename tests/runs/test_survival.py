"""Nothing is lost, doubled or left running, whoever is killed or taken away. Real containers, real processes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from engine.daemon import DockerDaemon
from jupyter_amltrain.runs.control import cancel
from jupyter_amltrain.runs.lock import is_free
from jupyter_amltrain.runs.reconcile import reconcile
from jupyter_amltrain.workspace import Workspace

from .conftest import Submit, driver_log, kill_supervisor, set_target, wait_for_end, wait_until

LINES, POINTS = 200_000, 20_000

STORM = f"""
import time
from azureml.core import Run
run = Run.get_context()
for number in range({LINES}):
    print("line %d" % number)
    if number % {LINES // POINTS} == 0:
        run.log("point", number // {LINES // POINTS})
    if number % 2000 == 0:
        time.sleep(0.2)
"""

UNTIL_TOLD = """
import pathlib, time
print("begun", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
print("done", flush=True)
"""


def test_a_supervisor_killed_at_twenty_moments_loses_and_doubles_nothing(workspace: Workspace, submit: Submit) -> None:
    moments = random.Random(20)
    run = submit(STORM)
    kills = 0
    while kills < 20:
        moment = len(driver_log(workspace, run.id)) + moments.randint(0, 60_000)
        wait_until(
            lambda moment=moment: len(driver_log(workspace, run.id)) >= moment or _is_over(workspace, run.id),
            f"more than {moment} bytes of log",
        )
        assert not _is_over(workspace, run.id), f"the run ended after {kills} kills: it must last for 20"
        kills += kill_supervisor(workspace, run.id)
        wait_until(lambda: _reconciled(workspace, run.id), "a new supervisor")
    assert wait_for_end(workspace, run.id, 300) == "Completed"
    assert driver_log(workspace, run.id).decode().splitlines() == [f"line {number}" for number in range(LINES)]
    assert [point.value for point in workspace.store.points(run.id, without="system")] == list(range(POINTS))


def _is_over(workspace: Workspace, run_id: str) -> bool:
    return workspace.store.run(run_id).status in ("Completed", "Failed", "Canceled")


def _reconciled(workspace: Workspace, run_id: str) -> bool:
    reconcile(workspace.folder, workspace.store)
    time.sleep(0.5)  # an open notebook looks about this often
    return _is_over(workspace, run_id) or not is_free(workspace.run_folder(run_id) / "supervisor.lock")


@pytest.mark.parametrize("state", ["Preparing", "Starting", "Running"])
def test_a_supervisor_killed_in_any_state_is_replaced(workspace: Workspace, submit: Submit, state: str) -> None:
    run = submit(UNTIL_TOLD)
    seen = [state, "Running"]
    wait_until(lambda: workspace.store.run(run.id).status in seen, f"state {state}")
    kill_supervisor(workspace, run.id)
    wait_until(lambda: _reconciled(workspace, run.id), "a new supervisor", 10)
    wait_until(lambda: b"begun" in driver_log(workspace, run.id), "the job's first line")
    (workspace.run_folder(run.id) / "work/code/go").touch()
    assert wait_for_end(workspace, run.id) == "Completed"
    assert driver_log(workspace, run.id) == b"begun\ndone\n"
    assert _containers(run.id) == []


SILENT = """
import pathlib, time
from azureml.core import Run
run = Run.get_context()
run.log("loss", 1)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
run.log("loss", 2)
run.tag("asked", str(run.get_metrics()))
while not pathlib.Path("end").exists():
    time.sleep(0.02)
"""


@pytest.mark.parametrize("engine", ["docker", "local"])
def test_a_new_supervisor_hears_a_script_that_prints_nothing(workspace: Workspace, submit: Submit, engine: str) -> None:
    set_target(workspace, max_nodes=1, engine=engine)
    run = submit(SILENT, image="python-base:1" if engine == "docker" else "")
    wait_until(lambda: workspace.store.points(run.id, without="system"), "the first value")
    kill_supervisor(workspace, run.id)
    wait_until(lambda: _reconciled(workspace, run.id), "a new supervisor", 10)
    (workspace.run_folder(run.id) / "work/code/go").touch()
    wait_until(lambda: workspace.store.tags(run.id), "what the script asked for and told", 10)
    assert workspace.store.tags(run.id) == {"asked": "{'loss': [1, 2]}"}
    (workspace.run_folder(run.id) / "work/code/end").touch()
    assert wait_for_end(workspace, run.id) == "Completed"
    assert driver_log(workspace, run.id) == b""


@pytest.mark.parametrize("engine", ["docker", "local"])
def test_a_cancel_is_done_though_the_supervisor_is_killed_over_it(
    workspace: Workspace, submit: Submit, engine: str
) -> None:
    set_target(workspace, max_nodes=1, engine=engine)
    image = "python-base:1" if engine == "docker" else ""
    for state in ("Preparing", "Starting", "Running"):
        run = submit(UNTIL_TOLD, image=image)
        wait_until(lambda run=run, state=state: workspace.store.run(run.id).status in (state, "Running"), state)
        cancel(workspace.folder, workspace.store, run.id)
        kill_supervisor(workspace, run.id)
        assert wait_for_end(workspace, run.id, 30) == "Canceled"
        assert _containers(run.id) == []


def test_a_container_removed_from_outside_ends_the_run_with_the_reason(workspace: Workspace, submit: Submit) -> None:
    run = submit(UNTIL_TOLD)
    wait_until(lambda: b"begun" in driver_log(workspace, run.id), "the job's first line")
    docker.from_env().containers.get(f"amltrain-{run.id}").remove(force=True)
    assert wait_for_end(workspace, run.id, 5) == "Failed"
    record = workspace.store.run(run.id)
    assert "removed from outside" in record.reason or "killed from outside" in record.reason
    assert driver_log(workspace, run.id) == b"begun\n"


def test_a_run_whose_folder_was_deleted_is_closed_and_its_container_removed(
    workspace: Workspace, submit: Submit
) -> None:
    run = submit(UNTIL_TOLD)
    wait_until(lambda: b"begun" in driver_log(workspace, run.id), "the job's first line")
    kill_supervisor(workspace, run.id)
    shutil.rmtree(workspace.run_folder(run.id))
    assert wait_for_end(workspace, run.id, 15) == "Failed"
    assert "was deleted" in workspace.store.run(run.id).reason
    assert _containers(run.id) == []


def test_a_container_removed_while_nobody_watched_ends_the_run_too(workspace: Workspace, submit: Submit) -> None:
    run = submit(UNTIL_TOLD)
    wait_until(lambda: b"begun" in driver_log(workspace, run.id), "the job's first line")
    kill_supervisor(workspace, run.id)
    docker.from_env().containers.get(f"amltrain-{run.id}").remove(force=True)
    assert wait_for_end(workspace, run.id, 5) == "Failed"
    assert "removed from outside" in workspace.store.run(run.id).reason


def test_a_job_killed_by_memory_says_so_with_the_peak(workspace: Workspace, submit: Submit) -> None:
    set_target(workspace, max_nodes=1, memory="64m")
    run = submit("print('begun', flush=True)\nblock = bytearray(512 << 20)\nprint(len(block))\n")
    assert wait_for_end(workspace, run.id) == "Failed"
    record = workspace.store.run(run.id)
    assert record.exit is not None
    assert record.exit["code"] == 137
    assert "killed for memory" in record.reason
    assert "0.1 GB" in record.reason
    assert driver_log(workspace, run.id) == b"begun\n"


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_an_engine_that_goes_and_comes_back_ends_the_run_with_the_reason(
    workspace: Workspace,
    submit: Submit,
    private_engine: Callable[..., DockerDaemon],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    engine = private_engine()
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    run = submit(UNTIL_TOLD)
    wait_until(lambda: b"begun" in driver_log(workspace, run.id), "the job's first line")
    getattr(engine, way)()
    # An engine that is asked to stop stops its containers first, so the run may be over before it is gone.
    wait_until(lambda: "engine" in workspace.store.run(run.id).reason.lower(), "the run to speak of the engine")
    engine.start()
    assert wait_for_end(workspace, run.id, 5) == "Failed"
    reason = workspace.store.run(run.id).reason
    assert "engine stopped or restarted" in reason or (way == "stop" and "engine may have been stopped" in reason)


def test_fifty_runs_on_two_slots_go_in_order_and_never_three_at_once(workspace: Workspace, submit: Submit) -> None:
    set_target(workspace, max_nodes=2)
    runs = [submit("import time; print('hello'); time.sleep(0.05)") for _ in range(50)]
    mine = tuple(run.id for run in runs)
    supervisors, containers = [], []

    def all_over() -> bool:
        containers.append(sum(name.endswith(mine) for name in _containers("")))
        supervisors.append(_supervisor_processes(workspace.folder))
        reconcile(workspace.folder, workspace.store)
        return all(_is_over(workspace, run.id) for run in runs)

    wait_until(all_over, "the end of 50 runs", 180)
    assert {workspace.store.run(run.id).status for run in runs} == {"Completed"}
    assert max(containers) <= 2
    # Two at work, and for a moment one more that is on its way out or in.
    assert 1 <= max(supervisors) <= 4
    begun = [next(t.at for t in workspace.store.transitions(run.id) if t.status == "Preparing") for run in runs]
    assert begun == sorted(begun)


def _containers(run_id: str) -> list[str]:
    """Names of the containers that are there and not over, of one run or of all."""
    found = docker.from_env().api.containers(filters={"label": f"amltrain.run={run_id}" if run_id else "amltrain.run"})
    return [container["Names"][0] for container in found]


def _supervisor_processes(folder: Path) -> int:
    """How many processes serve runs of a workspace now: they have its files open, the idle helper has none."""
    listed = subprocess.run(["pgrep", "-f", "jupyter_amltrain.runs.supervisor"], capture_output=True, text=True)
    return sum(1 for pid in listed.stdout.split() if _has_open(pid, f"{folder.resolve()}/"))


def _has_open(pid: str, folder: str) -> bool:
    with suppress(FileNotFoundError):  # it ended while we look
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                if os.readlink(descriptor.path).startswith(folder):
                    return True
    return False


def test_every_byte_reaches_the_log(workspace: Workspace, submit: Submit, tmp_path: Path) -> None:
    script = r"""
import os
os.write(1, b"progress 1%\rprogress 2%\r\n")
os.write(1, "é".encode()[:1]); os.write(1, "é".encode()[1:])
os.write(1, b"\x1b[31mred\x1b[0m\x1b_other;apc\x1b\\ \x1b stray \x1b_amltrain;{not json}\x1b\\ \x1b_amlt")
os.write(1, bytes(range(256)) * 16)
os.write(1, b"x" * (1 << 20) + b"\n")
"""
    expected = (
        b"progress 1%\rprogress 2%\r\n"
        + "é".encode()
        + b"\x1b[31mred\x1b[0m\x1b_other;apc\x1b\\ \x1b stray \x1b_amltrain;{not json}\x1b\\ \x1b_amlt"
        + bytes(range(256)) * 16
        + b"x" * (1 << 20)
        + b"\n"
    )
    run = submit(script)
    assert wait_for_end(workspace, run.id) == "Completed"
    assert driver_log(workspace, run.id) == expected
