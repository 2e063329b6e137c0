"""How a job gets a data set, and where what it makes becomes one."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..absent import NOT_YET, Recreated
from ..errors import UserErrorException
from ..submission.data import (
    DIRECT,
    DOWNLOAD,
    INPUT,
    MOUNT,
    OUTPUT,
    UPLOAD,
    JobData,
    checked_name,
    checked_path_on_compute,
)
from .places import clean_path

if TYPE_CHECKING:
    from .datastore import Datastore

_DEFAULT_PATH = "dataset/{run-id}/{output-name}"


class DatasetConsumptionConfig(Recreated):
    """A data set under the name that it has in a job (azureml-v1.md section 14).

    Args:
        name: becomes an environment variable of the job; one is made up when it is None.
        dataset: the data set, or ``(workspace, name)`` or ``(workspace, name, version)`` of a registered one.
        mode: ``mount``, ``download``, or ``direct``: the job gets the data set itself and not a path.
        path_on_compute: where the job wants to see it.
    """

    _absent = {"as_hdfs": "there is no Spark"}

    def __init__(self, name: str | None, dataset: Any, mode: str = DIRECT, path_on_compute: str | None = None) -> None:
        from .dataset import AbstractDataset, TabularDataset

        if isinstance(dataset, tuple):
            dataset = AbstractDataset.get_by_name(*dataset)
        if not isinstance(dataset, AbstractDataset):
            raise UserErrorException(
                f"dataset takes a data set such as Dataset.File.from_files('…'), not {dataset!r:.80}."
            )
        mode = str(mode).lower()
        if mode not in (DIRECT, MOUNT, DOWNLOAD):
            raise UserErrorException(f"Invalid mode '{mode}'. Mode can only be mount, download or direct")
        if isinstance(dataset, TabularDataset) and mode != DIRECT:
            raise UserErrorException(f"{TabularDataset} does not support {mode}. Only FileDataset supports {mode}")
        self.dataset = dataset
        self._name = checked_name(name or f"input_{uuid.uuid4().hex[:8]}", INPUT)
        self.mode = mode
        self.path_on_compute = path_on_compute
        checked_path_on_compute(path_on_compute)

    @property
    def name(self) -> str:
        """Its name in the job."""
        return self._name

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """For the job to read in place; it cannot write there."""
        return DatasetConsumptionConfig(self._name, self.dataset, MOUNT, path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """For the job to get a copy of its own."""
        return DatasetConsumptionConfig(self._name, self.dataset, DOWNLOAD, path_on_compute)

    def _job_data(self) -> JobData:
        return JobData(
            name=self._name,
            role=INPUT,
            mode=self.mode,
            definition=self.dataset._definition,
            path_on_compute=checked_path_on_compute(self.path_on_compute),
            about=self.dataset._told(),
        )


class OutputFileDatasetConfig(Recreated):
    """A folder that a job writes to; what is in it lands in a datastore, as a data set if it is registered.

    Args:
        name: becomes an environment variable of the job; one is made up when it is None.
        destination: ``(datastore, path)``, default ``dataset/{run-id}/{output-name}`` in the default one.
        source: the folder of the job, one is made when it is None.
        partition_format: refused.
    """

    _absent = {
        "as_input": "register it with register_on_complete('name') and read it with Dataset.get_by_name(ws, 'name')",
        "read_delimited_files": f"{NOT_YET}; register the files, and read them with Dataset.Tabular",
        "read_parquet_files": f"{NOT_YET}; register the files, and read them with Dataset.Tabular",
    }

    def __init__(
        self,
        name: str | None = None,
        destination: tuple[Datastore, str] | None = None,
        source: str | None = None,
        partition_format: str | None = None,
    ) -> None:
        from .datastore import Datastore

        if partition_format is not None:
            raise UserErrorException("partition_format is not available here; leave it out.")
        if destination is not None and not (
            isinstance(destination, tuple) and len(destination) == 2 and isinstance(destination[0], Datastore)
        ):
            raise UserErrorException(
                "destination takes a tuple of a datastore and a path: (ws.get_default_datastore(), 'x')."
            )
        if destination is not None:
            clean_path(destination[1])
        checked_path_on_compute(source)
        self._name = checked_name(name or f"output_{uuid.uuid4().hex[:8]}", OUTPUT)
        self.destination = destination
        self.source = source
        self.mode = MOUNT
        self._overwrite = False
        self._globs: list[str] = []
        self._registration: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """Its name in the job."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = checked_name(value, OUTPUT)

    def as_mount(self, disable_metadata_cache: bool = False) -> OutputFileDatasetConfig:
        """For the job to write in place."""
        return self._changed(mode=MOUNT)

    def as_upload(
        self, overwrite: bool = False, source_globs: str | list[str] | None = None
    ) -> OutputFileDatasetConfig:
        """For a folder of the job whose files are copied to the destination when it is over.

        Args:
            overwrite: whether files that are there are replaced.
            source_globs: only files that fit one of these patterns.
        """
        globs = [source_globs] if isinstance(source_globs, str) else list(source_globs or [])
        return self._changed(mode=UPLOAD, _overwrite=bool(overwrite), _globs=globs)

    def register_on_complete(
        self, name: str, description: str | None = None, tags: Mapping[str, Any] | None = None
    ) -> OutputFileDatasetConfig:
        """Register it as the next version of a data set when the run is completed."""
        if not name:
            raise ValueError("The registration name of the dataset must not be empty.")
        texts = {str(key): str(value) for key, value in (tags or {}).items()}
        return self._changed(_registration={"name": str(name), "description": description, "tags": texts})

    def _changed(self, **changes: Any) -> OutputFileDatasetConfig:
        changed = copy.copy(self)
        for name, value in changes.items():
            setattr(changed, name, value)
        return changed

    def _job_data(self) -> JobData:
        if self.destination is None:
            source: dict[str, Any] = {"datastore": None, "path": _DEFAULT_PATH}
        else:
            datastore, path = self.destination
            source = {**datastore._place, "path": clean_path(path), "label": datastore.name}
        return JobData(
            name=self._name,
            role=OUTPUT,
            mode=self.mode,
            definition={
                "kind": "file",
                "sources": [source],
                "steps": [],
                "options": {"overwrite": self._overwrite, "globs": self._globs},
            },
            path_on_compute=checked_path_on_compute(self.source),
            writable=True,
            about={"register": self._registration} if self._registration else {},
        )
