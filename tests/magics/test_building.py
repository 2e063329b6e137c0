"""Preparing while a person watches, with an engine made for the purpose."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_amltrain.engines.protocol import Image, Preparation
from jupyter_amltrain.errors import CanceledException, ImageBuildException
from jupyter_amltrain.magics.building import prepare_watched


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


def test_output_comes_in_order_in_the_callers_thread_and_whole() -> None:
    def work(log: Preparation) -> None:
        for byte in "line ü\nno end".encode():
            log.write(bytes([byte]))

    shown: list[tuple[str, int]] = []
    image = prepare_watched(Engine(work), {}, {}, lambda text: shown.append((text, threading.get_ident())))
    assert image.reference == "image"
    assert "".join(text for text, _ in shown) == "line ü\nno end"
    assert {thread for _, thread in shown} == {threading.get_ident()}


def test_what_the_engine_raises_is_raised_where_the_user_waits() -> None:
    def work(log: Preparation) -> None:
        log.write(b"before\n")
        raise ImageBuildException("step 2 failed")

    shown: list[str] = []
    with pytest.raises(ImageBuildException, match="step 2 failed"):
        prepare_watched(Engine(work), {}, {}, shown.append)
    assert "".join(shown) == "before\n"


def test_the_stop_button_ends_the_work_and_says_during_what() -> None:
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
        prepare_watched(engine, {}, {}, press_stop)
    assert engine.ended.is_set()
