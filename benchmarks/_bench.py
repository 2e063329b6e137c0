"""What the benchmarks share: a workspace in a folder of its own, and the image they run in."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_amltrain import Environment, Experiment, RunConfiguration, ScriptRunConfig, Workspace
from jupyter_amltrain.runs.folder import DRIVER_LOG
from jupyter_amltrain.runs.follow import follow
from jupyter_amltrain.runs.launch import warm_up

IMAGE = "python-base:1"
NETWORK = os.environ.setdefault("AMLTRAIN_NETWORK", "host")
TARGET = "bench"


@contextmanager
def workspace(max_nodes: int = 1) -> Iterator[Workspace]:
    """A new workspace with one target, gone afterwards. The submit helper is warm, as in a notebook."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.environ["AMLTRAIN_HOME"] = home
        made = Workspace.create("bench", show_output=False)
        made.store.save_target(TARGET, {"type": "AmlCompute", "engine": "docker", "max_nodes": max_nodes})
        warm_up()
        time.sleep(1.5)
        yield made


def config(folder: Path, script: str) -> ScriptRunConfig:
    """A run of ``script`` (Python source, put into ``folder``) in :data:`IMAGE`."""
    (folder / "train.py").write_text(script)
    environment = Environment("bench")
    environment.docker.enabled = True
    environment.docker.base_image = IMAGE
    environment.python.user_managed_dependencies = True
    run_config = RunConfiguration()
    run_config.environment = environment
    run_config.target = TARGET
    return ScriptRunConfig(source_directory=str(folder), script="train.py", run_config=run_config)


def first_byte_s(made: Workspace, asked: ScriptRunConfig) -> float:
    """Seconds from submit to the first byte of the job's output in the notebook's hands; the run is over then."""
    began = time.perf_counter()
    run = Experiment(made, "bench").submit(asked)
    seconds = 0.0
    for update in follow(made.store, made.run_folder(run.id), run.id):
        if update.log == DRIVER_LOG and not seconds:
            seconds = time.perf_counter() - began
    return seconds


def bare_first_byte_s(*command: str) -> float:
    """The same for ``docker run`` of the client that is installed."""
    began = time.perf_counter()
    with subprocess.Popen(
        ["docker", "run", "--rm", "--network", NETWORK, IMAGE, *command], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        seconds = time.perf_counter() - began
        process.stdout.read()
    return seconds
