"""A saved notebook where it is read: nbconvert's pages in light and dark, and JupyterLab that does not trust it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from browser.contrast import expect_clear
from browser.lab import take_picture, use_theme
from saved.notebook import executed, saved_outputs

WORDS = ("Completed", "Failed", "loss", "No module named 'cv2'", "opencv-python-headless", "epoch 2", "shows all of it")


@pytest.fixture
def notebook(docker_host: str, amltrain_home: Path, tmp_path: Path) -> nbformat.NotebookNode:
    """A notebook that was run."""
    return executed(tmp_path)


def test_a_page_of_nbconvert_in_light_and_dark(notebook: nbformat.NotebookNode, page: Page, tmp_path: Path) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": 1000, "height": 1800})
    for theme in ("light", "dark"):
        html, _ = HTMLExporter(theme=theme).from_notebook_node(notebook)
        (tmp_path / "saved.html").write_text(html)
        page.goto(f"file://{tmp_path / 'saved.html'}", wait_until="domcontentloaded")
        *_, good, bad = page.locator(".jp-amltrain-saved").all()
        expect(good.locator("svg polyline")).to_have_count(2)
        for words in WORDS:
            expect(page.locator("body")).to_contain_text(words)
        for view in (good, bad):
            expect_clear(view)
        take_picture(page, f"saved-{theme}")
    assert [error for error in errors if "alert" in error] == []


def test_jupyterlab_that_does_not_trust_it(
    notebook: nbformat.NotebookNode, lab: str, page: Page, tmp_path: Path
) -> None:
    nbformat.write(notebook, tmp_path / "notebooks" / "saved.ipynb")
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(lab.format(notebook="saved.ipynb"))
    views = page.locator(".jp-amltrain-saved")
    expect(views).to_have_count(len(saved_outputs(notebook)), timeout=120_000)
    first = views.first
    expect(page.locator(".jp-amltrain-saved svg")).to_have_count(0)  # JupyterLab took them away
    for words in WORDS:
        expect(page.locator(".jp-Notebook")).to_contain_text(words)
    first.locator("summary", has_text="Metrics").click()
    expect(first.locator("table").nth(1)).to_contain_text("train_loss")
    for theme in ("Dark", "Light"):
        use_theme(page, f"JupyterLab {theme}")
        expect_clear(first)
        take_picture(page, f"saved-untrusted-{theme.lower()}")
    assert dialogs == []
