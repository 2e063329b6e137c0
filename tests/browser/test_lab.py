"""The quickstart as its user meets it: JupyterLab in a browser, cells run by the menu, a real container behind."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from browser.lab import run_all_cells, take_picture


@pytest.mark.parametrize("notebook", ["quickstart", "train-with-a-custom-docker-image"])
def test_a_notebook_runs_by_clicks(lab: str, page: Page, notebook: str) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        run_all_cells(page, lab.format(notebook=f"{notebook}.ipynb"))
    finally:
        take_picture(page, notebook)
    shown = page.locator(".jp-Notebook").inner_text()
    assert "Completed" in shown
    assert "Traceback" not in shown
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert errors == []
