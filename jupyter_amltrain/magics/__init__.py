"""The magics: each translates a line or a cell into calls on :class:`~jupyter_amltrain.workspace.Workspace`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .screen import Screen


def register(ipython: InteractiveShell, screen: Screen) -> None:
    """Give a shell the magics and the completion of their names, and have a warm process ready for the first submit."""
    from ..runs.launch import warm_up
    from .comparing import CompareMagics
    from .completion import complete_names
    from .environments import EnvironmentMagics
    from .runs import RunMagics
    from .session import Session
    from .views import ViewMagics
    from .workspaces import WorkspaceMagics

    # Kept by the shell: %reload_ext makes new magics, and the workspace in use stays.
    session: Session = vars(ipython).setdefault("_amltrain_session", Session())
    for magics in (CompareMagics, WorkspaceMagics):
        ipython.register_magics(magics(ipython, session))
    for shown in (EnvironmentMagics, RunMagics, ViewMagics):
        ipython.register_magics(shown(ipython, session, screen))
    complete_names(ipython, session)
    warm_up()
