"""One thread looks after all runs that are shown; what goes wrong with one is said there and stops no other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain import Experiment, Workspace
from jupyter_amltrain.runs import status as states
from jupyter_amltrain.widget.run_feed import RunFeed, feed_of

PATIENCE_S = 30


class Watching:
    """What a widget is told, with a way to wait for it."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []
        self.sentences: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self._news = threading.Condition()

    def tell(self, state: dict[str, Any]) -> None:
        with self._news:
            self.states.append(state)
            self._news.notify_all()

    def trouble(self, sentence: str) -> None:
        with self._news:
            self.sentences.append(sentence)
            self._news.notify_all()

    def send(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        with self._news:
            self.messages.append(message)
            self._news.notify_all()

    def wait(self, what: Callable[[], object]) -> None:
        with self._news:
            assert self._news.wait_for(what, PATIENCE_S)


@pytest.fixture
def workspace(amltrain_home: Path) -> Workspace:
    return Workspace.create("feeds", show_output=False)


def begin(workspace: Workspace) -> Any:
    return Experiment(workspace, "feeds").start_logging(outputs=None, snapshot_directory=None)


def shown(workspace: Workspace, run_id: str) -> tuple[RunFeed, Watching]:
    feed, watching = feed_of(workspace.folder, run_id), Watching()
    feed.watch(watching)
    feed.open("view", watching.send)
    return feed, watching


def test_a_run_is_followed_to_its_end_and_then_costs_nothing(workspace: Workspace) -> None:
    run = begin(workspace)
    feed, watching = shown(workspace, run.id)
    watching.wait(lambda: watching.states and watching.states[-1]["status"] == states.RUNNING)
    run.log("loss", 1.0)
    watching.wait(lambda: watching.messages)
    client = feed.client("view")
    assert client is not None
    client.taken(watching.messages[-1]["seq"])
    run.complete()
    watching.wait(lambda: watching.states[-1]["status"] == states.COMPLETED)
    thread = next((one for one in threading.enumerate() if one.name == "amltrain-feeder"), None)
    if thread is not None:
        thread.join(PATIENCE_S)
    assert not feed.wants_more()
    assert not [one for one in threading.enumerate() if one.name == "amltrain-feeder"]
    # Shown or opened once more, it is told again.
    later = Watching()
    feed.watch(later)
    later.wait(lambda: later.states and later.states[-1]["status"] == states.COMPLETED)
    feed.open("another", watching.send)
    watching.wait(lambda: watching.messages[-1]["client"] == "another")


def test_a_failing_look_is_said_and_stops_no_other(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = begin(workspace), begin(workspace)
    bad, told_bad = shown(workspace, broken.id)
    told_bad.wait(lambda: told_bad.states)
    with monkeypatch.context() as patch:
        patch.setattr(bad._reader, "read", lambda *_: 1 / 0)
        broken.tag("key", "value")
        told_bad.wait(lambda: told_bad.sentences)
        assert "not up to date: ZeroDivisionError" in told_bad.sentences[-1]
        _, told_sound = shown(workspace, sound.id)
        sound.log("loss", 1.0)
        told_sound.wait(lambda: told_sound.states and told_sound.messages)
        assert told_sound.sentences == []
    bad.watch(told_bad)
    told_bad.wait(lambda: told_bad.sentences[-1] == "")
    broken.complete()
    sound.complete()


def test_where_nobody_looks_only_the_end_is_told(workspace: Workspace) -> None:
    run = begin(workspace)
    feed, watching = feed_of(workspace.folder, run.id), Watching()
    feed.watch(watching)
    watching.wait(lambda: watching.states)
    run.tag("key", "value")
    run.complete()
    watching.wait(lambda: watching.states[-1]["status"] == states.COMPLETED)
    assert [state["status"] for state in watching.states] == [states.RUNNING, states.COMPLETED]
    assert watching.messages == []
