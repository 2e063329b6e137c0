"""``%aml_compare``: what differs between runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from ..errors import UserErrorException
from .answers import plain_errors, read_line
from .named_run import named_run

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..runs.comparison import Comparison
    from ..saved.overlay import Overlay
    from .session import Session


@dataclass(frozen=True)
class Shown:
    """A comparison as the result of a cell."""

    comparison: Comparison
    curves: Overlay

    def __repr__(self) -> str:
        from ..saved.comparison import comparison_text

        return comparison_text(self.comparison, self.curves)

    def _repr_html_(self) -> str:
        from ..saved.comparison import comparison_html

        return comparison_html(self.comparison, self.curves)


@magics_class
class CompareMagics(Magics):
    """Runs side by side."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @line_magic
    @plain_errors
    @magic_arguments()
    @argument("run", nargs="*", help="Runs' ids or one end of them, variables with a Run, or 'last'; two or more.")
    def aml_compare(self, line: str) -> Shown:
        """Show what differs between runs: arguments, environment, files, parameters, metrics; and draw
        their curves over each other.

        %aml_compare 4f0c21ab last
        %aml_compare first second third
        """
        from ..runs.comparison import compare
        from ..saved.overlay import overlay

        asked, _ = read_line(self.aml_compare, line)
        assert self.shell is not None
        named = [named_run(self.shell, self._session, text) for text in asked.run]
        run_ids = list(dict.fromkeys(run_id for _, run_id in named))
        if len(run_ids) < 2:
            raise UserErrorException("Name two runs or more, as in: %aml_compare 4f0c21ab last")
        workspace = named[0][0]
        others = [found.name for found, _ in named if found != workspace]
        if others:
            raise UserErrorException(
                f"The runs are in different workspaces, {workspace.name} and {others[0]}; only runs of one can be"
                " compared."
            )
        found = compare(workspace.store, workspace.folder, run_ids)
        return Shown(found, overlay(workspace.store, found.runs))
