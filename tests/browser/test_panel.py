"""The training panel by clicks and keys: JupyterLab in a browser, real containers behind. In both themes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page, expect

from browser.lab import open_notebook, pictures, restart_kernel, run_cell, save, take_picture
from browser.server import write_notebook
from jupyter_amltrain import Workspace
from jupyter_amltrain.widget.showing import RUN

START = """\
%load_ext jupyter_amltrain
from jupyter_amltrain import *
ws = Workspace.create("panels", exist_ok=True, show_output=False)
%aml_workspace panels
"""
TRAIN = """\
import argparse, os, time
from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20, help="how often the data are seen")
parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
parser.add_argument("--arch", choices=["small", "large"], default="small")
parser.add_argument("--amp", action="store_true", help="mixed precision")
asked = parser.parse_args()
print(f"{asked.arch} at {asked.lr}, mixed precision {asked.amp}", flush=True)
for epoch in range(asked.epochs):
    Run.get_context().log("train_loss", 1 / (1 + epoch))
    time.sleep(0.05)
while not os.path.exists("outputs/go"):
    time.sleep(0.05)
print("the last line", flush=True)
"""


def saved_output(tmp_path: Path) -> dict[str, Any]:
    notebook = nbformat.read(tmp_path / "notebooks" / "panel.ipynb", as_version=4)
    return dict(notebook.cells[1].outputs[-1].data)


def save_until(page: Page, tmp_path: Path, word: str) -> dict[str, Any]:
    """Save the notebook until it keeps a word of the panel's story, which is told a moment after it is on screen."""
    save(page)
    while word not in (output := saved_output(tmp_path))["text/html"]:
        page.locator(".jp-mod-dirty").first.wait_for(timeout=30_000)
        save(page)
    return output


def cancel_all() -> None:
    workspace = Workspace.get("panels")
    for run in workspace.store.runs():
        workspace.get_run(run.id).cancel()


def type_into(field: Locator, text: str) -> None:
    """Replace what is in a field, as with the keyboard, and leave it."""
    field.fill(text)
    field.press("Tab")


def test_a_run_is_written_submitted_and_watched_in_the_panel(lab: str, page: Page, tmp_path: Path) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    write_notebook(tmp_path / "notebooks" / "panel.ipynb", START, "%aml_panel")
    (tmp_path / "notebooks" / "train.py").write_text(TRAIN)
    page.set_viewport_size({"width": 1200, "height": 1500})
    url = lab.format(notebook="panel.ipynb")
    try:
        open_notebook(page, url)
        run_cell(page, 0)
        run_cell(page, 1)
        panel = page.locator(".jp-amltrain-panel")
        expect(panel.get_by_text("No runs yet.")).to_be_visible(timeout=60_000)

        type_into(panel.get_by_role("combobox", name="Script"), "train.py")
        expect(panel.get_by_text("Arguments of train.py")).to_be_visible(timeout=30_000)
        expect(panel.get_by_label("--lr")).to_have_attribute("placeholder", "0.1")
        expect(panel.get_by_text("how often the data are seen")).to_be_visible()
        panel.get_by_label("Environment", exact=True).select_option("New environment …")
        type_into(panel.get_by_label("Name of the new environment"), "plain")
        type_into(panel.get_by_label("What is in it"), "FROM python-base:1\n")
        expect(panel.get_by_text("This is a Dockerfile")).to_be_visible(timeout=30_000)

        type_into(panel.get_by_label("--epochs"), "many")
        alert = panel.get_by_role("alert").filter(has_text="--epochs takes a whole number, not 'many'")
        expect(alert).to_be_visible(timeout=30_000)
        panel.get_by_role("button", name="Submit").click()
        expect(panel.get_by_text("Nothing was submitted")).to_be_visible(timeout=30_000)
        expect(panel.get_by_label("--epochs")).to_be_focused()
        pictures(page, "panel-mistake")
        assert Workspace.get("panels").store.runs() == []

        type_into(panel.get_by_label("--epochs"), "30")
        expect(alert).to_have_count(0, timeout=30_000)
        panel.get_by_label("--arch").select_option("large")
        panel.get_by_label("--amp").check()
        panel.get_by_role("button", name="Submit").click()
        row = panel.locator(".jp-amltrain-runs tbody tr")
        expect(row).to_have_count(1, timeout=60_000)
        expect(row.locator(".jp-amltrain-state")).to_have_text("Running", timeout=60_000)
        expect(row.locator(".jp-amltrain-spark")).to_be_visible(timeout=30_000)
        expect(row).to_contain_text("train_loss 0.03333", timeout=30_000)
        view = panel.locator(".jp-amltrain-run-view")
        expect(view.get_by_role("log")).to_contain_text("large at 0.1, mixed precision True", timeout=30_000)
        expect(view.locator(".uplot").first).to_be_visible()
        pictures(page, "panel-running")
        assert "Running" in save_until(page, tmp_path, "Running")["text/plain"]

        page.reload()
        expect(panel.get_by_label("--epochs")).to_have_value("30", timeout=60_000)
        expect(row.locator(".jp-amltrain-state")).to_have_text("Running")
        expect(view.get_by_role("log")).to_contain_text("large at 0.1", timeout=30_000)

        workspace = Workspace.get("panels")
        (first,) = workspace.store.runs()
        (workspace.run_folder(first.id) / "outputs" / "go").touch()
        expect(row.locator(".jp-amltrain-state")).to_have_text("Completed", timeout=60_000)
        type_into(panel.get_by_label("--epochs"), "2")
        panel.get_by_role("button", name="Submit").click()
        expect(row).to_have_count(2, timeout=60_000)
        expect(row.first.locator(".jp-amltrain-state")).to_have_text("Running", timeout=60_000)
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Running", timeout=30_000)
        panel.get_by_role("button", name="Submit").press("x")  # would cut the cell
        row.first.get_by_role("button").focus()
        for key in ("x", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        expect(row.nth(1).get_by_role("button")).to_have_attribute("aria-pressed", "true")
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=30_000)
        expect(view.get_by_role("log")).to_contain_text("the last line", timeout=30_000)
        pictures(page, "panel-chosen")

        story = save_until(page, tmp_path, "the last line")
        assert set(story) == {RUN, "text/html", "text/plain"}
        for words in ("Runs of the workspace panels", "Completed", "Running", "train_loss"):
            assert words in story["text/plain"]
            assert words in story["text/html"]
        restart_kernel(page)
        expect(panel.get_by_text("The kernel is gone; the runs go on without it")).to_be_visible(timeout=30_000)
        page.reload()
        kept = page.locator(".jp-Notebook .jp-OutputArea").nth(1)
        expect(kept).to_contain_text("Runs of the workspace panels", timeout=60_000)
        expect(page.locator(".jp-amltrain-saved")).to_contain_text("the last line")
        pictures(page, "panel-story")
    finally:
        take_picture(page, "panel-last")
        cancel_all()
    assert "Error" not in page.locator(".jp-Notebook").inner_text()
    assert errors == []
