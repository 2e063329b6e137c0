"""Preparing an environment while a person watches: output as it comes, and the stop button ends it cleanly."""

from __future__ import annotations

import codecs
import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from ..errors import CanceledException

if TYPE_CHECKING:
    from ..engines.protocol import Engine, EnvironmentSpec, Image, Step

_LOOK_S = 0.1
_SILENCE_S = 2.0
_GIVE_UP_S = 10.0


class _Progress:
    """The ``Preparation`` that the engine talks to in its own thread, and that the watching thread reads."""

    def __init__(self) -> None:
        self.output: SimpleQueue[bytes | None] = SimpleQueue()
        self.now = ""
        self.steps: dict[str, Step] = {}
        self.stop = threading.Event()

    def write(self, data: bytes) -> None:
        self.output.put(data)

    def phase(self, text: str) -> None:
        self.now = text

    def step(self, step: Step) -> None:
        self.steps[step.key] = step

    def canceled(self) -> bool:
        return self.stop.is_set()


def prepare_watched(
    engine: Engine,
    environment: EnvironmentSpec,
    secrets: Mapping[str, str],
    show: Callable[[str], object],
    renew: str = "",
) -> Image:
    """Prepare an environment and give its output to ``show`` as it comes, in the caller's thread.

    When nothing comes for two seconds, ``show`` gets a line that says what is being waited for.

    Raises:
        CanceledException: the user interrupted it; what was half-made is gone or going.
        EngineException: whatever the engine says.
    """
    progress = _Progress()
    result: list[Image] = []
    failure: list[BaseException] = []

    def prepare() -> None:
        try:
            result.append(engine.prepare(environment, progress, secrets, renew))
        except BaseException as error:  # noqa: BLE001 - raised again where the user waits
            failure.append(error)
        finally:
            progress.output.put(None)

    worker = threading.Thread(target=prepare, name="amltrain-prepare", daemon=True)
    worker.start()
    try:
        _show_until_end(progress, show)
        worker.join()
    except KeyboardInterrupt:
        progress.stop.set()
        worker.join(_GIVE_UP_S)
        raise CanceledException(f"Stopped while {progress.now or 'it was being prepared'}; nothing was kept.") from None
    if failure:
        raise failure[0]
    return result[0]


def _show_until_end(progress: _Progress, show: Callable[[str], object]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    heard, told = time.monotonic(), ""
    while True:
        try:
            data = progress.output.get(timeout=_LOOK_S)
        except Empty:
            if progress.now != told and time.monotonic() - heard > _SILENCE_S:
                told = progress.now
                show(f"… {told}\n")
            continue
        if data is None:
            show(decoder.decode(b"", final=True))
            return
        heard = time.monotonic()
        show(decoder.decode(data))
