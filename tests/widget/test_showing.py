"""What a run's output holds, for kernels whose front ends draw widgets, and for those that have none."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient
from nbclient import NotebookClient

from jupyter_amltrain.widget.showing import RUN

WIDGET = "application/vnd.jupyter.widget-view+json"
START = "%load_ext jupyter_amltrain\nfrom jupyter_amltrain import *\nws = Workspace.create('shown', show_output=False)"
BEGIN = "run = Experiment(ws, 'shown').start_logging(outputs=None, snapshot_directory=None)\nrun.log('loss', 0.5)"
SUBMIT = (
    "%%aml_submit --env plain --wait\nfrom azureml.core import Run\nRun.get_context().log('loss', 0.5)\nprint('hello')"
)
PLAIN = "%%aml_env plain --no-build --quiet\nFROM python-base:1\n"
TIMEOUT_S = 60


class Kernel:
    """A kernel with a front end that shows outputs and sends what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder))
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)

    def run(self, cell: str) -> list[dict[str, Any]]:
        """The messages of a cell that succeeds."""
        heard: list[dict[str, Any]] = []
        reply = self.client.execute_interactive(cell, timeout=TIMEOUT_S, output_hook=heard.append, allow_stdin=True)
        assert reply["content"]["status"] == "ok", reply
        return heard

    def until(self, kind: str) -> dict[str, Any]:
        """The next message of a kind, on whoever's behalf."""
        while (message := self.client.get_iopub_msg(timeout=TIMEOUT_S))["msg_type"] != kind:
            pass
        return dict(message)

    def say(self, comm: str, content: dict[str, Any]) -> None:
        """What a front end says to a widget."""
        data = {"method": "custom", "content": content}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", {"comm_id": comm, "data": data}))

    def story(self) -> tuple[str, str]:
        """The HTML and text that a widget wants saved next."""
        while (message := self.until("comm_msg"))["content"]["data"].get("content") != {"kind": "story"}:
            pass
        html, text = (bytes(buffer).decode() for buffer in message["buffers"])
        return html, text

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(amltrain_home: Path, docker_host: str, tmp_path: Path) -> Iterator[Kernel]:
    made = Kernel(tmp_path)
    made.run(START)
    yield made
    made.stop()


def displays(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["content"]["data"] for message in messages if message["msg_type"] == "display_data"]


def run_told(text: str) -> str:
    """Which run a story is about."""
    return text.partition("%aml_run ")[2].split()[0]


def test_a_run_that_goes_is_a_widget_beside_html_and_text(kernel: Kernel) -> None:
    (shown,) = displays(kernel.run(f"{BEGIN}\nrun"))
    assert set(shown) == {RUN, WIDGET, "text/html", "text/plain"}
    assert shown[RUN]["model_id"] == shown[WIDGET]["model_id"]
    kernel.run("run.complete()")
    at_the_end = kernel.until("update_display_data")["content"]["data"]
    assert set(at_the_end) == {RUN, "text/html", "text/plain"}
    assert "Completed" in at_the_end["text/html"]
    assert "<script" not in at_the_end["text/html"]


def test_a_rerun_in_the_view_of_a_run_that_was_over_is_kept(kernel: Kernel) -> None:
    kernel.run(PLAIN)
    kernel.run(SUBMIT)
    (shown,) = displays(kernel.run("%aml_run last"))
    kernel.say(shown[RUN]["model_id"], {"kind": "rerun", "client": "page", "id": 1, "arguments": []})
    before = run_told(shown["text/plain"])
    while run_told((told := kernel.story())[1]) == before:
        pass
    assert all("Completed" in each for each in told)


def test_the_end_of_the_kernel_keeps_the_story(kernel: Kernel) -> None:
    kernel.run(f"{BEGIN}\nrun")
    kernel.client.shutdown()
    kept = kernel.until("update_display_data")["content"]["data"]
    assert set(kept) == {RUN, "text/html", "text/plain"}
    assert "Running" in kept["text/plain"]
    assert "loss" in kept["text/html"]


