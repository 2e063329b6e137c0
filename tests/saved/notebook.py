"""A notebook that was run with real jobs, and whose outputs hold runs."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

TRAIN = """%%aml_submit --env plain --wait --out good
import math
from azureml.core import Run
run = Run.get_context()
for step in range(300):
    run.log("train_loss", math.exp(-step / 100), step=step)
for epoch in range(3):
    run.log("valid_loss", 1 / (1 + epoch), step=100 * epoch)
    print(f"\\r10%\\r\\x1b[32mepoch {epoch}\\x1b[0m <script>alert(1)</script>")
open("outputs/model.pkl", "wb").write(b"1" * 2000)
"""

FAILING = """%%aml_submit --env plain --out bad
def load():
    import cv2
load()
"""

CELLS = (
    "%load_ext jupyter_amltrain",
    "%aml_env plain --base python-base:1",
    TRAIN,
    FAILING,
    "from azureml.widgets import RunDetails\nbad.wait_for_completion(raise_on_error=False)['status']",
    "RunDetails(good)",
    "RunDetails(bad)",
)


def executed(folder: Path) -> NotebookNode:
    """The notebook, run in ``folder`` by nbclient, as a host shows it that has no widgets."""
    made = new_notebook(cells=[new_code_cell(cell) for cell in CELLS])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    NotebookClient(made, timeout=180, resources={"metadata": {"path": str(folder)}}).execute()
    made.metadata.pop("widgets", None)
    for data in _data(made):
        data.pop("application/vnd.jupyter.widget-view+json", None)
    nbformat.validate(made)
    return made


def saved_outputs(notebook: NotebookNode) -> list[NotebookNode]:
    """The data of the outputs that show runs."""
    return [data for data in _data(notebook) if "jp-amltrain-saved" in data.get("text/html", "")]


def _data(notebook: NotebookNode) -> list[NotebookNode]:
    return [output["data"] for cell in notebook.cells for output in cell.outputs if "data" in output]
