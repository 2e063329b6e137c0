"""The same mistakes in a notebook: cells of a real kernel answer in words, and a headless notebook ends with a code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from .conftest import Place, assert_speaks

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120

READY = ["%load_ext jupyter_amltrain", "%%aml_env fastai2 --no-build\nFROM python-base:1\n"]

REFUSED = {
    "%aml_submit trian.py": "trian.py script path doesn't exist. The script should be inside the project folder.",
    "%aml_submit source/old.py": "would not reach the job, because the snapshot leaves it out (line 1 of .amlignore",
    "%aml_submit source/folder.py": "is a folder. There is no .py file in it.",
    "%aml_submit --source source ../outside.py": "lies outside of the source directory",
    "%aml_submit --source nowhere train.py": "nowhere does not exist. Create it, or correct source_directory",
    "%aml_submit": "Name the script to run, as in: %aml_submit train.py",
    "%aml_submit --env fastai train.py": "no environment 'fastai'; did you mean 'fastai2'?",
    "%aml_submit --env fastai2:9 train.py": "environment 'fastai2' has no version 9; its latest is 1.",
    "%aml_submit --target locl train.py": "no compute target 'locl'; did you mean 'local'?",
    "%aml_submit --experiment 'my exp' train.py": "'my exp' cannot be the name of an experiment",
    "%aml_submit --wiat train.py": "unrecognized arguments: --wiat; did you mean --wait?",
    "%aml_submit --shm lots train.py": "shm_size is a number with a unit, such as '2g' or '512m', not 'lots'.",
    "%aml_submit 'train.py": "The line cannot be split into words",
    "%%aml_submit --target locl\nprint(1)": "no compute target 'locl'",
    "%%aml_submit\n \n# to do\n": "The cell is empty: below the line with %%aml_submit comes the script to run.",
    "%%aml_submit": "the cell body is empty",
    "%%aml_submit --name ../x.py\nprint(1)": "'../x.py' cannot name a cell's script",
    "%%aml_submit train.py\nprint(1)": "The cell is the script, so 'train.py' has no place",
    "%%aml_env e\n\n": "The cell is empty; write a Dockerfile",
    "%%aml_env e\nFROM python-base:1\nRUNN x": "line 3 of the cell: unknown instruction 'RUNN'; did you mean RUN?",
    "%%aml_env e\nFROM python-base:1\nCOPY a /a": "line 3 of the cell copies 'a', but",
    "%%aml_env e\nFROM no-such-image:1": "The image no-such-image:1 is not on this engine",
    "%%aml_env e --context nowhere\nFROM python-base:1": "There is no folder",
    "%%aml_env 'a\tb'\nFROM python-base:1": "cannot name an environment: a name is one line",
    "%%aml_env e\nnumpy ==== 1": "Line 2 of the cell: 'numpy ==== 1' is no pip requirement",
    "%aml_logs zzz": "no run 'zzz'; there are no runs yet.",
    "%aml_cancel": "Say which run to cancel",
    "%aml_metrics last": "There is no run yet; %aml_submit SCRIPT starts one.",
    "%aml_runs --status Runing": "no state 'Runing'; did you mean 'Running'?",
    "%aml_workspace bad-inptu": "Did you mean 'bad-input'?",
    "%aml_workspace 'a b' --create": "'a b' cannot name a workspace",
}

REFUSED_CALLS = {
    "from azureml.core import Workspace\nws = Workspace.get('bad-inptu')": "WorkspaceException: No workspace found",
    "Workspace.from_config('config.txt')": "UserErrorException: ",
    "from azureml.core import ScriptRunConfig\nScriptRunConfig('.', 'train.py', arguments='--x 1')": (
        "UserErrorException: arguments takes a list"
    ),
}


@pytest.fixture
def here(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The notebook's folder; its workspace is that of ``place``."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    place.workspace.write_config(tmp_path)
    (tmp_path / "train.py").write_text("")
    (tmp_path / "outside.py").write_text("")
    (tmp_path / "config.txt").write_text("{")
    (place.source / ".amlignore").write_text("old.py\n")
    (place.source / "old.py").write_text("")
    (place.source / "folder.py").mkdir()
    return tmp_path


def test_every_refused_cell_answers_in_words(here: Path, place: Place) -> None:
    cells = [*READY, *REFUSED, *REFUSED_CALLS, "%aml_runs"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    before = place.traces()
    place_of_kernel = {"metadata": {"path": here}}
    NotebookClient(
        notebook, timeout=TIMEOUT_S, kernel_name="python3", allow_errors=True, resources=place_of_kernel
    ).execute()
    said = {cell.source: _written(cell.outputs) for cell in notebook.cells}
    for source, words in {**REFUSED, **REFUSED_CALLS}.items():
        answer = said[source]
        assert words in answer, f"{source}\n{answer}"
        assert_speaks(answer)
    for source in REFUSED:
        assert said[source].rpartition("UsageError: ")[2].count("\n") <= 2, said[source]
    assert "no runs" in said["%aml_runs"]
    assert place.workspace.environments.keys() == {"fastai2"}
    assert place.traces() == before


def _written(outputs: list[Any]) -> str:
    """Everything that a cell shows, once."""
    texts = [output.get("text", "") or "\n".join(output.get("traceback", ())) for output in outputs]
    return "".join(texts) + "".join(output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.parametrize("mistake", ["%aml_submit trian.py", "Workspace.get('bad-inptu')"])
def test_a_headless_notebook_ends_with_a_code(here: Path, place: Place, mistake: str) -> None:
    cells = [*READY, "from azureml.core import Workspace", mistake, "open('reached', 'w')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbformat.write(notebook, here / "notebook.ipynb")
    command = [sys.executable, "-c", "from nbclient.cli import main; main()", "notebook.ipynb"]  # jupyter execute
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode != 0
    assert ("script path doesn't exist" if "submit" in mistake else "Did you mean 'bad-input'?") in done.stderr
    assert not (here / "reached").exists()
    assert place.workspace.store.runs() == []
