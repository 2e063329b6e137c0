"""JupyterLab as its users meet it: in a browser, cells run by the menu, real containers behind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from browser.chromium import chromium_page
from browser.gate import Gate
from browser.server import running_lab
from front_end.parts import FRONT_END, node_environment

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="session")
def lab_extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our lab extension, built, in a folder of Jupyter's data."""
    top = tmp_path_factory.mktemp("lab-extension")
    source, package = top / "labextension", top / "jupyter_amltrain"
    shutil.copytree(FRONT_END, source, ignore=shutil.ignore_patterns("node_modules", "lib*"))
    (source / "node_modules").symlink_to(FRONT_END / "node_modules")
    for command in (["jlpm", "build:lib"], ["jupyter-builder", "build", "--development", "True", "."]):
        subprocess.run(command, cwd=source, env=node_environment(), check=True)
    place = top / "share" / "labextensions"
    place.mkdir(parents=True)
    (package / "labextension").rename(place / "jupyter-amltrain")
    return top / "share"


@pytest.fixture
def notebooks(
    docker_host: str, amltrain_home: Path, lab_extension: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with copies of the notebooks, for a server that has our lab extension."""
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    monkeypatch.setenv(
        "JUPYTER_PATH", os.pathsep.join(filter(None, (str(lab_extension), os.environ.get("JUPYTER_PATH"))))
    )
    return folder


@pytest.fixture
def lab(notebooks: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a JupyterLab whose root folder holds copies of the notebooks."""
    with running_lab(notebooks, tmp_path) as url:
        yield url


@pytest.fixture
def notebook_7(notebooks: Path, tmp_path: Path) -> Iterator[str]:
    """The same in Notebook 7."""
    with running_lab(notebooks, tmp_path, "notebook") as url:
        yield url


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Where a step of a build waits."""
    made = Gate()
    yield made
    made.close()


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of Debian's Chromium."""
    with chromium_page() as made:
        yield made


@pytest.fixture
def errors(page: Page) -> list[str]:
    """What goes wrong in the page."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found
