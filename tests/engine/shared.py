"""The one Docker engine that test sessions share: started by the first, stopped after the last, cached between."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .daemon import DockerDaemon, remove_folder
from .images import load_base_image


def cache_folder() -> Path:
    """Where the shared engine and the base image's archive are kept between runs."""
    configured = os.environ.get("AMLTRAIN_TEST_ENGINE_DIR")
    if configured:
        return Path(configured).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amltrain-test-engine"


@contextmanager
def docker_host() -> Iterator[str]:
    """URL of the engine to test on: AMLTRAIN_TEST_DOCKER_HOST, else the shared one, which runs while this is open."""
    given = os.environ.get("AMLTRAIN_TEST_DOCKER_HOST")
    if given:
        yield given
    else:
        with SharedEngine().session() as url:
            yield url


class SharedEngine:
    """A Docker daemon in the cache folder; ``kept`` says that somebody started it by hand and it is to stay."""

    def __init__(self) -> None:
        self.folder = cache_folder()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.daemon = DockerDaemon(self.folder / "docker")
        self._kept = self.folder / "kept"

    def start(self) -> None:
        """Start it by hand: it runs until :meth:`stop`."""
        with self._changing():
            self._start()
            self._kept.touch()

    def stop(self) -> None:
        """Stop it, also when test sessions use it."""
        with self._changing():
            self._kept.unlink(missing_ok=True)
            self.daemon.stop()

    def clean(self) -> None:
        """Stop it and delete everything that is cached."""
        self.stop()
        remove_folder(self.folder)

    @contextmanager
    def session(self) -> Iterator[str]:
        """The engine's URL, for as long as a test session needs it."""
        with (self.folder / "users.lock").open("w") as users:
            with self._changing():
                fcntl.flock(users, fcntl.LOCK_SH)
                self._start()
            try:
                yield self.daemon.url
            finally:
                with self._changing():
                    if self._last(users) and not self._kept.exists():
                        self.daemon.stop()

    def _start(self) -> None:
        fresh = self.daemon.pid() is None
        self.daemon.start()
        if fresh:
            self.daemon.remove_containers()
        load_base_image(self.daemon, self.folder)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with (self.folder / "change.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @staticmethod
    def _last(users: IO[str]) -> bool:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
