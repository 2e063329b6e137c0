"""``%aml_workspace``: which workspace the magics use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from ..errors import UserErrorException
from .answers import plain_errors, read_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..workspace import Workspace
    from .session import Session


@magics_class
class WorkspaceMagics(Magics):
    """Choosing the workspace."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @line_magic
    @plain_errors
    @magic_arguments()
    @argument("name", nargs="?", help="The workspace to use from now on in this notebook.")
    @argument("--create", action="store_true", help="Make it if it does not exist.")
    def aml_workspace(self, line: str) -> Workspace:
        """Show the workspace that the magics use, or change it.

        Without a choice it is the one that the nearest config.json names, else 'default'.

            %aml_workspace
            ws = %aml_workspace pets --create
        """
        asked, _ = read_line(self.aml_workspace, line)
        from ..workspace import Workspace

        if asked.create and not asked.name:
            raise UserErrorException("Name the workspace to make, as in: %aml_workspace pets --create")
        if asked.create:
            self._session.choose(Workspace.create(asked.name, exist_ok=True, show_output=False))
        elif asked.name:
            self._session.choose(Workspace.get(asked.name))
        return self._session.workspace
