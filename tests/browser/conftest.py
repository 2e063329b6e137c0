"""JupyterLab as its users meet it: in a browser, cells run by the menu, real containers behind."""

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
from playwright.sync_api import Page

from browser.chromium import chromium_page

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TOKEN = "browser-test"


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
    with chromium_page() as made:
        yield made
