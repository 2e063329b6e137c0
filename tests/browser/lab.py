"""What a person does in JupyterLab."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from browser.contrast import expect_clear

OURS = ".jp-Notebook .jp-OutputArea-output [class*='jp-amltrain-']:not([class*='jp-amltrain-'] *):visible"
PICTURES = Path(__file__).parents[2] / "build" / "pictures"


JUPYTERLAB_IDLE = "#jp-main-statusbar:has-text('Idle')"
NOTEBOOK_7_IDLE = (
    ".jp-Toolbar:has(.jp-KernelName:has-text('(ipykernel)')) .jp-Notebook-ExecutionIndicator[data-status=idle]"
)


def open_notebook(page: Page, url: str, idle: str = JUPYTERLAB_IDLE) -> None:
    """Open a notebook with a kernel."""
    page.goto(url)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
    page.locator(idle).wait_for(timeout=120_000)


def begin_all_cells(page: Page, url: str, idle: str = JUPYTERLAB_IDLE) -> None:
    """Open a notebook and start all its cells by the menu."""
    open_notebook(page, url, idle)
    choose(page, "Run", "Run All Cells")


def run_all_cells(page: Page, url: str) -> None:
    """Open a notebook and run it by the menu, until no cell is waiting any more."""
    begin_all_cells(page, url)
    wait_for_all_cells(page)


def wait_for_all_cells(page: Page) -> None:
    """Until no cell is waiting any more."""
    page.wait_for_function(
        "() => { const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];"
        " return prompts.length && prompts.every(prompt => /\\[\\d+\\]/.test(prompt.textContent)); }",
        timeout=240_000,
    )


def take_picture(page: Page, name: str) -> None:
    """Keep a picture of the page for people to look at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / f"{name}.png"))


def use_theme(page: Page, name: str) -> None:
    """Choose a theme by the menu."""
    choose(page, "Settings", "Theme", name)
    page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def pictures(page: Page, name: str) -> None:
    """Pictures of a page in both themes, in which none of what is ours is too faint to be read."""
    for theme in ("Dark", "Light"):
        use_theme(page, f"JupyterLab {theme}")
        take_picture(page, f"{name}-{theme.lower()}")
        for shown in page.locator(OURS).all():
            expect_clear(shown)


def run_cell(page: Page, number: int) -> None:
    """Run one cell, counted from 0, by its prompt and the toolbar."""
    page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".jp-InputPrompt").first.click()
    page.locator(".jp-NotebookPanel-toolbar [data-command='notebook:run-cell-and-select-next']").first.click()


def save(page: Page) -> None:
    """Save the notebook by the toolbar, until it says that it is."""
    page.locator(".jp-NotebookPanel-toolbar [data-command='docmanager:save']").first.click()
    page.locator(".jp-mod-dirty").wait_for(state="detached", timeout=30_000)


def choose(page: Page, menu: str, *labels: str) -> None:
    """Click through a menu."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    for label in labels:
        page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True).click()


def restart_kernel(page: Page) -> None:
    """Restart the kernel by the menu."""
    choose(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog .jp-mod-accept").click()
