"""The live view of a run: JupyterLab in a browser, real containers behind."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

from browser.lab import begin_all_cells, take_picture, use_theme

START = """\
%load_ext jupyter_amltrain
from jupyter_amltrain import *
ws = Workspace.create("viewed", exist_ok=True, show_output=False)
%aml_workspace viewed
"""
PLAIN = "%%aml_env plain --no-build --quiet\nFROM python-base:1\n"
TRAIN = """\
%%aml_submit --env plain --out run
import math, time
from azureml.core import Run
run = Run.get_context()
print("epoch  train_loss", flush=True)
for step in range(400):
    run.log("train_loss", math.exp(-step / 40) + 0.02 * math.sin(step))
    run.log("valid_loss", math.exp(-step / 45) + 0.05)
    if step % 10 == 0:
        print(f"\\x1b[32m{step // 10}\\x1b[0m      {math.exp(-step / 40):.4f}", flush=True)
    time.sleep(0.05)
"""


def write_notebook(path: Path, *cells: str) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)


def test_a_run_as_it_goes(lab: str, page: Page, tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, TRAIN)
    page.set_viewport_size({"width": 1200, "height": 1100})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: print(message.text) if message.type == "error" else None)
    try:
        begin_all_cells(page, lab.format(notebook="view.ipynb"))
        view = page.locator(".jp-amltrain-run-view")
        expect(view.get_by_role("log")).to_contain_text("epoch  train_loss", timeout=60_000)
        expect(view.locator(".uplot").first).to_be_visible()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Running")
        page.wait_for_timeout(4000)
        for theme in ("Dark", "Light"):
            use_theme(page, f"JupyterLab {theme}")
            page.wait_for_timeout(500)
            take_picture(page, f"run-running-{theme.lower()}")
        view.get_by_role("button", name="Cancel").click()
        expect(page.locator(".jp-OutputArea").last).to_contain_text("Canceled", timeout=20_000)
        page.wait_for_timeout(3000)
    finally:
        take_picture(page, "run-last")
    assert errors == []
