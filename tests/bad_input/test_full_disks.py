"""Home folders on a disk that is full, or that cannot be written, before and during a run."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_amltrain.errors import StoreException
from jupyter_amltrain.home import job_code_folder
from jupyter_amltrain.workspace import Workspace

from .conftest import AS_ANYBODY, NOBODY, Place, base_image, containers_of, python

FILLER = "filler"

LINES = 5000

JOB = f"""
import os, time
from azureml.core import Run
run = Run.get_context()
print("begin", flush=True)
run.log("before", 1)
while os.path.exists("outputs/hold"):
    time.sleep(0.02)
for number in range({LINES}):
    print("line", number)
run.log("after", 2)
try:
    with open("outputs/model", "wb") as file:
        file.write(bytes(1 << 20))
except OSError as error:
    print("own error:", error.strerror)
print("end", flush=True)
"""


@pytest.fixture
def small_disk(amltrain_home: Path) -> Iterator[Path]:
    """The home folder, on a disk of 16 MB."""
    amltrain_home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", amltrain_home], check=True)
    yield amltrain_home
    subprocess.run(["umount", "--lazy", amltrain_home], check=True)


def fill(disk: Path) -> None:
    """Leave not one byte."""
    room = os.statvfs(disk)
    with open(disk / FILLER, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.02)


def test_nothing_begins_on_a_full_disk(small_disk: Path, place: Place) -> None:
    fill(small_disk)
    full = ("full", "Free some space")
    with place.refuses("No space left on device. Free some space there", kind=StoreException):
        Workspace.create("another", show_output=False)
    with place.refuses(*full, kind=StoreException):
        place.submit()
    with place.refuses(*full, kind=StoreException):
        base_image().register(place.workspace)
    with pytest.raises(StoreException, match=r"The job's launcher cannot be copied to .*\. Free some space"):
        job_code_folder()
    assert list((small_disk / "job").iterdir()) == []
    assert place.workspace.environments == {}
    (small_disk / FILLER).unlink()
    assert place.submit().wait_for_completion()["status"] == "Completed"


def test_a_disk_that_fills_while_a_run_is_running(small_disk: Path, place: Place) -> None:
    (place.source / "train.py").write_text(JOB)
    (place.source / "outputs").mkdir()
    (place.source / "outputs" / "hold").touch()
    run = place.submit()
    folder = place.workspace.run_folder(run.id)
    log = folder / "azureml-logs/70_driver_log.txt"
    wait_until(lambda: run.get_metrics() == {"before": 1} and b"begin\n" in log.read_bytes(), "the first words")
    fill(small_disk)
    (folder / "work/code/outputs/hold").unlink()
    wait_until(lambda: not _is_running(place.name), "the end of the job")
    assert run.get_status() == "Running"
    assert run.get_metrics() in ({"before": 1}, {"before": 1, "after": 2})
    assert log.read_bytes().startswith(b"begin\n")
    assert place.workspace.get_run(run.id).get_file_names()
    (small_disk / FILLER).unlink()
    wait_until(lambda: run.get_status() in ("Completed", "Failed"), "the end of the run, soon after", 10)
    assert run.get_status() == "Completed"
    assert run.get_metrics() == {"before": 1, "after": 2}
    numbered = [f"line {number}" for number in range(LINES)]
    assert log.read_text().splitlines() == ["begin", *numbered, "own error: No space left on device", "end"]
    assert containers_of(place.name) == []
    assert not list(folder.glob("*.partial"))


def _is_running(experiment: str) -> bool:
    import docker

    client = docker.DockerClient(base_url=os.environ["AMLTRAIN_TEST_ENGINE_NOW"])
    try:
        return bool(client.containers.list(filters={"label": f"amltrain.experiment={experiment}"}))
    finally:
        client.close()


CODE = """
from jupyter_amltrain.errors import AzureMLException
from jupyter_amltrain.workspace import Workspace
try:
    {act}
    print("no error")
except AzureMLException as error:
    print(type(error).__name__, error.message)
"""
REGISTER = (
    "from jupyter_amltrain.environment.spec import Environment;"
    " Environment.from_docker_image('base', 'python-base:1').register(Workspace.get('bad-input'))"
)


def test_a_home_folder_that_cannot_be_written(place: Place, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "file").write_text("")
    os.chown(theirs, NOBODY, NOBODY)
    for path in (place.home, *place.home.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o755 if path.is_dir() else 0o644)
    make = "Workspace.create('another')"
    for home, act, words in (
        (theirs / "home", make, "home cannot be made: Permission denied. Make it writable, or set AMLTRAIN_HOME"),
        (theirs, make, "cannot be made: Permission denied"),
        (tmp_path / "file", make, "file cannot be made: a file is in its place"),
        (tmp_path / "file" / "home", make, "home cannot be made: a file is in its place"),
        (place.home, REGISTER, "amltrain.db could not be used: it cannot be written. Check its permissions"),
    ):
        said, wrong = python(CODE.format(act=act), *AS_ANYBODY, AMLTRAIN_HOME=home)
        assert wrong == ""
        assert said.startswith("StoreException")
        assert words in said
    assert list(theirs.iterdir()) == []
