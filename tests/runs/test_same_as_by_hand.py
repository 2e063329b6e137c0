"""A run gives what the same script gives when it is started by hand in the same image.

By hand means ``PYTHONUNBUFFERED=1 python script arguments > log 2>&1 < /dev/null`` in a fresh copy of the same folder,
one after the other in one container. Ours is a run for each. What differs on purpose, and is left out of the
comparison: the empty folders ``outputs`` and ``logs``, the variables that we set, where compiled modules are kept, and
what :func:`comparable` tells.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.submission.config import RunConfiguration, ScriptRunConfig
from jupyter_amltrain.workspace import Workspace

from .conftest import driver_log, set_target, wait_for_end
from .nasty_scripts import ALSO_RUN, ARGUMENTS, PACKAGE, SCRIPTS

IMAGE = "python-base:1"
PLACES = (*(f"{name}.py" for name in SCRIPTS), *ALSO_RUN)
VARIABLES = {"OWN": "välue with = and \n newline", "EMPTY": ""}
WORK = "/amltrain/run/code"

BY_HAND = """
import json, os, shutil, subprocess, sys
# LC_CTYPE is what this interpreter has set for itself.
variables = {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}
arguments, scripts, work = json.load(open("/hand/request.json"))
for number, script in enumerate(scripts):
    os.chdir("/")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree("/hand/source", work, symlinks=True)
    os.chdir(work)
    with open("/hand/%d.log" % number, "wb") as log:
        done = subprocess.run(
            ["python", script, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=True,
            env={**variables, "PYTHONUNBUFFERED": "1"}, start_new_session=True,
        )
    code = done.returncode
    os.chdir("/")
    shutil.move(work, "/hand/%d.files" % number)
    open("/hand/%d.code" % number, "w").write(str(code if code >= 0 else 128 - code))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with all scripts."""
    folder = tmp_path / "source"
    texts = {**{f"{name}.py": text + "\n" for name, text in SCRIPTS.items()}, **PACKAGE}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_every_script_does_what_it_does_by_hand(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    set_target(workspace, max_nodes=3)
    runs = {script: submit(workspace, source, script) for script in PLACES}
    hand = by_hand(tmp_path / "hand", source, [*runs])
    different: dict[str, Any] = {}
    for script, run_id in runs.items():
        wait_for_end(workspace, run_id)
        ended = workspace.store.run(run_id).exit
        assert ended is not None
        log = driver_log(workspace, run_id)
        ours = (ended["code"], comparable(log), files_of(workspace.run_folder(run_id) / "work" / "code"))
        for what, mine, theirs in zip(("code", "log", "files"), ours, hand[script], strict=True):
            if mine != theirs:
                different[f"{script}: {what}"] = (mine[-1500:], theirs[-1500:]) if what == "log" else (mine, theirs)
    assert different == {}, "\n".join(
        f"{name}\n  ours {ours}\n  hand {theirs}" for name, (ours, theirs) in different.items()
    )


def submit(workspace: Workspace, source: Path, script: str) -> str:
    """Submit one script of the folder."""
    environment = Environment("plain")
    environment.docker.enabled = True
    environment.docker.base_image = IMAGE
    environment.python.user_managed_dependencies = True
    config = RunConfiguration()
    config.environment = environment
    config.target = "docker-target"
    config.environment_variables = dict(VARIABLES)
    asked = ScriptRunConfig(str(source), script=script, arguments=list(ARGUMENTS), run_config=config)
    return Experiment(workspace, "by-hand").submit(asked).id


def by_hand(folder: Path, source: Path, scripts: list[str]) -> dict[str, tuple[int, bytes, dict[str, str]]]:
    """Exit status, output and files of each script, started by hand in one container."""
    folder.mkdir()
    (folder / "request.json").write_text(json.dumps([ARGUMENTS, scripts, WORK]))
    (folder / "run.py").write_text(BY_HAND)
    client = docker.from_env()
    client.containers.run(
        IMAGE,
        ["python3", "/hand/run.py"],
        init=True,
        remove=True,
        network_mode="host",
        user=f"{os.getuid()}:{os.getgid()}",
        environment=VARIABLES,
        shm_size="2g",
        mounts=[
            docker.types.Mount("/hand", str(folder), "bind"),
            docker.types.Mount("/hand/source", str(source), "bind", read_only=True),
            docker.types.Mount("/amltrain/run", str(folder), "bind"),
        ],
    )
    client.close()
    return {
        script: (
            int((folder / f"{number}.code").read_text()),
            comparable((folder / f"{number}.log").read_bytes()),
            files_of(folder / f"{number}.files"),
        )
        for number, script in enumerate(scripts)
    }


def comparable(log: bytes) -> bytes:
    """A log without addresses of objects and numbers of pool workers, and without the one frame of our launcher.

    It lies below the script's first, so ``faulthandler`` names it, and a recursion ends two calls sooner.
    """
    log = re.sub(rb'  File "/amltrain/job/launch.py", line \d+ in <module>\n', b"", log)
    log = re.sub(rb"repeated \d+ more times", b"repeated many times", log)
    return re.sub(rb"0x[0-9a-f]+|(?<=ForkPoolWorker-)\d+", b"0x", log)


def files_of(folder: Path) -> dict[str, str]:
    """What is in a folder: path → mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if "__pycache__" in name or (name in ("outputs", "logs") and not any(path.iterdir())):
            continue
        content = (
            os.readlink(path)
            if path.is_symlink()
            else hashlib.sha1(path.read_bytes()).hexdigest()
            if path.is_file()
            else ""
        )
        found[name] = f"{stat.filemode(path.lstat().st_mode)} {content}"
    return found
