"""The newest runs of a workspace, live, in any front end that looks; choosing one is a trait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anywidget
from traitlets import Dict, Unicode

from ...errors import AzureMLException
from ...runs.glance import GlanceReader
from ...runs.store import Store
from ...runs.upkeep import keep_up
from .. import bundle
from ..feeder import feeder
from ..subshells import hear_while_busy

if TYPE_CHECKING:
    from ...runs.glance import RunGlance
    from ...workspace import Workspace

_PAUSE_S = 0.5
_AFTER_TROUBLE_S = 5.0


class RunsTable(anywidget.AnyWidget):
    """Rows of runs, the newest first.

    A front end that has drawn them says ``look`` when it wants to know what is new: about once a second, and not
    while the table is out of sight. So nothing is looked for and nothing is sent where nobody is.

    Args:
        changed: called when something has changed in the workspace, or (then with True) a front end has just begun,
            from whatever thread.
    """

    _esm = bundle.panel("js")
    _css = bundle.panel("css")
    shown = Dict().tag(sync=True)
    """``now`` and ``runs``, each the JSON of ``RunGlance``."""
    chosen = Unicode().tag(sync=True)
    """Id of the run that was chosen, "" for none."""
    trouble = Unicode().tag(sync=True)
    """Why it is not up to date, "" when it is."""

    def __init__(self, workspace: Workspace, changed: Callable[[bool], None]) -> None:
        super().__init__()
        hear_while_busy(self)
        self._folder = workspace.folder
        self._store = Store(workspace.folder)
        self._reader = GlanceReader(self._store)
        self._reading = threading.Lock()
        self._changed = changed
        self._looking: set[str] = set()
        self._next_look = 0.0
        self._runs: tuple[RunGlance, ...] = ()
        self._fresh = True
        self.on_msg(self._heard)
        self.refresh()

    @property
    def runs(self) -> tuple[RunGlance, ...]:
        """The runs that are shown."""
        return self._runs

    def refresh(self) -> bool:
        """Read the runs anew; True when that is to be shown."""
        with self._reading:
            runs = tuple(self._reader.read())
            if runs == self._runs and not self._fresh:
                return False
            self._runs, self._fresh = runs, False
            self.shown = {"now": time.time(), "runs": [asdict(run) for run in runs]}
            return True

    def send_story(self, html: str, text: str) -> None:
        """Have front ends that can do so save this in the panel's place, and go on showing the panel."""
        self.send({"kind": "story"}, [html.encode(), text.encode()])

    def close(self) -> None:
        """Take it away from all front ends; the runs go on."""
        self._looking.clear()
        super().close()

    def _heard(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        client = str(message.get("client"))
        if message.get("kind") == "look":
            # A front end that begins has what another one was told, some time ago.
            self._fresh |= bool(message.get("fresh"))
            self._looking.add(client)
            feeder.feed(self)
        else:
            self._looking.discard(client)

    def wants_more(self) -> bool:
        """See :class:`~..feeder.Fed`."""
        return bool(self._looking)

    def look(self, busy: bool) -> bool:
        """See :class:`~..feeder.Fed`."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        try:
            keep_up(self._folder, self._store)
            fresh = self._fresh
            if not (self._store.changed() or fresh):
                return False
            self._next_look = now + _PAUSE_S
            told = self.refresh()
            self._changed(fresh)
            self.trouble = ""
            if told:
                self._looking.clear()
            return told
        except AzureMLException as error:
            self.trouble = error.message
            self._next_look = now + _AFTER_TROUBLE_S
            self._fresh = True  # what was not read is to be read then
            return False
