"""``LiveView``: what the widgets of runs and of builds have in common, the kernel's end of the comm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anywidget
from traitlets import Dict, Unicode

from ..errors import AzureMLException
from ..runs import status as states
from . import bundle
from .feed import Feed
from .requests import LogRequests
from .subshells import hear_while_busy

_answering = ThreadPoolExecutor(2, thread_name_prefix="amltrain-view")


class LiveView(anywidget.AnyWidget):
    """Something that goes on, in the output of a cell: its state and its log.

    Args:
        feed: where its news come from.
        requests: who answers what the front end asks.
    """

    _esm = bundle.loader()
    state = Dict().tag(sync=True)
    """What the front end shows: the JSON of ``RunState``."""
    bundle = Unicode().tag(sync=True)
    """Digest of the module that draws, which the front end asks for when it has not got it."""

    def __init__(self, feed: Feed, requests: LogRequests) -> None:
        super().__init__(bundle=bundle.digest())
        hear_while_busy(self)
        self._sending = threading.Lock()
        self._asked_at = 0.0
        self.opened = threading.Event()
        """Set once a front end has drawn it."""
        self.over: Callable[[], None] | None = None
        """Called when what is over has changed or was drawn by a front end, from whatever thread."""
        self._begin(feed, requests)
        self.on_msg(self._heard)

    @property
    def in_use(self) -> bool:
        """Whether somebody has searched, zoomed or opened something in the last seconds."""
        return time.monotonic() - self._asked_at < 10

    def close(self) -> None:
        """Take it away from all front ends; what is shown goes on."""
        self._feed.leave(self)
        super().close()

    def _begin(self, feed: Feed, requests: LogRequests) -> None:
        self._feed, self._requests = feed, requests
        feed.watch(self)

    def tell(self, state: dict[str, Any]) -> None:
        """See :class:`~.feed.Watcher`."""
        with self._sending:
            self.state = state
        self._tell_over()

    def trouble(self, sentence: str) -> None:
        """See :class:`~.feed.Watcher`."""
        self._send_message({"kind": "trouble", "text": sentence}, [])

    def send_story(self, html: str, text: str) -> None:
        """Have front ends that can do so save this in the view's place, and go on showing the view."""
        self._send_message({"kind": "story"}, [html.encode(), text.encode()])

    def _tell_over(self) -> None:
        if self.over is not None and self.state.get("status") in states.TERMINAL:
            self.over()

    def _send_message(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        with self._sending:
            self.send(message, buffers)

    # --- what the front end says -------------------------------------------------------------------------------------

    def _heard(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        """A message of a front end, in whatever thread the kernel hears it; see docs/live-view.md."""
        kind, name = message.get("kind"), str(message.get("client"))
        client = self._feed.client(name)
        if kind == "bundle":
            self._send_message({"client": name, "kind": "bundle"}, list(bundle.bundle()))
        elif kind == "open":
            self.opened.set()
            self._feed.open(name, self._send_message)
            self._tell_over()
        elif kind == "close":
            self._feed.close(name)
        elif kind in self._requests.kinds:
            self._asked_at = time.monotonic()
            _answering.submit(self._answer, kind, name, message)
        elif client is None:
            self._send_message({"client": name, "kind": "gone"}, [])
        elif kind == "taken":
            client.taken(int(message["seq"]))
            self._feed.wake()
        elif kind == "follow_log":
            start = message.get("start")
            client.follow_log(str(message["file"]), None if start is None else int(start))
            self._feed.wake()

    def _answer(self, kind: str, name: str, message: Mapping[str, Any]) -> None:
        answer: dict[str, Any]
        buffers: list[bytes] = []
        try:
            reply, buffers = self._requests.answer(kind, message)
            answer = {"reply": reply}
            self._answered(kind, reply)
        except AzureMLException as error:
            answer = {"error": error.message}
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            answer = {"error": f"That could not be done: {error!r}."}
        self._send_message({"client": name, "kind": "reply", "id": message.get("id"), **answer}, buffers)

    def _answered(self, kind: str, reply: Mapping[str, Any]) -> None:
        """A request of that kind was done; the reply is about to be sent."""
