"""The quickstart as its user meets it: JupyterLab in a browser, cells run by the menu, a real container behind."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from engine.parts import program

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PICTURES = Path(__file__).parents[2] / "build" / "pictures"
TOKEN = "browser-test"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def lab(docker_host: str, amltrain_home: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of a JupyterLab whose root folder holds copies of the notebooks."""
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "AMLTRAIN_GPU": "prefer"}
    with open(tmp_path / "lab.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={TOKEN}", server)
        yield f"http://127.0.0.1:{port}/lab/tree/{{notebook}}?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            assert server.poll() is None, "JupyterLab ended before it answered"
            assert time.monotonic() < deadline, "JupyterLab did not answer in 90 s"
            time.sleep(0.2)
        else:
            return


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=CHROMIUM_FLAGS)
        yield browser.new_page(viewport={"width": 1280, "height": 2400})
        browser.close()


def run_all_cells(page: Page, url: str) -> None:
    """Open a notebook and run it by the menu, until no cell is waiting any more."""
    page.goto(url)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
    accept = page.locator(".jp-Dialog .jp-mod-accept")  # the kernel that is offered
    page.add_locator_handler(accept, lambda: accept.first.click())
    page.locator("#jp-main-statusbar", has_text="Idle").wait_for(timeout=120_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        "() => { const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];"
        " return prompts.length && prompts.every(prompt => /\\[\\d+\\]/.test(prompt.textContent)); }",
        timeout=240_000,
    )


def take_picture(page: Page, name: str) -> None:
    """Keep a picture of the page for people to look at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / f"{name}.png"))


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
