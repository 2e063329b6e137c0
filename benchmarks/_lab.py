"""A notebook in JupyterLab in a browser, for what is measured on the screen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from browser.chromium import chromium_page
from browser.lab import begin_all_cells
from browser.server import running_lab, write_notebook

from ._bench import IMAGE

START = "%load_ext jupyter_amltrain"
ENVIRONMENT = f"%%aml_env bench --no-build --quiet\nFROM {IMAGE}\n"


@contextmanager
def lab_page() -> Iterator[tuple[Page, Path, str]]:
    """A page, the folder of the notebooks that it can open, and their URL with ``{notebook}`` in it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own:
        folder = Path(own, "notebooks")
        folder.mkdir()
        os.environ["AMLTRAIN_HOME"] = str(Path(own, "home"))
        with running_lab(folder, Path(own)) as url, chromium_page() as page:
            page.set_viewport_size({"width": 1200, "height": 1000})
            yield page, folder, url


def begin_script(page: Page, folder: Path, url: str, script: str) -> None:
    """Submit a script as the cell of a new notebook, and wait for its view."""
    write_notebook(folder / "bench.ipynb", START, ENVIRONMENT, f"%%aml_submit --env bench\n{script}")
    begin_all_cells(page, url.format(notebook="bench.ipynb"))
    page.locator(".jp-amltrain-run-view").wait_for(timeout=120_000)
