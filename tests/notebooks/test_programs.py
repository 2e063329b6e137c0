"""Notebooks run by programs that nobody looks at: text and HTML, no hang, no widget, and an exit status that tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from browser.server import write_notebook

PROGRAMS = {
    "papermill": ["papermill", "--log-output", "in.ipynb", "out.ipynb"],
    "nbconvert": ["jupyter-nbconvert", "--execute", "--to=notebook", "--output=out", "in.ipynb"],
    "nbclient": ["jupyter-execute", "--output=out", "in.ipynb"],
}
TRAIN = """\
%%aml_submit --env plain --wait
from azureml.core import Run
Run.get_context().log("loss", 0.25)
print("the only epoch")
for _ in range(5000):
    print("x" * 999)
print("the last line")
"""


def run_notebook(program: str, folder: Path, script: str) -> tuple[int, str, nbformat.NotebookNode | None]:
    """Exit status, what was printed, and the notebook that was written, if any."""
    sources = ("%load_ext jupyter_amltrain", "%aml_env plain --base python-base:1", script, "print('the cell after')")
    write_notebook(folder / "in.ipynb", *sources)
    name, *arguments = PROGRAMS[program]
    done = subprocess.run(
        [str(Path(sys.executable).parent / name), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    written = folder / "out.ipynb"
    return done.returncode, done.stdout, nbformat.read(written, as_version=4) if written.exists() else None


def stories(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The runs that a cell shows."""
    return [output.data for output in cell.get("outputs", []) if output.output_type == "display_data"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_run_is_told_in_text_and_html(program: str, docker_host: str, amltrain_home: Path, tmp_path: Path) -> None:
    status, printed, notebook = run_notebook(program, tmp_path, TRAIN)
    assert status == 0, printed
    assert notebook is not None
    outputs = notebook.cells[2].outputs
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "the only epoch" in text
    assert "… What follows is not kept here: %aml_logs " in text
    assert len(nbformat.writes(notebook)) < 200_000
    (story,) = stories(notebook.cells[2])
    assert set(story) == {"text/html", "text/plain"}
    assert "Completed" in story["text/plain"]
    assert "the last line" in story["text/plain"]
    assert "loss" in story["text/html"]
    assert notebook.cells[3].outputs[0].text == "the cell after\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_run_that_fails_ends_the_notebook(
    program: str, docker_host: str, amltrain_home: Path, tmp_path: Path
) -> None:
    status, printed, notebook = run_notebook(program, tmp_path, TRAIN + "import cv2\n")
    assert status == 1, printed
    assert "No module named 'cv2'" in printed
    if notebook is not None:  # only papermill writes it
        (story,) = [data for cell in notebook.cells[:-1] for data in stories(cell)]
        assert "opencv-python-headless" in story["text/plain"]
        assert "opencv-python-headless" in story["text/html"]
        assert notebook.cells[-1].outputs == []
