"""The live view of a run: JupyterLab in a browser, real containers behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from browser.lab import begin_all_cells, open_notebook, restart_kernel, run_cell, save, take_picture, use_theme
from browser.server import write_notebook
from jupyter_amltrain import Workspace
from jupyter_amltrain.runs.follow import follow
from jupyter_amltrain.widget.showing import RUN

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
for step in range(4000):
    run.log("train_loss", math.exp(-step / 40) + 0.02 * math.sin(step))
    run.log("valid_loss", math.exp(-step / 45) + 0.05)
    if step % 10 == 0:
        print(f"\\x1b[32m{step // 10}\\x1b[0m      {math.exp(-step / 40):.4f}", flush=True)
    time.sleep(0.05)
"""
UNTIL_TOLD = """\
%%aml_submit --env plain
import os, time
from azureml.core import Run
run = Run.get_context()
print("the first line", flush=True)
step = 0
while not os.path.exists("outputs/go"):
    step += 1
    run.log("loss", 1 / step)
    time.sleep(0.05)
print("the last line", flush=True)
"""
AGAIN = "%load_ext jupyter_amltrain\n%aml_workspace viewed\n%aml_run last\n"


@pytest.fixture
def errors(page: Page) -> list[str]:
    """What goes wrong in the page."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def views(page: Page) -> Locator:
    return page.locator(".jp-amltrain-run-view:visible")


def saved_output(tmp_path: Path, cell: int) -> dict[str, Any]:
    """What the saved notebook has of the last output of a cell."""
    notebook = nbformat.read(tmp_path / "notebooks" / "view.ipynb", as_version=4)
    return dict(notebook.cells[cell].outputs[-1].data)


def expect_story(data: dict[str, Any], *words: str) -> None:
    """A saved output tells this without a kernel and without a script."""
    assert set(data) == {RUN, "text/html", "text/plain"}
    for word in words:
        assert word in data["text/html"]
        assert word in data["text/plain"]
    assert "<script" not in data["text/html"]


def last_run() -> tuple[Workspace, str]:
    workspace = Workspace.get("viewed")
    return workspace, workspace.store.runs(limit=1)[0].id


def let_it_end() -> None:
    """Tell the script of UNTIL_TOLD to end, and wait until its run is over."""
    workspace, run_id = last_run()
    folder = workspace.run_folder(run_id)
    (folder / "outputs" / "go").touch()
    for _ in follow(workspace.store, folder, run_id):
        pass


def test_a_run_is_watched_and_canceled_by_clicks(lab: str, page: Page, errors: list[str], tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, TRAIN)
    page.set_viewport_size({"width": 1200, "height": 1100})
    try:
        begin_all_cells(page, lab.format(notebook="view.ipynb"))
        view = views(page)
        expect(view.get_by_role("log")).to_contain_text("epoch  train_loss", timeout=60_000)
        expect(view.locator(".uplot").first).to_be_visible()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Running")
        expect(view.get_by_role("log")).to_contain_text("5      ", timeout=60_000)
        for theme in ("Dark", "Light"):
            use_theme(page, f"JupyterLab {theme}")
            take_picture(page, f"run-running-{theme.lower()}")
        save(page)
        assert "application/vnd.jupyter.widget-view+json" in saved_output(tmp_path, 2)
        view.get_by_role("button", name="Cancel").click()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Canceled", timeout=30_000)
        # The end makes the notebook worth saving, and takes nothing from the screen.
        page.locator(".jp-mod-dirty").first.wait_for(timeout=30_000)
        expect(view.get_by_role("log")).to_be_visible()
        save(page)
        expect_story(saved_output(tmp_path, 2), "Canceled", "train_loss")
    finally:
        take_picture(page, "run-last")
    assert errors == []


def test_the_view_comes_back(lab: str, page: Page, errors: list[str], tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, UNTIL_TOLD, AGAIN)
    url = lab.format(notebook="view.ipynb")
    page.set_viewport_size({"width": 1200, "height": 1600})
    try:
        open_notebook(page, url)
        for cell in range(3):
            run_cell(page, cell)
        expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        save(page)

        page.reload()
        expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        expect(views(page).locator(".uplot").first).to_be_visible()

        page.goto("about:blank")
        let_it_end()
        page.goto(url)
        expect(views(page).locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
        expect(views(page).get_by_role("log")).to_contain_text("the last line")
        page.locator(".jp-mod-dirty").first.wait_for(timeout=30_000)
        save(page)
        expect_story(saved_output(tmp_path, 2), "Completed", "loss", "the last line")

        restart_kernel(page)
        expect(page.locator(".jp-amltrain-lost").first).to_contain_text("kernel", timeout=30_000)
        run_cell(page, 3)
        expect(views(page)).to_have_count(2, timeout=60_000)
        expect(views(page).nth(1).get_by_role("log")).to_contain_text("the last line", timeout=60_000)
        save(page)

        # Opened where the kernel is another: what was kept, instead of an error.
        restart_kernel(page)
        expect(page.locator(".jp-amltrain-lost")).to_have_count(2, timeout=30_000)
        page.reload()
        story = page.locator(".jp-amltrain-saved")
        expect(story).to_have_count(2, timeout=60_000)
        expect(story.first).to_contain_text("the last line")
        assert "Error displaying widget" not in page.locator(".jp-Notebook").inner_text()
    finally:
        take_picture(page, "run-came-back")
    assert errors == []
    assert json.dumps(saved_output(tmp_path, 2)).count("Completed")
