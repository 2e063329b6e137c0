"""Registered data sets that the script of a job asks for by name, although they are not among its inputs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AzureMLException, StoreException, UserErrorException
from ..runs.folder import INPUTS
from ..submission.data import DATA_FOLDER, DOWNLOAD, INPUT, JobData, told_of
from ..submission.job import WORK_FOLDER
from .stage import stage

if TYPE_CHECKING:
    from ..runs.store import Store


class AskedData:
    """Gives a job copies of data sets, each made by a thread of its own since it may take long.

    Args:
        has: whether the job's folder for data has a folder of this name.
        put: moves a folder into it under a name, following no link of the job's.
        note: takes a sentence for the run's control log.
    """

    def __init__(
        self,
        store: Store,
        run_folder: Path,
        has: Callable[[str], bool],
        put: Callable[[Path, str], None],
        note: Callable[[str], None],
    ) -> None:
        self._store = store
        self._run_folder = run_folder
        self._has = has
        self._put = put
        self._note = note
        self._copies: dict[str, _Copy] = {}

    def known(self, **wanted: Any) -> list[dict[str, Any]]:
        """What a job is told of the data sets with this ``name``, ``version`` or ``id``, the newest version first."""
        rows = self._store.datasets(**{key: value for key, value in wanted.items() if value is not None})
        return [told_of(_item(row)) for row in rows]

    def is_there(self, id: str) -> bool:
        """Whether the copy of a data set has been made; it is begun with the first question.

        Raises:
            AzureMLException: it cannot be made; why.
        """
        if self._has(id):
            return True
        copy = self._copies.get(id)
        if copy is None:
            self._copies[id] = self._begun(id)
        elif not copy.is_alive():
            del self._copies[id]  # whoever asks again has it tried again
            if copy.error is not None:
                raise copy.error
        return False

    def _begun(self, id: str) -> _Copy:
        rows = self._store.datasets(id=id)
        if not rows:
            raise UserErrorException(f"The workspace has no data set with id '{id}' any more.")
        self._note(f"The job asked for data set {rows[0]['name']}:{rows[0]['version']}, and gets a copy of it.")
        copy = _Copy(_item(rows[0]), self._run_folder, self._put)
        copy.start()
        return copy


class _Copy(threading.Thread):
    def __init__(self, item: JobData, run_folder: Path, put: Callable[[Path, str], None]) -> None:
        super().__init__(name=f"amltrain-copy-{item.name}", daemon=True)
        self._item = item
        self._scratch = run_folder / INPUTS / f"asked-{os.urandom(4).hex()}"
        self._put = put
        self.error: AzureMLException | None = None

    def run(self) -> None:
        try:
            self._scratch.mkdir(parents=True)
            stage([self._item], self._scratch, host_paths=False, phase=lambda _: None, check=lambda: None)
            self._put(self._scratch / WORK_FOLDER / DATA_FOLDER / self._item.name, self._item.name)
        except AzureMLException as error:
            self.error = error
        except OSError as error:
            self.error = StoreException(f"The data set cannot be copied: {error.strerror or error}.")


def _item(row: Mapping[str, Any]) -> JobData:
    """A registered data set as an input of which the job gets a copy, named by its id."""
    about = {"id": row["id"], "dataset": row["name"], "version": row["version"]}
    return JobData(str(row["id"]), INPUT, DOWNLOAD, row["definition"], about=about)
