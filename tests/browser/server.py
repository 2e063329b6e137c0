"""A JupyterLab, or a Notebook 7, of its own, as a person would start one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

TOKEN = "browser-test"
PLACES = {"jupyterlab": "lab/tree", "notebook": "notebooks"}


@contextmanager
def running_lab(folder: Path, own: Path, program: str = "jupyterlab", base: str = "/") -> Iterator[str]:
    """The URL of a JupyterLab on ``folder``, with ``{notebook}`` where the name of a notebook goes.

    Args:
        own: folder for its configuration, what its kernels say of themselves, and its log.
        program: module that is run: ``jupyterlab``, or ``notebook`` for Notebook 7.
        base: path below which it answers, as behind a hub.
    """
    port = _free_port()
    command = [sys.executable, "-m", program, "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    command += [f"--ServerApp.base_url={base}"]
    own_folders = {"JUPYTER_CONFIG_DIR": str(own / "config"), "JUPYTER_RUNTIME_DIR": str(own / "runtime")}
    environment = {**os.environ, **own_folders, "AMLTRAIN_GPU": "prefer"}
    _say_no_to_news(own / "config")
    with open(own / "lab.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(f"http://127.0.0.1:{port}{base}api?token={TOKEN}", server)
        yield f"http://127.0.0.1:{port}{base}{PLACES[program]}/{{notebook}}?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(30)


def _say_no_to_news(config: Path) -> None:
    """Answer beforehand what JupyterLab would ask in a corner of the page."""
    settings = config / "lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('{"fetchNews": "false"}')


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of these code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
