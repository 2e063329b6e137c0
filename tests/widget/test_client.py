"""What a view is sent: of a log, of curves, and when it answers or does not."""

from __future__ import annotations

import os
import time
from array import array
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain import Experiment, Workspace
from jupyter_amltrain.runs.folder import DRIVER_LOG
from jupyter_amltrain.runs.follow import log_files
from jupyter_amltrain.widget import client as clients
from jupyter_amltrain.widget.client import BATCHES, BEHIND_BYTES, LOG_BYTES, Client
from jupyter_amltrain.widget.curve_feed import CurveFeed


@pytest.fixture
def workspace(amltrain_home: Path) -> Workspace:
    return Workspace.create("clients", show_output=False)


@pytest.fixture
def run(workspace: Workspace) -> Any:
    return Experiment(workspace, "clients").start_logging(outputs=None, snapshot_directory=None)


@pytest.fixture
def log(workspace: Workspace, run: Any) -> Path:
    path = workspace.run_folder(run.id) / DRIVER_LOG
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def client(workspace: Workspace, run: Any, log: Path) -> Client:
    folder = workspace.run_folder(run.id)
    return Client("one", folder, lambda: log_files(folder), CurveFeed(workspace.store, run.id, {}))


def add(log: Path, data: bytes) -> None:
    with open(log, "ab") as file:
        file.write(data)


def taken_in(client: Client) -> tuple[bytes, list[dict[str, Any]], list[bytes]]:
    """All that there is for a view that answers at once: the log's bytes, heads of curves and their columns."""
    text, heads, columns = b"", [], []
    while (found := client.batch(busy=False)) is not None:
        message, buffers = found
        if message["log"]:
            text += buffers.pop(0)
        heads += message["series"]
        columns += buffers
        client.taken(message["seq"])
    return text, heads, columns


def numbers(column: bytes) -> list[float]:
    return list(array("d", column))


def test_bytes_of_a_log_come_as_they_lie_there(client: Client, log: Path) -> None:
    add(log, b"first \xff\xc3")
    assert taken_in(client)[0] == b"first \xff\xc3"
    assert client.batch(busy=False) is None
    add(log, b"\xa9 second\r\x1b[31m")
    assert taken_in(client)[0] == b"\xa9 second\r\x1b[31m"
    assert client.drained()


def test_a_view_that_does_not_answer_has_eight_batches_under_way(client: Client, log: Path) -> None:
    add(log, os.urandom(LOG_BYTES))
    sent = [client.batch(busy=False)]
    while sent[-1] is not None:
        add(log, os.urandom(LOG_BYTES))
        sent.append(client.batch(busy=False))
    assert len(sent) - 1 == BATCHES
    assert not client.drained()
    client.taken(BATCHES)
    again = client.batch(busy=False)
    assert again is not None
    assert again[0]["seq"] == BATCHES + 1


def test_a_view_far_behind_skips_to_a_little_before_the_end(client: Client, log: Path) -> None:
    add(log, b"begin\n")
    assert taken_in(client)[0] == b"begin\n"
    add(log, os.urandom(BEHIND_BYTES + 1))
    found = client.batch(busy=False)
    assert found is not None
    start, size = found[0]["log"]["start"], found[0]["log"]["size"]
    assert size - start == LOG_BYTES
    assert found[1][0] == log.read_bytes()[start:]


def test_a_view_may_choose_a_log_and_a_place(client: Client, log: Path) -> None:
    other = log.with_name("60_other.txt")
    other.write_bytes(b"0123456789")
    add(log, b"driver")
    assert taken_in(client)[0] == b"driver"
    client.follow_log("azureml-logs/60_other.txt", 4)
    assert taken_in(client)[0] == b"456789"
    add(log, b"more")
    assert taken_in(client)[0] == b""
    client.follow_log("../secret", 0)
    assert taken_in(client)[0] == b""


def test_while_the_kernel_is_busy_a_silent_view_gets_a_trickle(
    client: Client, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(log, os.urandom(LOG_BYTES))
    while client.batch(busy=True) is not None:
        add(log, os.urandom(LOG_BYTES))
    later = time.monotonic() + 30
    monkeypatch.setattr(clients.time, "monotonic", lambda: later)
    assert client.batch(busy=False) is None
    trickle = client.batch(busy=True)
    assert trickle is not None
    assert len(trickle[1][0]) < LOG_BYTES
    assert client.batch(busy=True) is None
    assert not client.forgotten(busy=True)
    later += 60
    assert client.forgotten(busy=False)


def test_few_points_are_sent_as_they_are(client: Client, run: Any) -> None:
    for value in (1.0, float("nan"), 3.0):
        run.log("loss", value)
    _, heads, columns = taken_in(client)
    assert [(head["name"], head["count"], head["points"], head["replace"]) for head in heads] == [("loss", 3, 3, False)]
    assert numbers(columns[0]) == [0, 1, 2]
    assert str(numbers(columns[2])) == "[1.0, nan, 3.0]"
    run.log("loss", 4.0)
    client.changed()
    _, more, columns = taken_in(client)
    assert (more[0]["id"], more[0]["replace"]) == (heads[0]["id"], False)
    assert (numbers(columns[0]), numbers(columns[2])) == ([3], [4.0])


def test_of_many_points_a_sample_takes_the_place_of_what_was_sent(client: Client, run: Any) -> None:
    run.log_list("loss", [0.5] * 3)
    for value in range(10):
        run.log("many", value)
    taken_in(client)
    for value in range(10_000):
        run.log("many", 7 if value == 1234 else -value / 1000)
    client.changed()
    _, heads, columns = taken_in(client)
    assert [(head["name"], head["count"], head["replace"]) for head in heads] == [("many", 10_010, True)]
    values = numbers(columns[2])
    assert len(values) <= 2000
    assert max(values) == 9
    assert 7 in values
    assert values[-1] == -9.999


def test_what_is_no_curve_is_told_and_asked_for(client: Client, run: Any) -> None:
    run.log("words", "text")
    run.log_row("row", x=1, y=2)
    found = client.batch(busy=False)
    assert found is not None
    assert found[0]["values"]
    assert found[0]["series"] == []
