"""What the image of a run had in it is kept with the run."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from jupyter_amltrain import Environment, Workspace
from jupyter_amltrain.environment.inspection.contents import parse_contents
from magics.notebook import Notebook


def test_a_run_keeps_what_its_image_had(notebook: Notebook, docker_host: str) -> None:
    notebook.run("%%aml_env kept --base python-base:1\niniconfig==2.0.0\n")
    run = notebook.run("%%aml_submit --wait --env kept --out run\nprint('done')\n")
    assert "iniconfig" not in run.out
    record = notebook.shell.user_ns["run"]
    text = Path(record._folder, "azureml-logs/25_environment.txt").read_text()
    assert "azureml-logs/25_environment.txt" in record.get_file_names()
    head, digest = text.splitlines()[:2]
    assert head.startswith("# image: amltrain/kept:")
    assert digest.startswith("# digest: sha256:")
    contents = parse_contents(text)
    assert (contents.packages, contents.python.split(".")[:2]) == ({"iniconfig": "2.0.0"}, ["3", "11"])
    image = record._workspace.store.run(record.id).image
    assert image is not None
    assert image["python"] == contents.python


def test_a_run_in_the_notebooks_own_python_keeps_it_too(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_ENGINE", "local")
    own = Environment("own")
    own.python.user_managed_dependencies = True
    own.register(Workspace.default()[0])
    notebook.run("%%aml_submit --wait --env own --out run\nprint('done')\n")
    text = Path(notebook.shell.user_ns["run"]._folder, "azureml-logs/25_environment.txt").read_text()
    contents = parse_contents(text)
    assert contents.python == "{}.{}.{}".format(*sys.version_info)
    assert contents.packages["packaging"] == version("packaging")
