"""The kernel's side of a build's view: its log reaches a client, questions are answered, a click ends it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.errors import NameNotFoundException, UserErrorException
from jupyter_amltrain.widget.build_view import BuildFeed, BuildRequests

PATIENCE_S = 30


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "builds" / "torch-local-12ab.txt"


def test_the_log_of_a_build_that_has_not_printed_yet_is_followed_to_its_end(log: Path) -> None:
    feed, sent = BuildFeed(log), Sent()
    feed.watch(sent)
    feed.open("view", sent.send)
    assert not feed.look(busy=True)
    log.parent.mkdir()
    log.write_bytes(b"#1 FROM python\n")
    feed.wake()
    sent.wait_for(b"#1 FROM python\n")
    assert feed.wants_more()
    with log.open("ab") as file:
        file.write(b"done\n")
    feed.end()
    feed.wake()
    sent.wait_for(b"#1 FROM python\ndone\n")
    while feed.wants_more():
        feed.look(busy=False)
    # Opened once more, after the end, it is told again.
    feed.open("another", sent.send)
    sent.wait_for(b"#1 FROM python\ndone\n" * 2)


def test_only_the_log_can_be_read(log: Path) -> None:
    log.parent.mkdir()
    log.write_bytes(b"fine\nERROR: no such package\n")
    (log.parent / "other.txt").write_bytes(b"secret")
    canceled = threading.Event()
    requests = BuildRequests(log, canceled.set)
    asked = {
        "file": log.name,
        "text": "",
        "regex": False,
        "ignore_case": True,
        "level": "error",
        "after": 0,
        "limit": 9,
    }
    assert requests.answer("find", asked)[0]["matches"] == [{"offset": 5, "line": "ERROR: no such package"}]
    assert requests.answer("read_log", {"file": log.name, "start": 0, "end": 4})[1] == [b"fine"]
    with pytest.raises(NameNotFoundException, match=r"other\.txt"):
        requests.answer("read_file", {"name": "other.txt", "start": 0})
    with pytest.raises(UserErrorException, match="does not know the request 'rerun'"):
        requests.answer("rerun", {"arguments": []})
    requests.answer("cancel", {})
    assert canceled.is_set()


class Sent:
    """What a view is sent of a log, with a way to wait for it."""

    def __init__(self) -> None:
        self._log = b""
        self._news = threading.Condition()

    def tell(self, state: dict[str, Any]) -> None:
        """The feed of a build tells no states."""

    def trouble(self, sentence: str) -> None:
        raise AssertionError(sentence)

    def send(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        with self._news:
            self._log += b"".join(buffers)
            self._news.notify_all()

    def wait_for(self, log: bytes) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self._log == log, PATIENCE_S), self._log
