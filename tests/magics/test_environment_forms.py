"""Every form in which ``%%aml_env`` and ``%aml_env`` take an environment, and what they say they took it for."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest

from jupyter_amltrain import Environment, Workspace
from magics.notebook import Notebook


def kept(name: str) -> Environment:
    return Environment.get(Workspace.default()[0], name)


@pytest.mark.parametrize(
    ("cell", "taken", "last"),
    [
        (
            "%%aml_env e --no-build --base b:1\nsix\nidna>3\n",
            "Taken for pip requirements: 2 packages, isolated on b:1.",
            "✓ e:1 · pip, 2 packages, isolated · not built yet",
        ),
        (
            "%%aml_env e --no-build --python 3.11\nsix\n",
            "Taken for pip requirements: 1 package, isolated on python:3.11-slim.",
            "✓ e:1 · pip, 1 package, isolated · not built yet",
        ),
        (
            "%%aml_env e --no-build --base b:1\ndependencies:\n- python=3.11\n- pip:\n  - six\n",
            "Taken for a conda specification: 1 package, isolated on b:1.",
            "✓ e:1 · pip, 1 package, isolated · not built yet",
        ),
        (
            "%%aml_env e --no-build\nFROM b:1\nRUN true\n",
            "Taken for a Dockerfile: 2 steps on b:1.",
            "✓ e:1 · Dockerfile · not built yet",
        ),
        (
            "%%aml_env e --no-build --pip six --pip requirements.txt\nFROM b:1\n",
            "Taken for a Dockerfile: 1 step on b:1; 2 packages, isolated on top.",
            "✓ e:1 · Dockerfile, 2 packages, isolated · not built yet",
        ),
        (
            "%%aml_env e --no-build --conda conda.yml --pip six --layer\nFROM b:1\n",
            "Taken for a Dockerfile: 1 step on b:1; 2 packages, layered on top.",
            "✓ e:1 · Dockerfile, 2 packages, layered · not built yet",
        ),
        ("%aml_env e --base b:1 --no-build", "The image b:1 is used as it is.", "✓ e:1 · image b:1 · not built yet"),
        (
            "%aml_env e --base b:1 --pip six --layer --no-build",
            "Taken for pip requirements: 1 package, layered on b:1.",
            "✓ e:1 · pip, 1 package, layered · not built yet",
        ),
        (
            "%aml_env e --file requirements.txt --base b:1 --no-build",
            "Taken for pip requirements: 1 package, isolated on b:1.",
            "✓ e:1 · pip, 1 package, isolated · not built yet",
        ),
        (
            "%aml_env e --file conda.yml --base b:1 --no-build",
            "Taken for a conda specification: 1 package, isolated on b:1.",
            "✓ e:1 · pip, 1 package, isolated · not built yet",
        ),
        (
            "%aml_env e --file docker/Dockerfile --build-arg V=2 --no-build",
            "Taken for a Dockerfile: 3 steps on b:2, files from HERE/docker.",
            "✓ e:1 · Dockerfile · not built yet",
        ),
    ],
)
def test_every_form_says_what_it_was_taken_for(
    notebook: Notebook, here: Path, cell: str, taken: str, last: str
) -> None:
    (here / "requirements.txt").write_text("# mine\niniconfig\n")
    (here / "conda.yml").write_text("dependencies:\n- pip:\n  - toml\n")
    (here / "docker").mkdir()
    (here / "docker" / "Dockerfile").write_text("ARG V=1\nFROM b:$V\nCOPY Dockerfile /\n")
    told = notebook.run(cell).out.splitlines()
    assert taken.replace("HERE", str(here)) in told
    assert told[-1] == last
    assert Environment._from_spec(kept("e")._to_spec())._to_spec() == kept("e")._to_spec()


def test_options_of_a_build_are_kept_with_the_environment(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_HERE", "here")
    cell = (
        "%%aml_env e --no-build --build-arg A=1 --build-arg FROM_HERE --build-arg MY_TOKEN=x --platform linux/arm64"
        " --secret id=t,env=FROM_HERE --ssh default\nFROM b:1\nARG A FROM_HERE\n"
        "RUN --mount=type=ssh --mount=type=secret,id=t true\n"
    )
    told = notebook.run(cell).out
    assert "The Dockerfile has no 'ARG MY_TOKEN'" in told
    assert "MY_TOKEN looks like a secret" in told
    docker = kept("e").docker
    assert docker.build_arguments == {"A": "1", "FROM_HERE": "here", "MY_TOKEN": "x"}
    assert (docker.build_secrets, docker.build_ssh) == (["id=t,env=FROM_HERE"], ["default"])
    assert (docker.platform.os, docker.platform.architecture) == ("linux", "arm64")
    notebook.run(cell.replace("A=1", "A=2"))
    assert '+            "A": "2"' in notebook.run("%aml_env --diff e").out


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%aml_env e", "Say what 'e' is made from: --file PATH, --base IMAGE or --pip REQUIREMENT"),
        ("%aml_env --file Dockerfile", "Say what to call the environment"),
        ("%aml_env e --base b:1 --diff f", "leave them out to make an environment"),
        ("%aml_env e --file missing.txt", "cannot be read: No such file or directory"),
        ("%aml_env e --file bad.txt", "bad.txt: Line 2: 'b ==' is no pip requirement"),
        ("%aml_env e --file bad.txt --format dockerfile", "bad.txt: Dockerfile line 1: unknown instruction 'SIX'"),
        ("%aml_env e --base b:1 --layer", "There are no packages that --layer could be for"),
        ("%aml_env e --base b:1 --context .", "--context is for Dockerfiles"),
        ("%%aml_env e:2\nFROM b:1\n", "A name has no ':'"),
        ("%%aml_env e --pip missing.txt\nFROM b:1\n", "--pip missing.txt: there is no file"),
        ("%%aml_env e --pip 'six =='\nFROM b:1\n", "--pip, line 1: 'six ==' is no pip requirement"),
        ("%%aml_env e --conda x.yml\ndependencies: [six]\n", "There are two conda specifications"),
        ("%%aml_env e --build-arg A=1\nsix\n", "--build-arg is for Dockerfiles, and the text was taken for pip"),
        ("%%aml_env e --build-arg NOT_SET_HERE\nFROM b:1\n", "NOT_SET_HERE, which is not set in this kernel"),
        ("%%aml_env e --platform arm64\nFROM b:1\n", "such as linux/arm64"),
        ("%%aml_env e --secret hunter2\nFROM b:1\n", "A secret is given as id=NAME,env=VARIABLE"),
    ],
)
def test_what_does_not_fit_together_is_refused(notebook: Notebook, here: Path, cell: str, words: str) -> None:
    (here / "bad.txt").write_text("six\nb ==\n")
    assert words in notebook.refusal(cell)
    assert not Workspace.default()[0].environments


def test_a_file_is_built_with_its_folder_and_packages_on_top(notebook: Notebook, here: Path, docker_host: str) -> None:
    (here / "docker").mkdir()
    (here / "docker" / "words.txt").write_text(uuid.uuid4().hex)
    (here / "docker" / "Dockerfile").write_text("FROM python-base:1\nCOPY words.txt /\n")
    told = notebook.run("%aml_env mine --file docker/Dockerfile --pip iniconfig").out
    assert re.search(r"^✓ mine:1 · Dockerfile, 1 package, isolated · built in ", told, re.MULTILINE), told
    run = notebook.run("%%aml_submit --wait --env mine\nimport iniconfig; print(open('/words.txt').read())\n").out
    assert (here / "docker" / "words.txt").read_text() in run
    (here / "docker" / "Dockerfile").write_text("FROM python-base:1\nCOPY wrods.txt /\n")
    words = notebook.refusal("%aml_env mine --file docker/Dockerfile")
    assert "Dockerfile line 2 copies 'wrods.txt', which is not there" in words
    assert "did you mean 'words.txt'?" in words


def test_conda_packages_from_pypi(docker_notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_CONDA", "pypi")
    text = "dependencies:\n  - six=1.16\n  - cudatoolkit=11.3\n"
    told = docker_notebook.run(f"%%aml_env from-pypi --base python-base:1\n{text}")
    assert "six==1.16.*" in told.out
    assert "cudatoolkit" in told.out
    run = docker_notebook.run("%%aml_submit --wait --env from-pypi\nimport six; print('six', six.__version__)\n").value
    assert "six 1.16" in run.get_details_with_logs()["logFiles"]["azureml-logs/70_driver_log.txt"]
