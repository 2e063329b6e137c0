"""A workspace on the real engine, and short ways to submit to it and to watch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.runs import status as states
from jupyter_amltrain.runs.control import cancel
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.runs.lock import is_free
from jupyter_amltrain.runs.reconcile import reconcile
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.submission.config import RunConfiguration, ScriptRunConfig
from jupyter_amltrain.workspace import Workspace

from .by_hand import enter_run

Submit = Callable[..., ScriptRun]


@pytest.fixture
def workspace(docker_host: str, amltrain_home: Path) -> Iterator[Workspace]:
    """A new workspace with a target ``docker-target`` of one node; what a test leaves running is canceled."""
    made = Workspace.create("tests", show_output=False)
    set_target(made, max_nodes=1)
    yield made
    for run in reversed(made.store.runs(status=(*states.ACTIVE, *states.WAITING))):
        cancel(made.folder, made.store, run.id)
        wait_for_end(made, run.id, 30)


def set_target(workspace: Workspace, **definition: object) -> None:
    """Make or change the target that :func:`submit` uses."""
    workspace.store.save_target("docker-target", {"type": "AmlCompute", "engine": "docker", **definition})


@pytest.fixture
def submit(workspace: Workspace, tmp_path: Path) -> Submit:
    """Submits Python source text as a run in the plain base image."""

    def submitted(
        script: str,
        *arguments: str,
        image: str = "python-base:1",
        target: str = "docker-target",
        dockerfile: str = "",
        shm: str = "",
    ) -> ScriptRun:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "train.py").write_text(script)
        environment = Environment("plain")
        environment.docker.enabled = True
        if shm:
            environment.docker.shm_size = shm
        if dockerfile:
            environment.docker.base_dockerfile = dockerfile
            environment.docker.base_image = None
        elif image:
            environment.docker.base_image = image
        environment.python.user_managed_dependencies = True
        config = RunConfiguration()
        config.environment = environment
        config.target = target
        asked = ScriptRunConfig(str(source), script="train.py", arguments=list(arguments), run_config=config)
        return Experiment(workspace, "survival").submit(asked)

    return submitted


@pytest.fixture
def new_run(workspace: Workspace) -> Callable[..., ScriptRun]:
    """:func:`enter_run` in the workspace of the test."""
    return partial(enter_run, workspace)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Return when the condition holds; fail with ``what`` when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.02)


def wait_for_end(workspace: Workspace, run_id: str, seconds: float = 120) -> str:
    """Reconcile now and then, as an open notebook does, until the run is over; its last state."""
    looked = 0.0

    def is_over() -> bool:
        nonlocal looked
        if time.monotonic() - looked > 1:
            reconcile(workspace.folder, workspace.store)
            looked = time.monotonic()
        return workspace.store.run(run_id).status in states.TERMINAL

    wait_until(is_over, f"the end of {run_id}", seconds)
    return workspace.store.run(run_id).status


def driver_log(workspace: Workspace, run_id: str) -> bytes:
    """The driver log as it is now."""
    path = workspace.run_folder(run_id) / "azureml-logs/70_driver_log.txt"
    return path.read_bytes() if path.exists() else b""


def kill_supervisor(workspace: Workspace, run_id: str) -> bool:
    """SIGKILL the run's supervisor and see it gone; False when it had none."""
    lock = workspace.run_folder(run_id) / "supervisor.lock"
    try:
        os.kill(int(lock.read_text()), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    wait_until(lambda: is_free(lock), "the lock of a killed supervisor")
    return True
