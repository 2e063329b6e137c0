"""``%aml_compare`` in a notebook, with real runs behind."""

from __future__ import annotations

import re

from magics.notebook import Notebook

SWEEP = "%%aml_submit --wait --experiment sweep --name sweep.py --out {} -- --rate {}\n"
TRAIN = """\
import sys
from azureml.core import Run
run = Run.get_context()
for step in range({}): run.log("loss", 1 / (step + 1))
"""


def test_two_runs_are_shown_side_by_side(docker_notebook: Notebook) -> None:
    docker_notebook.run(SWEEP.format("first", 0.1) + TRAIN.format(3))
    docker_notebook.run(SWEEP.format("second", "'<b>2</b>'") + TRAIN.format(5))
    told = docker_notebook.run("%aml_compare first second").value
    text, html = repr(told), told._repr_html_()
    assert re.search(r"arguments: --rate +0\.1 +<b>2</b>\n", text)
    assert "changed: sweep.py" in text
    assert re.search(r"\d+ things are the same\.$", text)
    assert "&lt;b&gt;2&lt;/b&gt;" in html
    assert "<b>2" not in html
    assert "-for step in range(3)" in html
    assert "<script" not in html
    assert html.count("<polyline") == 2
    assert re.search(r"^loss +…\w{4} +█\S+ +0\.3333\n +…\w{4} +█\S+ +0\.2$", text, re.MULTILINE)


def test_one_run_is_not_compared(docker_notebook: Notebook) -> None:
    assert "Name two runs or more" in docker_notebook.refusal("%aml_compare")
    docker_notebook.run(SWEEP.format("run", 1) + TRAIN.format(1))
    assert "Name two runs or more" in docker_notebook.refusal("%aml_compare run last")
