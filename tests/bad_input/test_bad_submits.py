"""What a submit cannot mean is refused before anything is made: scripts, folders, names, images, Dockerfiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.compute.amlcompute import AmlCompute
from jupyter_amltrain.compute.target import ComputeTarget
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import (
    ComputeTargetException,
    ExperimentExecutionException,
    ImageNotFoundException,
    NameNotFoundException,
    RegistryException,
    UserErrorException,
)
from jupyter_amltrain.workspace import Workspace

from .conftest import Place, base_image


def test_scripts_that_the_job_would_not_have(place: Place, tmp_path: Path) -> None:
    source = place.source
    (tmp_path / "outside.py").write_text("")
    (source / "link.py").symlink_to("../outside.py")
    (source / "folder.py").mkdir()
    (source / "folder.py" / "main.py").write_text("")
    (source / ".amlignore").write_text("drafts/\nold_*.py\n")
    (source / "old_train.py").write_text("")
    (source / "drafts").mkdir()
    (source / "drafts" / "train.py").write_text("")
    (source / ".git").mkdir()
    (source / ".git" / "hook.py").write_text("")
    outside = ("lies outside of the source directory", f"source_directory='{tmp_path}'")
    for script, words in {
        "trian.py": ("script path doesn't exist", "Did you mean 'train.py'?"),
        "zzz.py": ("script path doesn't exist", "There are: link.py, old_train.py, train.py."),
        "a\0b.py": ("a\\x00b.py script path doesn't exist",),
        "folder.py": ("is a folder", "Name the file in it: main.py"),
        "../outside.py": outside,
        str(tmp_path / "outside.py"): outside,
        "link.py": outside,
        "old_train.py": ("would not reach the job", "line 2 of .amlignore (old_*.py)"),
        "./drafts/train.py": ("would not reach the job", "line 1 of .amlignore (drafts/)"),
        ".git/hook.py": ("would not reach the job", "always left out"),
    }.items():
        with place.refuses(*words, kind=ExperimentExecutionException):
            place.submit(script=script)


def test_folders_that_cannot_be_sent(place: Place, tmp_path: Path) -> None:
    with place.refuses("does not exist", "Create it, or correct source_directory", str(tmp_path)):
        place.submit(source_directory="nowhere")
    with place.refuses("is a file, not a folder", "script='train.py'"):
        place.submit(source_directory=str(place.source / "train.py"))


def test_images_that_cannot_be_had(place: Place) -> None:
    with place.refuses("no-such-image:1 is not on this engine", "docker.io", "`docker tag IMAGE no-such-image:1`"):
        place.submit(environment=base_image("no-such-image:1"))
    with place.refuses("'No Name:latest' cannot be the name of an image", kind=ImageNotFoundException):
        place.submit(environment=base_image("No Name"))
    with place.refuses("is known to no registry", kind=ImageNotFoundException):
        place.submit(environment=base_image("sha256:" + "0" * 64))
    with place.refuses("from_docker_image takes the name of an image"):
        base_image("")
    with place.refuses("its registry 127.0.0.1:9 cannot be reached", kind=RegistryException):
        place.submit(environment=base_image("127.0.0.1:9/team/image:1"))


def test_names_that_nobody_has(place: Place) -> None:
    base_image(name="fastai2").register(place.workspace)
    known = place.workspace
    with place.refuses("no environment 'fastai'; did you mean 'fastai2'?", kind=NameNotFoundException):
        place.submit(environment="fastai")
    with place.refuses("no environment 'zzz'; there are: AzureML-Minimal, ", "fastai2.", kind=NameNotFoundException):
        place.submit(environment="zzz")
    with place.refuses("has no version 7; its latest is 1", kind=UserErrorException):
        Environment.get(known, "fastai2", 7)
    with place.refuses("no compute target 'locl'; did you mean 'local'?", kind=ComputeTargetException):
        place.submit(compute_target="locl")
    with place.refuses("no run 'bad_1_2'; there are no runs yet."):
        known.get_run("bad_1_2")
    with place.refuses("name = bad-inptu. Did you mean 'bad-input'?"):
        Workspace.get("bad-inptu")


def test_a_run_of_another_workspace(place: Place) -> None:
    other = Workspace.create("other", show_output=False)
    run = Place(place.home, place.source, other).submit(compute_target=_idle_target(other))
    with place.refuses(f"no run '{run.id}'", kind=NameNotFoundException):
        place.workspace.get_run(run.id)
    run.cancel()
    assert run.get_status() == "Canceled"
    run.cancel()  # of a run that is over: nothing happens
    assert run.get_status() == "Canceled"


def _idle_target(workspace: Workspace) -> str:
    """A target whose only place is taken, so that a run waits and nothing is started."""
    ComputeTarget.create(workspace, "idle", AmlCompute.provisioning_configuration(max_nodes=1))
    workspace.store.add_run(
        "blocker_1_0", experiment="blocker", target="idle", engine="docker", nodes=1, max_nodes=1, definition={},
        snapshot={},
    )  # fmt: skip
    return "idle"


def test_files_that_a_run_does_not_have(place: Place, tmp_path: Path) -> None:
    run = place.submit(compute_target=_idle_target(place.workspace))
    logs = place.workspace.run_folder(run.id) / "azureml-logs"
    (logs / "70_driver_log.txt").write_text("hello")
    with place.refuses("no file 'azureml-logs/70_driver.txt'; did you mean 'azureml-logs/70_driver_log.txt'?"):
        run.download_file("azureml-logs/70_driver.txt")
    for name in ("../../../etc/passwd", "/etc/passwd", "azureml-logs/../../secret"):
        with place.refuses("leads out of the run's folder"):
            run.download_file(name)
    with place.refuses("no file 'work/code/train.py'; there are: azureml-logs/70_driver_log.txt."):
        run.download_file("work/code/train.py")
    with place.refuses("train.py is not a folder. Give another"):
        run.download_file("azureml-logs/70_driver_log.txt", str(place.source / "train.py" / "log.txt"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["amltrain-home", "source"]
    run.cancel()


def _dockerfile(value: Any) -> Environment:
    environment = Environment("bad-dockerfile")
    environment.docker.base_dockerfile = value
    return environment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  ", "The Dockerfile given as text is empty"),
        ("\n\n", "The Dockerfile given as text is empty"),
        ("# nothing\n# but comments\n", "has no FROM line"),
        ("RUN true\nRUN true\n", "Dockerfile line 1: RUN stands before the first FROM"),
        ("FROM python-base:1\nRUNN pip install numpy\n", "line 2: unknown instruction 'RUNN'; did you mean RUN?"),
        ("FROM python-base:1\nCOPY data /data\n", "line 2 copies 'data', but a Dockerfile given as text"),
        ("FROM no-such-image:1\nRUN true\n", "no-such-image:1 is not on this engine"),
        ("./Dockerfile", "There is no Dockerfile at"),
        ("source", "is a folder; name the Dockerfile in it"),
        ("empty", "is empty; it begins with a line such as FROM"),
        (5, "takes text, a path or an open file, not int"),
    ],
)
def test_dockerfiles_that_cannot_be_built(place: Place, tmp_path: Path, text: Any, words: str) -> None:
    if text == "empty":
        (tmp_path / "empty").write_text("\n")
    with place.refuses(words):
        place.submit(environment=_dockerfile(text))
