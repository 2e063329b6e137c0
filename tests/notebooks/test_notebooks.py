"""The notebooks as they are kept, and the demo runner. ``make test`` runs their cells through nbval as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
FILES = sorted(NOTEBOOKS.glob("*.ipynb"))


def test_all_are_there() -> None:
    names = ["environments", "fastai-pets", "quickstart", "train-with-a-custom-docker-image"]
    assert [path.stem for path in FILES] == names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_traces_of_a_run(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert not cell.metadata
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def demo(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    root = NOTEBOOKS.parent
    return subprocess.run(
        [sys.executable, str(NOTEBOOKS / "run_demo.py"), str(path)],
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_quickstart_runs_without_a_docker_engine() -> None:
    done = demo(NOTEBOOKS / "quickstart.ipynb", AMLTRAIN_ENGINE="local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "epoch 9: loss " in done.stdout
    assert "'outputs/model.pkl'" in done.stdout
    assert ": Completed in " in done.stdout
    assert "accuracy = 0.9" in done.stdout


def test_the_custom_image_runs_on_docker(docker_host: str) -> None:
    done = demo(NOTEBOOKS / "train-with-a-custom-docker-image.ipynb")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "199 points from the image" in done.stdout
    assert "199 points made up" in done.stdout
    assert done.stdout.count(": Completed in ") == 2


def test_every_form_of_environment_is_toured_on_docker(docker_host: str) -> None:
    done = demo(NOTEBOOKS / "environments.ipynb")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("sepal petal", "iniconfig is in ", "seed 7", "Taken for a conda specification", "+  - idna>=3"):
        assert words in done.stdout


def test_a_notebook_whose_magic_is_refused_fails(tmp_path: Path) -> None:
    cells = ["%load_ext jupyter_amltrain", "%aml_submit --env nothing train.py"]
    path = tmp_path / "refused.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    done = demo(path)
    assert done.returncode == 1
    assert "no environment 'nothing'" in done.stdout
