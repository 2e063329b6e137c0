"""Puts the faces of a notebook together: magics, and the live views that they show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .magics.screen import ShownBuild, Watched
    from .runs.run import Run
    from .workspace import Workspace

_LOADER = Path(__file__).parent / "widget" / "static" / "loader.js"


def register(shell: InteractiveShell) -> None:
    """Give a shell the magics, and have it show runs as live views where it has a front end for them."""
    from . import magics

    # Kept by the shell: after %reload_ext, IPython goes on asking the screen that it was given first.
    screen: NotebookScreen = vars(shell).setdefault("_amltrain_screen", NotebookScreen(shell))
    magics.register(shell, screen)
    formatter: Any = getattr(shell, "display_formatter").ipython_display_formatter  # noqa: B009
    formatter.for_type_by_name("jupyter_amltrain.runs.run", "Run", screen.display)
    formatter.for_type_by_name("jupyter_amltrain.runs.details", "RunDetails", screen.display_details)


class NotebookScreen:
    """Shows runs in the outputs of a shell's cells. The widgets are imported when the first run is shown."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._shown_in: tuple[str, int] | None = None
        self._told = False

    def can_show(self) -> bool:
        """Whether somebody is before it who can be shown a widget, and the front end was built."""
        return self._is_watched() and _LOADER.is_file()

    def _is_watched(self) -> bool:
        # Whoever runs a notebook without a person, such as nbclient, says that nobody would answer input().
        kernel = getattr(self._shell, "kernel", None)
        return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))

    def show(self, workspace: Workspace, run_id: str) -> Watched | None:
        """See :class:`~.magics.screen.Screen`."""
        if not self.can_show():
            self._tell_why()
            return None
        from .widget.showing import ShownRun

        self._shown_in = (run_id, self._shell.execution_count)
        return ShownRun(self._shell, workspace, run_id)

    def show_build(self, log: Path, cancel: Callable[[], None]) -> ShownBuild | None:
        """See :class:`~.magics.screen.Screen`."""
        if not self.can_show():
            return None
        from .widget.showing import ShownBuild

        return ShownBuild(self._shell, log, cancel)

    def _tell_why(self) -> None:
        """Say once why nothing is live: a development install may be without the front end."""
        if self._is_watched() and not self._told:
            self._told = True
            print("The live view was not built in this installation ('make dev' builds it): runs are shown as of now.")

    def show_panel(self, workspace: Workspace, experiment: str) -> bool:
        """See :class:`~.magics.screen.Screen`."""
        if not self.can_show():
            return False
        from .widget.showing import ShownPanel

        ShownPanel(self._shell, workspace, experiment)
        return True

    def display(self, run: Run) -> None:
        """Show a run that is the result of a cell, unless the cell has shown it already.

        Raises:
            NotImplementedError: it cannot be shown here, so that IPython shows its text.
        """
        if self._shown_in == (run.id, self._shell.execution_count):
            return
        if self.show(run.experiment.workspace, run.id) is None:
            if getattr(self._shell, "kernel", None) is None:
                raise NotImplementedError
            from .saved import run_bundle

            self._shell.display_pub.publish(run_bundle(run.experiment.workspace, run.id), {})

    def display_details(self, details: Any) -> None:
        """Show ``RunDetails`` as the run that it is of."""
        self.display(details._run)
