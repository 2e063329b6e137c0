"""What the magics may have shown beside text. Who does it is not known here: faces do not import each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..workspace import Workspace


class Watched(Protocol):
    """A run on the screen."""

    def seen_within(self, seconds: float) -> bool:
        """Whether a front end draws it, waiting for that at most so long."""


class Screen(Protocol):
    """Where runs are shown live."""

    def show(self, workspace: Workspace, run_id: str) -> Watched | None:
        """Show a run in the output of the cell that runs; None where only text can be shown."""

    def show_panel(self, workspace: Workspace, experiment: str) -> bool:
        """Show the training panel; False where only text can be shown."""
