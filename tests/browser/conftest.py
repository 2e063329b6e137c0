"""JupyterLab as its users meet it: in a browser, cells run by the menu, real containers behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from browser.chromium import chromium_page
from browser.server import running_lab

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture
def lab(docker_host: str, amltrain_home: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a JupyterLab whose root folder holds copies of the notebooks."""
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    with running_lab(folder, tmp_path) as url:
        yield url


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of Debian's Chromium."""
    with chromium_page() as made:
        yield made
