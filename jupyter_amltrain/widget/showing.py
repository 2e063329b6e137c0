"""Showing a run as the output of a cell: live while it goes, and such that the saved notebook still tells the story.

While a run goes the output is the widget, with text and HTML as of its beginning for whoever cannot show widgets. When
the run is over, and when the kernel ends, text and HTML that need no kernel take its place; not while somebody works
in it.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import AzureMLException
from ..runs import status as states
from ..saved import run_html, run_text
from .feeder import feeder
from .run_view import RunView

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..workspace import Workspace

_WAIT_S = 1.0


class ShownRun:
    """A run in an output that will be replaced."""

    def __init__(self, shell: InteractiveShell, workspace: Workspace, run_id: str) -> None:
        self._shell = shell
        self._workspace = workspace
        self._id = uuid4().hex
        self._replaced = threading.Lock()
        self.view = RunView(workspace, run_id)
        self._publish(self._widget() | self._story(), update=False)
        # A run that is over is shown for being looked into, so its view stays for as long as the kernel does.
        if workspace.store.run(run_id).status not in states.TERMINAL:
            self.view.ended = self._over
        _shown.add(self)

    def seen_within(self, seconds: float) -> bool:
        """See :class:`~jupyter_amltrain.magics.screen.Watched`."""
        return self.view.opened.wait(seconds)

    def keep_story(self) -> None:
        """Put what needs no kernel in the place of the view."""
        if self._replaced.acquire(blocking=False):
            _shown.discard(self)
            self._publish(self._story(), update=True)
            self.view.close()

    def _over(self) -> None:
        self.view.ended = None
        threading.Thread(target=self._when_left, name="amltrain-story", daemon=True).start()

    def _when_left(self) -> None:
        time.sleep(_WAIT_S)  # the last points and lines are still on their way to the view
        while self.view.in_use:
            time.sleep(_WAIT_S)
        if self._workspace.store.run(self.view.run_id).status in states.TERMINAL:
            self.keep_story()
        else:
            self.view.ended = self._over  # somebody has submitted it again in the view

    def _widget(self) -> dict[str, Any]:
        made = self.view._repr_mimebundle_()
        assert made is not None
        return dict(made[0])

    def _story(self) -> dict[str, Any]:
        run_id = self.view.run_id
        try:
            return {"text/plain": run_text(self._workspace, run_id), "text/html": run_html(self._workspace, run_id)}
        except AzureMLException as error:
            return {"text/plain": f"{run_id}: {error.message}"}

    def _publish(self, data: dict[str, Any], *, update: bool) -> None:
        self._shell.display_pub.publish(data, {}, transient={"display_id": self._id}, update=update)


_shown: set[ShownRun] = set()


def _keep_all_stories() -> None:
    for shown in list(_shown):
        shown.keep_story()


def show(shell: InteractiveShell, workspace: Workspace, run_id: str) -> ShownRun:
    """Show a run in the output of the cell that runs."""
    if not getattr(shell, "_amltrain_shows", False):
        shell._amltrain_shows = True  # type: ignore[attr-defined]
        shell.events.register("pre_run_cell", feeder.cell_begins)
        shell.events.register("post_run_cell", feeder.cell_ends)
        feeder.cell_begins()
        # Before the kernel's own, which close its sockets: the last registered is called first.
        atexit.register(_keep_all_stories)
    sys.stdout.flush()  # what was printed before stands above
    return ShownRun(shell, workspace, run_id)


def show_panel(shell: InteractiveShell, workspace: Workspace, experiment: str) -> None:
    """Show the training panel in the output of the cell that runs."""
    from .panel import TrainingPanel

    panel = TrainingPanel(workspace, experiment, RunView)
    shell.display_pub.publish(dict(panel._repr_mimebundle_()), {})
