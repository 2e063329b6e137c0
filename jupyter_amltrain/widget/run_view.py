"""``RunView``: a run in the output of a cell, live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .live_view import LiveView
from .requests import Requests
from .run_feed import RunFeed, feed_of

if TYPE_CHECKING:
    from ..workspace import Workspace


class RunView(LiveView):
    """A run as it goes: its state, curves and log, in any front end that shows Jupyter's widgets.

    It keeps nothing but the run's id, and may be shown any number of times. Closing it, or losing the kernel, does
    nothing to the run.

    Args:
        workspace: where the run is.
        run_id: which one.

    Raises:
        NameNotFoundException: there is no such run.
    """

    _feed: RunFeed

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self._workspace = workspace
        super().__init__(*self._of(run_id))

    @property
    def run_id(self) -> str:
        """The run that is shown: another one after a rerun."""
        return self._feed.run_id

    def _of(self, run_id: str) -> tuple[RunFeed, Requests]:
        feed = feed_of(self._workspace.folder, run_id)
        return feed, Requests(self._workspace, run_id, feed.ids)

    def _answered(self, kind: str, reply: Mapping[str, Any]) -> None:
        if kind != "rerun":
            return
        before = self._feed
        before.leave(self)
        self._begin(*self._of(reply["run_id"]))
        for name in before.names():
            before.close(name)
            self._send_message({"client": name, "kind": "gone"}, [])
