"""The live view in Notebook 7: the same lab extension and the same widget in another shell."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from browser.lab import NOTEBOOK_7_IDLE, begin_all_cells, take_picture
from browser.server import write_notebook
from browser.test_run_view import PLAIN, START, UNTIL_TOLD, expect_story, let_it_end, saved_output, views


def test_a_run_is_live_and_comes_back(notebook_7: str, page: Page, tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, UNTIL_TOLD)
    page.set_viewport_size({"width": 1200, "height": 1100})
    url = notebook_7.format(notebook="view.ipynb")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"{error} {error.stack}"))
    try:
        begin_all_cells(page, url, NOTEBOOK_7_IDLE)
        expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        expect(views(page).locator(".uplot").first).to_be_visible()
        with page.expect_response(lambda answer: answer.request.method == "PUT" and "view.ipynb" in answer.url):
            page.keyboard.press("Control+s")

        page.reload()
        expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        expect(views(page).locator(".uplot").first).to_be_visible()
        let_it_end()
        expect(views(page).locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
        expect(views(page).get_by_role("log")).to_contain_text("the last line")
        # The view tells of the end a moment before the notebook has it, and Notebook 7 saves nothing that it has saved.
        while "Completed" not in saved_output(tmp_path, 2)["text/html"]:
            page.keyboard.press("Control+s")
            page.wait_for_timeout(100)
        expect_story(saved_output(tmp_path, 2), "Completed", "the last line")
    finally:
        take_picture(page, "notebook-7")
    # Notebook 7 has errors of its own at its start; ours would be in the lab extension or in the module of the view.
    assert [error for error in errors if "jupyter-amltrain" in error or "blob:" in error] == []