def test_the_panel_keeps_what_it_showed_of_runs(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    messages = kernel.run("%aml_workspace shown\n%aml_panel")
    (shown,) = displays(messages)
    assert set(shown) == {RUN, WIDGET, "text/html", "text/plain"}
    assert shown[RUN]["model_id"] == shown[WIDGET]["model_id"]
    assert "… Running" in shown["text/plain"]
    opened = [message["content"] for message in messages if message["msg_type"] == "comm_open"]
    (table,) = (comm["comm_id"] for comm in opened if "chosen" in comm["data"]["state"])
    kernel.say(table, {"kind": "look", "client": "page", "fresh": True})
    assert "Running" in kernel.story()[0]  # a page that begins may have an older one
    kernel.run("run.complete()")
    kernel.say(table, {"kind": "look", "client": "page", "fresh": False})
    html, text = kernel.story()
    assert "Completed" in html
    assert "✓ Completed" in text
    kernel.client.shutdown()
    kept = kernel.until("update_display_data")["content"]["data"]
    assert set(kept) == {RUN, "text/html", "text/plain"}
    assert "✓ Completed" in kept["text/plain"]


def test_views_and_workspace_outlive_what_is_done_to_the_session(kernel: Kernel) -> None:
    kernel.run(f"%aml_workspace shown\n{BEGIN}")
    for line in (
        "%load_ext jupyter_amltrain",
        "%reload_ext jupyter_amltrain",
        "%load_ext autoreload\n%autoreload 2\nimport os, jupyter_amltrain.widget.showing as m\nos.utime(m.__file__)",
        "%reset -f",
    ):
        kernel.run(line)
        messages = kernel.run("%aml_run last")
        (shown,) = displays(messages)
        assert set(shown) == {RUN, WIDGET, "text/html", "text/plain"}, line
        assert "stream" not in {message["msg_type"] for message in messages}
    kernel.client.shutdown()
    for _ in range(4):
        assert "Running" in kernel.until("update_display_data")["content"]["data"]["text/plain"]


def test_waiting_shows_text_where_nobody_draws_the_view(kernel: Kernel) -> None:
    kernel.run(PLAIN)
    messages = kernel.run(SUBMIT)
    text = "".join(message["content"].get("text", "") for message in messages)
    assert "hello" in text
    assert len(displays(messages)) == 1


def test_a_build_is_html_and_text_for_whoever_draws_no_view_and_nothing_when_it_is_found(kernel: Kernel) -> None:
    cell = f"%%aml_env built\nFROM python-base:1\nRUN echo {uuid.uuid4().hex}; sleep 1\n"
    messages = kernel.run(cell)
    (first,) = displays(messages)
    last = [message["content"]["data"] for message in messages if message["msg_type"] == "update_display_data"][-1]
    for data in (first, last):
        assert set(data) == {RUN, "text/html", "text/plain"}
    assert first["text/plain"].startswith("… built · ")
    assert last["text/plain"].startswith("✓ built:1 · Dockerfile · ")
    messages = kernel.run(cell)
    assert displays(messages) == []
    assert "comm_open" not in {message["msg_type"] for message in messages}


def test_an_installation_without_the_front_end_says_so_once(kernel: Kernel) -> None:
    kernel.run("import pathlib, jupyter_amltrain.notebook as face\nface._LOADER = pathlib.Path('nowhere')")
    messages = kernel.run(f"{BEGIN}\nrun") + kernel.run("run")
    assert [set(data) for data in displays(messages)] == 2 * [{"text/html", "text/plain"}]
    text = "".join(message["content"].get("text", "") for message in messages)
    assert text.count("The live view was not built") == 1
    kernel.run("run.complete()")


def test_a_notebook_that_nobody_watches_gets_no_widget(amltrain_home: Path, docker_host: str, tmp_path: Path) -> None:
    cells = [START, PLAIN, SUBMIT, "%aml_run last", "%aml_panel"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(
        notebook, timeout=TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert "hello" in "".join(output.get("text", "") for output in notebook.cells[2].outputs)
    shown = notebook.cells[3].outputs[-1]
    assert set(shown["data"]) == {"text/html", "text/plain"}
    assert "Completed" in shown["data"]["text/plain"]
    panel, remark = notebook.cells[4].outputs
    assert set(panel["data"]) == {"text/html", "text/plain"}
    assert "✓ Completed" in panel["data"]["text/plain"]
    assert "The form needs a notebook" in remark["text"]
    assert "widgets" not in notebook.metadata
