"""What an impatient person does to a notebook whose run is live; behind a hub, in a folder with an odd name."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

from browser.lab import JUPYTERLAB_IDLE, choose, open_notebook, restart_kernel, run_cell, save, take_picture
from browser.server import running_lab, write_notebook
from browser.test_run_view import AGAIN, PLAIN, START, UNTIL_TOLD, let_it_end, views
from jupyter_amltrain.widget.showing import RUN

WITHOUT_KERNEL = ("text/html", "text/plain")
NAME = "what #1 of 100%.ipynb"
FOLDER = "Ann's 100% \N{SLIGHTLY SMILING FACE} notes"


def test_a_live_run_outlives_what_is_done_to_its_notebook(
    notebooks: Path, page: Page, errors: list[str], tmp_path: Path
) -> None:
    folder = notebooks / FOLDER
    folder.mkdir()
    write_notebook(folder / "view.ipynb", START, PLAIN, UNTIL_TOLD, AGAIN)
    page.set_viewport_size({"width": 1200, "height": 1600})
    try:
        with running_lab(notebooks, tmp_path, base="/user/ann@x/") as url:
            walk(page, url, folder)
    finally:
        take_picture(page, "walk-impatience")
    assert errors == []


def walk(page: Page, url: str, folder: Path) -> None:
    open_notebook(page, url.format(notebook=f"{FOLDER.replace('%', '%25')}/view.ipynb"))
    for cell in range(3):
        run_cell(page, cell)
    expect_live(page)

    page.locator(".jp-Notebook .jp-Cell").nth(2).locator(".jp-InputPrompt").first.click()
    page.keyboard.press("x")
    expect(views(page)).to_have_count(0)
    page.keyboard.press("v")
    expect_live(page)

    choose(page, "File", "Rename Notebook…")
    page.locator(".jp-Dialog input").fill(NAME)
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.locator(".jp-Dialog").wait_for(state="detached")
    page.locator(".lm-TabBar-tab.lm-mod-current", has_text="what #1").wait_for()
    save(page)
    page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabCloseIcon").last.click()
    expect(views(page)).to_have_count(0)
    page.locator(".jp-DirListing-item", has_text="what #1").dblclick()
    expect_live(page)

    choose(page, "Edit", "Clear Outputs of All Cells")
    expect(views(page)).to_have_count(0)
    run_cell(page, 2)
    expect_live(page)

    restart_kernel(page)
    expect(views(page)).to_contain_text("The kernel is gone. The run itself goes on", timeout=30_000)
    page.locator(JUPYTERLAB_IDLE).wait_for(timeout=120_000)
    expect_last_words(page, folder / NAME, 2)
    run_cell(page, 2)
    expect_live(page)

    choose(page, "Kernel", "Shut Down Kernel")
    expect(views(page)).to_contain_text("The kernel is gone. The run itself goes on", timeout=30_000)
    expect(views(page).get_by_role("button", name="Cancel")).to_be_disabled()
    expect_last_words(page, folder / NAME, 2)
    let_it_end()
    page.reload()
    expect(page.locator(".jp-amltrain-saved")).to_contain_text("the first line", timeout=60_000)
    page.locator(JUPYTERLAB_IDLE).wait_for(timeout=120_000)
    run_cell(page, 2)
    expect(views(page).get_by_role("log")).to_contain_text("the last line", timeout=60_000)
    expect(views(page).locator(".jp-amltrain-chip")).to_have_text("Completed")


def expect_live(page: Page) -> None:
    expect(views(page).locator(".jp-amltrain-chip")).to_have_text("Running", timeout=60_000)
    expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)


def expect_last_words(page: Page, notebook: Path, cell: int) -> None:
    """The saved notebook keeps what the kernel told at its end."""
    save(page)
    data = nbformat.read(notebook, as_version=4).cells[cell].outputs[-1].data
    assert set(data) == {RUN, *WITHOUT_KERNEL}
    assert all("Running" in data[kind] and "the first line" in data[kind] for kind in WITHOUT_KERNEL)
