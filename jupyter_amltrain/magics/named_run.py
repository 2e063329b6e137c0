"""How a line names a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runs.find import find_run

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..workspace import Workspace
    from .session import Session


def named_run(shell: InteractiveShell, session: Session, text: str) -> tuple[Workspace, str]:
    """The workspace and id of a run named by a variable of the notebook, or as :func:`find_run` takes it.

    Raises:
        NameNotFoundException: there is none; the message suggests the nearest.
        UserErrorException: several fit.
    """
    value = shell.user_ns.get(text)
    if value is not None:
        from ..runs.run import Run

        if isinstance(value, Run):
            return value.experiment.workspace, value.id
    workspace = session.workspace
    return workspace, find_run(workspace.store, text).id
