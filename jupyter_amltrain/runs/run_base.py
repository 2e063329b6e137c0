"""What every part of ``Run`` stands on: the ids, the store, the folder, and the run's row as of now."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import errors
from ..absent import Recreated
from . import status as states
from .folder import files_folder

if TYPE_CHECKING:
    from ..workspace import Workspace
    from .experiment import Experiment
    from .record import RunRecord
    from .store import Store


class RunBase(Recreated):
    """A run object keeps nothing but ids, so any number of them, in any process, say the same."""

    _experiment: Experiment
    _run_id: str

    @property
    def _workspace(self) -> Workspace:
        return self._experiment.workspace

    @property
    def _store(self) -> Store:
        return self._workspace.store

    @property
    def _folder(self) -> Path:
        return files_folder(self._workspace.folder, self._store.run(self._run_id))

    def _record(self) -> RunRecord:
        """The run as of now; a dead supervisor or kernel is noticed here."""
        record = self._store.run(self._run_id)
        if record.status not in states.TERMINAL:
            from .upkeep import keep_up

            if keep_up(self._workspace.folder, self._store):
                record = self._store.run(self._run_id)
        return record

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run_id


def job_module(name: str) -> Any:
    """A module of ``amltrain_job``, which scripts see inside a job, loaded from its place in the package."""
    loaded = sys.modules.get(f"amltrain_job.{name}")
    if loaded is not None:
        return loaded
    folder = Path(__file__).parents[1] / "job" / "python-path"
    sys.path.append(str(folder))
    try:
        return import_module(f"amltrain_job.{name}")
    finally:
        sys.path.remove(str(folder))


@contextmanager
def own_errors() -> Iterator[None]:
    """Errors of the code that a job shares with us, as errors of ours with the same name."""
    try:
        yield
    except job_module("errors").AzureMLException as error:
        kind = getattr(errors, type(error).__name__, errors.AzureMLException)
        raise kind(error.message) from None
