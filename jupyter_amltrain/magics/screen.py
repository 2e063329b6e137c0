"""What the magics may have shown beside text. Who does it is not known here: faces do not import each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..runs.run_state import RunState
    from ..workspace import Workspace


class Watched(Protocol):
    """A run on the screen."""

    def seen_within(self, seconds: float) -> bool:
        """Whether a front end draws it, waiting for that at most so long."""


class ShownBuild(Protocol):
    """A build on the screen."""

    def show(self, state: RunState, html: str, text: str, *, over: bool) -> None:
        """Bring it up to date.

        Args:
            html: the same for a front end that draws no views, and for the saved notebook.
            text: the same for one that shows no HTML.
            over: whether nothing comes after this.
        """


class Screen(Protocol):
    """Where runs and builds are shown live."""

    def show(self, workspace: Workspace, run_id: str) -> Watched | None:
        """Show a run in the output of the cell that runs; None where only text can be shown."""

    def show_build(self, log: Path, cancel: Callable[[], None]) -> ShownBuild | None:
        """Show a build with this log in the output of the cell that runs; None where only HTML or text can be shown.

        ``cancel`` may be called from any thread, and ends the build.
        """

    def show_panel(self, workspace: Workspace, experiment: str) -> bool:
        """Show the training panel; False where only text can be shown."""
