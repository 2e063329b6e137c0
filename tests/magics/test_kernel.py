"""The magics in a real kernel: what the stop button and a restart do, and what a headless run sees."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60

WAITING = """\
import os, time
print("ready", flush=True)
while not os.path.exists("outputs/go"):
    time.sleep(0.02)
print("through", flush=True)
"""


class Kernel:
    """A kernel process, and its cells."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder))
        self.connect()

    def connect(self) -> None:
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)
        assert self.run("%load_ext jupyter_amltrain")[0] == "ok"

    def run(self, cell: str, interrupt_at: str = "") -> tuple[str, str]:
        """Run a cell, pressing stop once its output has ``interrupt_at``: status and everything it wrote."""
        written = ""

        def take(message: dict[str, Any]) -> None:
            nonlocal written, interrupt_at
            content = message["content"]
            written += content.get("text", "") or "".join(content.get("traceback", ()))
            written += content.get("data", {}).get("text/plain", "")
            if interrupt_at and interrupt_at in written:
                interrupt_at = ""
                self.manager.interrupt_kernel()

        reply = self.client.execute_interactive(cell, timeout=TIMEOUT_S, output_hook=take, store_history=False)
        assert not interrupt_at, f"never written: {interrupt_at}\n{written}"
        return reply["content"]["status"], written

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self.connect()

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def start_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Kernel]]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    kernels: list[Kernel] = []

    def started() -> Kernel:
        kernels.append(Kernel(tmp_path))
        return kernels[-1]

    yield started
    for kernel in kernels:
        kernel.stop()


@pytest.fixture
def kernel(start_kernel: Callable[[], Kernel], docker_host: str) -> Kernel:
    kernel = start_kernel()
    assert kernel.run("%%aml_env plain --no-build\nFROM python-base:1\n")[0] == "ok"
    return kernel


def test_stopping_the_cell_stops_the_watching_only(kernel: Kernel) -> None:
    status, written = kernel.run(f"%%aml_submit --wait --out run\n{WAITING}", interrupt_at="ready")
    assert status == "error"
    assert "UsageError" in written
    assert "Traceback" not in written
    assert "%aml_cancel " in written

    status, written = kernel.run("run.get_status()")
    assert "'Running'" in written
    status, written = kernel.run("%aml_logs run -f", interrupt_at="ready")
    assert status == "error"
    assert "the run goes on" in written

    kernel.restart()
    mark = "from jupyter_amltrain import Workspace\nws = Workspace.default()[0]\nrun_id = ws.store.runs()[0].id\n"
    mark += "(ws.run_folder(run_id) / 'outputs' / 'go').touch()\n"
    assert kernel.run(mark)[0] == "ok"
    status, written = kernel.run("%aml_logs last -f --file 70_driver_log.txt")
    assert status == "ok"
    assert written.startswith("ready\nthrough\n") or "\nready\nthrough\n" in written
    assert written.endswith(": Completed\n")


def test_stopping_a_build_ends_it_without_a_traceback(kernel: Kernel) -> None:
    cell = f"%%aml_env slow\nFROM python-base:1\nRUN echo begin-{uuid.uuid4().hex}; sleep 60\n"
    status, written = kernel.run(cell, interrupt_at="begin-")
    assert status == "error"
    assert "Traceback" not in written
    assert "UsageError: Stopped while building environment 'slow'" in written
    status, written = kernel.run("%aml_submit --env slow x.py")
    assert "no environment 'slow'" in written


def test_names_are_completed_in_the_kernel(kernel: Kernel) -> None:
    for code in ("%aml_submit --env pl", "run = %aml_submit --env pl", "%%aml_submit --env pl"):
        content = kernel.client.complete(code, len(code), reply=True, timeout=TIMEOUT_S)["content"]
        assert content["matches"] == ["plain"]
        assert code[content["cursor_start"] :] == "pl"


def test_help_is_shown_for_a_question_mark(kernel: Kernel) -> None:
    content = kernel.client.execute("%aml_submit?", reply=True, timeout=TIMEOUT_S)["content"]
    assert "--target NAME" in content["payload"][0]["data"]["text/plain"]


@pytest.mark.parametrize(
    "cell",
    [
        "%aml_submit --env nothing train.py",
        "%%aml_env broken\nFROM python-base:1\nRUN exit 1\n",
        "%%aml_submit --wait\nraise SystemExit(3)\n",
    ],
)
def test_a_headless_notebook_stops_at_a_refusal(
    cell: str, docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = [
        "%load_ext jupyter_amltrain",
        "%%aml_env plain --no-build\nFROM python-base:1\n",
        cell,
        "print('not reached')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = NotebookClient(
        notebook, timeout=TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    with pytest.raises(CellExecutionError, match="UsageError"):
        client.execute()
    assert notebook.cells[3].outputs == []
