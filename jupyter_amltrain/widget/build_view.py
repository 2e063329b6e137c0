"""``BuildView``: the build of an environment in the output of a cell, live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from ..errors import NameNotFoundException
from .client import Client
from .feed import Feed
from .feeder import feeder
from .live_view import LiveView
from .requests import Answer, LogRequests


class BuildView(LiveView):
    """A build as it goes. Whoever builds tells its state; the log is read from its file.

    Args:
        log: file that the build writes its output to, perhaps later.
        cancel: ends the build; called from whatever thread.
    """

    _feed: BuildFeed

    def __init__(self, log: Path, cancel: Callable[[], None]) -> None:
        super().__init__(BuildFeed(log), BuildRequests(log, cancel))

    def show(self, state: dict[str, Any], *, over: bool) -> None:
        """Bring it up to date with this JSON of a ``RunState``; nothing comes after the one that is over."""
        self.tell(state)
        if over:
            self._feed.end()


class BuildFeed(Feed):
    """The log of one build, on its way to the views that show it."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log
        self._over = False

    def end(self) -> None:
        """The log grows no more."""
        self._over = True

    def _be_looked_after(self) -> None:
        feeder.feed(self)

    def look(self, busy: bool) -> bool:
        """See :class:`~.feeder.Fed`."""
        wakes, over = self._wakes, self._over
        self._forget_silent(busy)
        told = self._send_batches(busy)
        self._finish(over and self._drained(), wakes)
        return told

    def _client(self, name: str) -> Client:
        return Client(name, self._log.parent, lambda: [self._log.name])


class BuildRequests(LogRequests):
    """Answers what the views of one build ask."""

    kinds = (*LogRequests.kinds, "cancel")

    def __init__(self, log: Path, cancel: Callable[[], None]) -> None:
        self._log = log
        self._cancel = cancel

    def cancel(self, asked: Mapping[str, Any]) -> Answer:
        """End the build, as the stop button of the notebook does."""
        self._cancel()
        return {}, []

    def _logs(self) -> list[str]:
        return [self._log.name]

    def _open(self, name: str) -> IO[bytes]:
        if name != self._log.name:
            raise NameNotFoundException("log", name, self._logs())
        return self._log.open("rb")
