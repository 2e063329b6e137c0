"""What the magics of one notebook remember: which workspace is in use, and which environment was made last."""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from ..errors import UserErrorException

if TYPE_CHECKING:
    from ..environment.spec import Environment
    from ..workspace import Workspace

_NOT_IN_NAMES = re.compile(r"[^\w\-]+", re.ASCII)


class Session:
    """State that the magics of one shell share. All of it can be lost without harm."""

    def __init__(self) -> None:
        self._chosen: Workspace | None = None
        self._told: Workspace | None = None
        self._last: tuple[Workspace, str] | None = None

    @property
    def workspace(self) -> Workspace:
        """The workspace in use; says which it is when it is another than at the last call."""
        found, sentence = self.find_workspace()
        if sentence and found != self._told:
            print(sentence)
            self._told = found
        return found

    def find_workspace(self) -> tuple[Workspace, str]:
        """The workspace chosen, else the one that belongs to the current folder, with a sentence that says why."""
        if self._chosen is not None:
            return self._chosen, ""
        from ..workspace import Workspace

        found, sentence = Workspace.default()
        return (self._told if self._told == found else found), sentence

    def choose(self, workspace: Workspace) -> None:
        """Use this workspace from now on."""
        self._chosen = workspace

    def made(self, environment: str) -> None:
        """An environment was made; it is the one to use when none is named."""
        self._last = (self.workspace, environment)

    def environment(self, asked: str | None) -> Environment:
        """The environment to run in: the one asked for as ``NAME`` or ``NAME:VERSION``, else the obvious one.

        Raises:
            NameNotFoundException: there is no environment of that name.
            UserErrorException: none was named and there are none, or several.
        """
        from ..environment.spec import Environment

        workspace = self.workspace
        if asked:
            known = workspace.store.list_environments()
            name, _, version = asked.rpartition(":")
            if asked not in known and name and version.isdigit():
                return Environment.get(workspace, name, version)
            return Environment.get(workspace, asked)
        if self._last and self._last[0] == workspace:
            return Environment.get(workspace, self._last[1])
        known = workspace.store.list_environments()
        if len(known) == 1:
            return Environment.get(workspace, next(iter(known)))
        if known:
            raise UserErrorException(f"Say which environment to use with --env NAME; there are: {', '.join(known)}.")
        raise UserErrorException("There is no environment yet. Make one with a cell that begins with %%aml_env NAME.")


def default_experiment() -> str:
    """The name of the notebook as the name of an experiment, ``notebook`` where it is not known."""
    stem = PurePath(os.environ.get("JPY_SESSION_NAME", "")).stem
    name = _NOT_IN_NAMES.sub("-", stem).strip("-_")[:255]
    return name or "notebook"
