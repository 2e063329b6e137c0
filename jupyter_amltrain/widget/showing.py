"""Showing a run as the output of a cell: live, and such that the saved notebook still tells the story.

See docs/live-view.md, "What a notebook keeps".
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import AzureMLException
from ..runs import status as states
from ..saved import run_bundle
from .build_view import BuildView
from .feeder import feeder
from .run_view import RunView

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..runs.run_state import RunState
    from ..workspace import Workspace

RUN = "application/vnd.jupyter-amltrain.run+json"
"""The kind of output that our lab extension goes on showing live; ``labextension/src/lab/run_output.ts``."""

_WAIT_S = 1.0

Bundle = dict[str, Any]


class ShownRun:
    """A run in an output of the notebook."""

    def __init__(self, shell: InteractiveShell, workspace: Workspace, run_id: str) -> None:
        self._shell = shell
        self._workspace = workspace
        self._id = uuid4().hex
        self._keeping = threading.Lock()
        self._last: tuple[str, Bundle] | None = None
        self.view = RunView(workspace, run_id)
        widget = self.view._repr_mimebundle_()
        assert widget is not None
        self._publish({**widget[0], **self._story()}, update=False)
        if not self._is_over():
            self.view.over = self._over
        _shown.add(self)

    def seen_within(self, seconds: float) -> bool:
        """See :class:`~jupyter_amltrain.magics.screen.Watched`."""
        return self.view.opened.wait(seconds)

    def keep_story(self) -> None:
        """Have the notebook keep what needs no kernel, as the last thing that the kernel does."""
        story = self._story()
        self._tell_story(story)
        self._publish(story, update=True)

    def _over(self) -> None:
        if self._keeping.acquire(blocking=False):
            threading.Thread(target=self._keep, name="amltrain-story", daemon=True).start()

    def _keep(self) -> None:
        try:
            time.sleep(_WAIT_S)  # the last points and lines are still on their way to the view
            self._tell_story(self._story())
            while self.view.in_use:
                time.sleep(_WAIT_S)
        finally:
            self._keeping.release()
        # Unless somebody has submitted it again in the view.
        if self._is_over():
            self._publish(self._story(), update=True)

    def _is_over(self) -> bool:
        return self._workspace.store.run(self.view.run_id).status in states.TERMINAL

    def _story(self) -> Bundle:
        """The run as of now; made once of a run that is over."""
        run_id = self.view.run_id
        if self._last and self._last[0] == run_id:
            return self._last[1]
        shown = {RUN: {"model_id": self.view.model_id}}
        try:
            story = {**shown, **run_bundle(self._workspace, run_id)}
            self._last = (run_id, story) if self._is_over() else None
        except AzureMLException as error:
            story = {**shown, "text/plain": f"{run_id}: {error.message}", "text/html": escape(error.message)}
        return story

    def _tell_story(self, story: Bundle) -> None:
        self.view.send_story(story["text/html"], story["text/plain"])

    def _publish(self, data: Bundle, *, update: bool) -> None:
        self._shell.display_pub.publish(data, {}, transient={"display_id": self._id}, update=update)


_shown: set[ShownRun] = set()


def _keep_all_stories(process: int) -> None:
    # A fork of the kernel that ends is not the end of the kernel.
    for shown in list(_shown) if os.getpid() == process else ():
        shown.keep_story()


class ShownBuild:
    """A build in an output of the notebook, whose cell runs.

    Its output is never the widget alone: a front end that does not know our kind of output shows HTML and text, as one
    that cannot be heard while a cell runs would see an empty widget.
    """

    def __init__(self, shell: InteractiveShell, log: Path, cancel: Callable[[], None]) -> None:
        _tell_feeder_of_cells(shell)
        self._shell = shell
        self._id = uuid4().hex
        self._published = False
        self._view = BuildView(log, cancel)

    def show(self, state: RunState, html: str, text: str, *, over: bool) -> None:
        """See :class:`~jupyter_amltrain.magics.screen.ShownBuild`."""
        self._view.show(asdict(state), over=over)
        # Whoever draws the view needs the rest in the end alone, to save it.
        if over or not self._view.opened.is_set():
            data = {RUN: {"model_id": self._view.model_id}, "text/html": html, "text/plain": text}
            self._shell.display_pub.publish(data, {}, transient={"display_id": self._id}, update=self._published)
            self._published = True
        if over:
            self._view.send_story(html, text)


def _tell_feeder_of_cells(shell: InteractiveShell) -> None:
    """Have the feeder know when a cell runs, from the one that runs now on."""
    if not getattr(shell, "_amltrain_shows", False):
        shell._amltrain_shows = True  # type: ignore[attr-defined]
        shell.events.register("pre_run_cell", feeder.cell_begins)
        shell.events.register("post_run_cell", feeder.cell_ends)
        feeder.cell_begins()
        # Before the kernel's own, which close its sockets: the last registered is called first.
        atexit.register(_keep_all_stories, os.getpid())


def show(shell: InteractiveShell, workspace: Workspace, run_id: str) -> ShownRun:
    """Show a run in the output of the cell that runs."""
    _tell_feeder_of_cells(shell)
    sys.stdout.flush()  # what was printed before stands above
    return ShownRun(shell, workspace, run_id)


def show_panel(shell: InteractiveShell, workspace: Workspace, experiment: str) -> None:
    """Show the training panel in the output of the cell that runs."""
    from .panel import TrainingPanel

    panel = TrainingPanel(workspace, experiment, RunView)
    shell.display_pub.publish(dict(panel._repr_mimebundle_()), {})
