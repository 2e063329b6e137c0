"""Preparing an environment while a person watches: output as it comes, and the stop button ends it cleanly."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, Protocol

from ..engines.protocol import Step
from ..errors import (
    AzureMLException,
    CanceledException,
    ImageNotFoundException,
    RegistryException,
    StoreException,
    UserErrorException,
)
from ..home import advice_for

if TYPE_CHECKING:
    from ..engines.protocol import Engine, EnvironmentSpec, Image

_LOOK_S = 0.1
_GIVE_UP_S = 10.0

_REFUSED = (ImageNotFoundException, RegistryException, UserErrorException)
"""Ends of a preparation that never came to build; their messages say all that a log could."""


class Watcher(Protocol):
    """Shows a build to a person. Everything is called in the thread of the cell."""

    def write(self, data: bytes) -> None:
        """Output of the build, cut anywhere."""

    def step(self, step: Step) -> None:
        """News of a step."""

    def look(self, phase: str) -> None:
        """Called all the time, with what is being waited for now."""


class BuildLog:
    """The log file of a build, which is made with its first line.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    @property
    def written(self) -> bool:
        """Whether there is anything in it."""
        return self._file is not None

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            StoreException: the file cannot be written.
        """
        try:
            if self._file is None:
                from ..environment.details import make_room_for_log

                self.path.parent.mkdir(parents=True, exist_ok=True)
                make_room_for_log(self.path.parent)
                self._file = self.path.open("ab", buffering=0)
            self._file.write(data)
        except OSError as error:
            raise StoreException(
                f"The build log {self.path} cannot be written: {error.strerror}. {advice_for(error)}",
                inner_exception=error,
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """Remove the file, and its folder when there is nothing else in it."""
        if self._file is not None:
            self._file.close()
            self._file = None
            with contextlib.suppress(OSError):
                self.path.unlink()
                self.path.parent.rmdir()


class _Progress:
    """The ``Preparation`` that the engine talks to in its own thread, and that the watching thread reads."""

    def __init__(self, log: BuildLog) -> None:
        self.news: SimpleQueue[bytes | Step | None] = SimpleQueue()
        self.now = ""
        self.stop = threading.Event()
        self._log = log

    def write(self, data: bytes) -> None:
        self._log.write(data)
        self.news.put(data)

    def phase(self, text: str) -> None:
        self.now = text

    def step(self, step: Step) -> None:
        self.news.put(step)

    def canceled(self) -> bool:
        return self.stop.is_set()


def prepare_watched(
    engine: Engine,
    environment: EnvironmentSpec,
    secrets: Mapping[str, str],
    watcher: Watcher,
    log: BuildLog,
    renew: str = "",
) -> Image:
    """Prepare an environment, show it as it goes in the caller's thread, and keep its output in ``log``.

    Raises:
        CanceledException: the user interrupted it; what was half-made is gone or going.
        EngineException: whatever the engine says.
    """
    progress = _Progress(log)
    result: list[Image] = []
    failure: list[BaseException] = []

    def prepare() -> None:
        try:
            result.append(engine.prepare(environment, progress, secrets, renew))
        except BaseException as error:  # noqa: BLE001 - raised again where the user waits
            failure.append(error)
            if isinstance(error, _REFUSED):
                log.discard()
            elif isinstance(error, AzureMLException) and log.written:
                with contextlib.suppress(StoreException):
                    log.write(f"{error.message}\n".encode())
        finally:
            log.close()
            progress.news.put(None)

    worker = threading.Thread(target=prepare, name="amltrain-prepare", daemon=True)
    worker.start()
    try:
        _show_until_end(progress, watcher)
        worker.join()
    except KeyboardInterrupt:
        progress.stop.set()
        worker.join(_GIVE_UP_S)
        _show_rest(progress, watcher)
        raise CanceledException(f"Stopped while {progress.now or 'it was being prepared'}; nothing was kept.") from None
    if failure:
        raise failure[0]
    return result[0]


def _show_until_end(progress: _Progress, watcher: Watcher) -> None:
    while True:
        try:
            news = progress.news.get(timeout=_LOOK_S)
        except Empty:
            watcher.look(progress.now)
            continue
        if news is None:
            return
        _show(news, watcher)
        watcher.look(progress.now)


def _show_rest(progress: _Progress, watcher: Watcher) -> None:
    with contextlib.suppress(Empty):
        while (news := progress.news.get_nowait()) is not None:
            _show(news, watcher)


def _show(news: bytes | Step, watcher: Watcher) -> None:
    if isinstance(news, Step):
        watcher.step(news)
    else:
        watcher.write(news)
