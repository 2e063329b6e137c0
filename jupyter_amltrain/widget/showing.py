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
    from ipywidgets import DOMWidget

    from ..runs.run_state import RunState
    from ..workspace import Workspace

RUN = "application/vnd.jupyter-amltrain.run+json"
"""The kind of output that our lab extension goes on showing live; ``labextension/src/lab/run_output.ts``."""

WIDGET = "application/vnd.jupyter.widget-view+json"

_WAIT_S = 1.0
_KEEP_S = 2.0

Bundle = dict[str, Any]


class _Output:
    """An output of the cell that runs, which is shown once and replaced from then on."""

    def __init__(self, shell: InteractiveShell) -> None:
        _tell_feeder_of_cells(shell)
        sys.stdout.flush()  # what was printed before stands above
        self._shell = shell
        self._id = uuid4().hex
        self._published = False

    def publish(self, data: Bundle) -> None:
        transient = {"display_id": self._id}
        self._shell.display_pub.publish(data, {}, transient=transient, update=self._published)
        self._published = True


class _Shown:
    """A widget in an output of the notebook, which is saved as what needs no kernel."""

    def __init__(self, shell: InteractiveShell, widget: DOMWidget) -> None:
        self._output = _Output(shell)
        self._widget = widget
        view = {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}
        self._output.publish({WIDGET: view, **self._story()})
        _shown.add(self)

    def keep_story(self) -> None:
        """Have the notebook keep what needs no kernel, as the last thing that the kernel does."""
        story = self._story()
        self._tell_story(story)
        self._output.publish(story)

    def _story(self) -> Bundle:
        """What is shown, as of now."""
        try:
            told = self._told()
        except AzureMLException as error:
            told = {"text/plain": error.message, "text/html": escape(error.message)}
        return {RUN: {"model_id": self._widget.model_id}, **told}

    def _told(self) -> dict[str, str]:
        raise NotImplementedError

    def _tell_story(self, story: Bundle) -> None:
        raise NotImplementedError


class ShownRun(_Shown):
    """A run in an output of the notebook."""

    def __init__(self, shell: InteractiveShell, workspace: Workspace, run_id: str) -> None:
        self._workspace = workspace
        self._keeping = threading.Lock()
        self._last: tuple[str, dict[str, str]] | None = None
        self.view = RunView(workspace, run_id)
        super().__init__(shell, self.view)
        # Of a run that is over the output has the whole story already; a rerun in the view brings another one.
        self._whole = run_id if self._is_over() else ""
        self.view.over = self._over

    def seen_within(self, seconds: float) -> bool:
        """See :class:`~jupyter_amltrain.magics.screen.Watched`."""
        return self.view.opened.wait(seconds)

    def _over(self) -> None:
        if self.view.run_id != self._whole and self._keeping.acquire(blocking=False):
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
            self._output.publish(self._story())

    def _is_over(self) -> bool:
        return self._workspace.store.run(self.view.run_id).status in states.TERMINAL

    def _told(self) -> dict[str, str]:
        """The run as of now; made once of a run that is over."""
        run_id = self.view.run_id
        if self._last and self._last[0] == run_id:
            return self._last[1]
        told = run_bundle(self._workspace, run_id)
        self._last = (run_id, told) if self._is_over() else None
        return told

    def _tell_story(self, story: Bundle) -> None:
        self.view.send_story(story["text/html"], story["text/plain"])


class ShownPanel(_Shown):
    """The training panel in an output of the notebook: its form goes with the kernel, what it showed of runs stays.

    The widget stays in the output for as long as there is a kernel, for replacing it would take the form from who
    fills it in; our lab extension saves the story all the same.
    """

    def __init__(self, shell: InteractiveShell, workspace: Workspace, experiment: str) -> None:
        from .panel import TrainingPanel

        self._workspace = workspace
        self._panel = TrainingPanel(workspace, experiment, RunView)
        self._telling = threading.Lock()
        self._kept: object = None
        super().__init__(shell, self._panel)
        self._panel.worth_keeping = self._worth_keeping

    def _worth_keeping(self, fresh: bool) -> None:
        """Tell the story when a state or the choice is another one, or a page has not heard it.

        Curves do not count: a notebook that changes all the time would never be saved.
        """
        table = self._panel.table
        shows = (table.chosen, [(run.run_id, run.status) for run in table.runs])
        if fresh or shows != self._kept:
            self._kept = shows
            threading.Thread(target=self._tell, name="amltrain-story", daemon=True).start()

    def _tell(self) -> None:
        with self._telling:  # the last to tell is the last to look
            self._tell_story(self._story())

    def _told(self) -> dict[str, str]:
        from ..saved.glances import runs_bundle

        return runs_bundle(self._workspace, self._panel.table.runs, self._panel.table.chosen)

    def _tell_story(self, story: Bundle) -> None:
        self._panel.table.send_story(story["text/html"], story["text/plain"])


_shown: set[_Shown] = set()


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
        self._output = _Output(shell)
        self._view = BuildView(log, cancel)
        self._kept_at = 0.0

    def show(self, state: RunState, html: str, text: str, *, over: bool) -> None:
        """See :class:`~jupyter_amltrain.magics.screen.ShownBuild`."""
        self._view.show(asdict(state), over=over)
        # Whoever draws the view needs the rest only to save it, and for a page that is opened while the cell runs.
        now = time.monotonic()
        if over or not self._view.opened.is_set() or now - self._kept_at >= _KEEP_S:
            self._kept_at = now
            self._output.publish({RUN: {"model_id": self._view.model_id}, "text/html": html, "text/plain": text})
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
