"""Preparing while a person watches, with an engine made for the purpose."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.engines.protocol import Image, Preparation
from jupyter_amltrain.environment.details import KEPT_LOGS
from jupyter_amltrain.errors import CanceledException, ImageBuildException, ImageNotFoundException, StoreException
from jupyter_amltrain.magics.building import BuildLog, prepare_watched
from jupyter_amltrain.magics.watchers import TextWatcher


class Engine:
    def __init__(self, work: Any) -> None:
        self.work = work
        self.ended = threading.Event()

    def prepare(
        self, environment: Mapping[str, Any], log: Preparation, secrets: Mapping[str, str], renew: str = ""
    ) -> Image:
        try:
            self.work(log)
        finally:
            self.ended.set()
        return Image("image", "python", "name")


@pytest.fixture
def log(tmp_path: Path) -> BuildLog:
    return BuildLog(tmp_path / "builds" / "log.txt")


def test_output_comes_in_order_in_the_callers_thread_and_whole(log: BuildLog) -> None:
    def work(log: Preparation) -> None:
        for byte in "line ü\nno end".encode():
            log.write(bytes([byte]))

    shown: list[tuple[str, int]] = []
    watcher = TextWatcher(lambda text: shown.append((text, threading.get_ident())))
    image = prepare_watched(Engine(work), {}, {}, watcher, log)
    assert image.reference == "image"
    assert "".join(text for text, _ in shown) == "line ü\nno end"
    assert {thread for _, thread in shown} == {threading.get_ident()}
    assert log.path.read_text() == "line ü\nno end"


def test_what_the_engine_raises_is_raised_where_the_user_waits(log: BuildLog) -> None:
    def work(log: Preparation) -> None:
        log.write(b"before\n")
        raise ImageBuildException("step 2 failed")

    shown: list[str] = []
    with pytest.raises(ImageBuildException, match="step 2 failed"):
        prepare_watched(Engine(work), {}, {}, TextWatcher(shown.append), log)
    assert "".join(shown) == "before\n"
    assert log.path.read_text() == "before\nstep 2 failed\n"


def test_nothing_said_leaves_no_log(log: BuildLog) -> None:
    prepare_watched(Engine(lambda log: None), {}, {}, TextWatcher(print), log)
    assert not log.written
    assert not log.path.exists()


def test_what_is_refused_before_a_build_leaves_no_log(log: BuildLog) -> None:
    def work(log: Preparation) -> None:
        log.write(b"Pulling fastai2 from docker.io\n")
        raise ImageNotFoundException("no such image")

    with pytest.raises(ImageNotFoundException):
        prepare_watched(Engine(work), {}, {}, TextWatcher(lambda text: None), log)
    assert not log.path.parent.exists()


def test_only_the_newest_logs_are_kept(log: BuildLog) -> None:
    log.path.parent.mkdir()
    for number in range(KEPT_LOGS + 3):
        old = log.path.with_name(f"old-{number}.txt")
        old.write_text("")
        os.utime(old, (number, number))
    log.write(b"x")
    log.close()
    kept = {path.name for path in log.path.parent.iterdir()}
    assert kept == {"log.txt", *(f"old-{number}.txt" for number in range(4, KEPT_LOGS + 3))}


def test_a_log_that_cannot_be_written_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "builds").write_text("a file where the folder should be")
    log = BuildLog(tmp_path / "builds" / "log.txt")
    with pytest.raises(StoreException, match="The build log .* cannot be written"):
        prepare_watched(Engine(lambda log: log.write(b"x")), {}, {}, TextWatcher(print), log)


def test_the_stop_button_ends_the_work_and_says_during_what(log: BuildLog) -> None:
    def work(log: Preparation) -> None:
        log.phase("pulling fastai2")
        log.write(b"layer 1\n")
        stopped = threading.Event()
        while not log.canceled():
            stopped.wait(0.01)
        raise CanceledException("canceled")

    def press_stop(_: str) -> None:
        raise KeyboardInterrupt

    engine = Engine(work)
    with pytest.raises(CanceledException, match="Stopped while pulling fastai2; nothing was kept."):
        prepare_watched(engine, {}, {}, TextWatcher(press_stop), log)
    assert engine.ended.is_set()
