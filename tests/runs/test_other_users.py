"""Jobs run as whoever submits: an ordinary user owns what they write and finds a HOME."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.daemon import DockerDaemon

UID = 12345

TRAIN = """
import getpass, os, pathlib
print(os.getuid(), os.getgid(), getpass.getuser())
for place in (pathlib.Path.home(), pathlib.Path(".."), pathlib.Path("."), pathlib.Path("outputs")):
    (place / "written.txt").write_text("x")
"""

# The interpreter of the tests may lie where only root can read. So one process does it all: once as root, which loads
# every module, then as the user.
SUBMIT = f"""
import os
from jupyter_amltrain import Environment, Experiment, ScriptRunConfig, Workspace
from jupyter_amltrain.runs import supervisor
from jupyter_amltrain.submission import submit

def run_it():
    environment = Environment("plain")
    environment.docker.enabled = True
    environment.docker.base_image = "python-base:1"
    environment.python.user_managed_dependencies = True
    workspace = Workspace.create("tests", show_output=False)
    submit.start_supervisor = supervisor.serve
    run = Experiment(workspace, "users").submit(ScriptRunConfig("source", script="train.py", environment=environment))
    run.wait_for_completion(show_output=True)
    return workspace.run_folder(run.id)

os.environ["AMLTRAIN_HOME"] = os.path.abspath("root")
run_it()
os.environ.update(AMLTRAIN_HOME=os.path.abspath("user"), HOME=os.getcwd(), USER="ada", LOGNAME="ada")
os.setgroups([])
os.setgid({UID})
os.setuid({UID})
print("FOLDER", run_it())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the user; pytest's own are for root alone."""
    made = Path(tempfile.mkdtemp())
    (made / "source").mkdir()
    (made / "source" / "train.py").write_text(TRAIN)
    for path in (made, *made.rglob("*")):
        os.chown(path, UID, UID)
    yield made
    shutil.rmtree(made)


def test_a_job_of_an_ordinary_user(private_engine: Callable[..., DockerDaemon], folder: Path) -> None:
    engine = private_engine()
    os.chmod(engine.url.removeprefix("unix://"), 0o666)
    os.chmod(Path(engine.url.removeprefix("unix://")).parent, 0o755)
    done = subprocess.run(
        [sys.executable, "-c", SUBMIT],
        cwd=folder,
        env={**os.environ, "DOCKER_HOST": engine.url},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{UID} {UID} ada" in done.stdout
    run_folder = Path(done.stdout.rpartition("FOLDER ")[2].strip())
    written = sorted(str(path.relative_to(run_folder)) for path in run_folder.rglob("written.txt"))
    assert written == [
        "work/code/outputs/written.txt",
        "work/code/written.txt",
        "work/home/written.txt",
        "work/written.txt",
    ]
    assert {path.lstat().st_uid for path in run_folder.rglob("*")} == {UID}
