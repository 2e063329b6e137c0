"""``DataReference`` of the SDK: a part of a datastore, for a job to read or write under a path that it is told."""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Any

from ..absent import Recreated
from ..errors import UserErrorException
from ..submission.data import DOWNLOAD, MOUNT, REFERENCE, UPLOAD, JobData, checked_path_on_compute
from .places import clean_path

if TYPE_CHECKING:
    from .datastore import Datastore

_MODES = (MOUNT, DOWNLOAD, UPLOAD)


class DataReference(Recreated):
    """A folder or file of a datastore as a job sees it; as text it is the variable that has its path in the job.

    Args:
        datastore: the datastore.
        data_reference_name: its name in the job.
        path_on_datastore: folder or file, default all of the datastore.
        mode: ``mount``, to read and write in place; ``download``, for a copy; ``upload``, for a folder of the job
            whose files are copied into the datastore when it is over.
        path_on_compute: where the job wants to see it.
        overwrite: whether an upload replaces what is there.
    """

    _absent = {"create": "it is for pipelines; use datastore.path('…')"}

    def __init__(
        self,
        datastore: Datastore,
        data_reference_name: str | None = None,
        path_on_datastore: str | None = None,
        mode: str = MOUNT,
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        if mode not in _MODES:
            raise UserErrorException(f"Invalid mode {mode}. Only mount, download, upload are supported")
        self.datastore = datastore
        self.path_on_datastore = clean_path(path_on_datastore) or None
        name = data_reference_name or (f"d{uuid.uuid4().hex[1:]}" if self.path_on_datastore else datastore.name)
        if not name.isidentifier() or not name.isascii():
            raise UserErrorException(f"{name!r} cannot name a data reference: take letters, digits and underscores.")
        self.data_reference_name = name
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """A folder or file below it."""
        below = "/".join(part for part in (self.path_on_datastore, clean_path(path)) if part)
        if not clean_path(path) and not data_reference_name:
            return self
        return DataReference(self.datastore, data_reference_name, below or None)

    def as_mount(self) -> DataReference:
        """To be read and written in place."""
        return self._changed(mode=MOUNT)

    def as_download(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:
        """To be copied for the job."""
        return self._changed(mode=DOWNLOAD, path_on_compute=path_on_compute, overwrite=overwrite)

    def as_upload(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:
        """For a folder of the job whose files are copied into the datastore when it is over."""
        return self._changed(mode=UPLOAD, path_on_compute=path_on_compute, overwrite=overwrite)

    def to_config(self) -> DataReference:
        """What ``RunConfiguration.data_references`` takes: itself."""
        return self

    def _changed(self, **changes: Any) -> DataReference:
        changed = copy.copy(self)
        for name, value in changes.items():
            setattr(changed, name, value)
        return changed

    def _job_data(self) -> JobData:
        return _job_data(
            self.data_reference_name,
            self.mode,
            {**self.datastore._place, "path": self.path_on_datastore or "", "label": self.datastore.name},
            self.path_on_compute,
            self.overwrite,
        )

    def __str__(self) -> str:
        return f"$AZUREML_DATAREFERENCE_{self.data_reference_name}"

    __repr__ = __str__


class DataReferenceConfiguration(Recreated):
    """The same, for ``RunConfiguration.data_references``, with the datastore by name.

    Args:
        datastore_name: name of the datastore in the workspace that the run is submitted to.
        mode: mount, download, or upload.
        path_on_datastore: folder or file.
        path_on_compute: where the job wants to see it.
        overwrite: whether an upload replaces what is there.
    """

    def __init__(
        self,
        datastore_name: str | None = None,
        mode: str = MOUNT,
        path_on_datastore: str | None = None,
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        if mode not in _MODES:
            raise UserErrorException(f"Invalid mode {mode}. Only mount, download, upload are supported")
        self.data_store_name = datastore_name
        self.mode = mode
        self.path_on_data_store = path_on_datastore
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite

    def _job_data(self) -> JobData:
        source = {"datastore": self.data_store_name, "path": clean_path(self.path_on_data_store)}
        return _job_data("reference", self.mode, source, self.path_on_compute, self.overwrite)


def _job_data(name: str, mode: str, source: dict[str, Any], path_on_compute: str | None, overwrite: bool) -> JobData:
    return JobData(
        name=name,
        role=REFERENCE,
        mode=mode,
        definition={"kind": "file", "sources": [source], "steps": [], "options": {"overwrite": overwrite}},
        path_on_compute=checked_path_on_compute(path_on_compute),
        writable=mode == MOUNT,
    )


class DataPath(Recreated):
    """``azureml.data.datapath.DataPath``: a folder or file of a datastore, where else ``(datastore, 'path')`` stands.

    Args:
        datastore: the datastore.
        path_on_datastore: folder or file, default all of the datastore.
        name: a name for it, accepted as in the SDK.

    Raises:
        ValueError: there is no datastore.
    """

    def __init__(
        self, datastore: Datastore | None = None, path_on_datastore: str | None = None, name: str | None = None
    ) -> None:
        if datastore is None:
            raise ValueError("datastore parameter is required.")
        self._datastore = datastore
        self._path = path_on_datastore
        self._name = name

    @property
    def datastore_name(self) -> str:
        """The name of the datastore."""
        return self._datastore.name

    @property
    def path_on_datastore(self) -> str | None:
        """The path as it was given."""
        return self._path

    def create_data_reference(
        self, data_reference_name: str | None = None, datapath_compute_binding: DataPathComputeBinding | None = None
    ) -> DataReference:
        """A reference to it, for the arguments of a run; mounted unless the binding says otherwise."""
        binding = datapath_compute_binding or DataPathComputeBinding()
        return binding.create_data_reference(data_reference_name, self)

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPath:
        """The path that a reference is to."""
        found = data_reference
        return DataPath(found.datastore, found.path_on_datastore, found.data_reference_name)


class DataPathComputeBinding(Recreated):
    """``azureml.data.datapath.DataPathComputeBinding``: how a job sees a path; as the same arguments of a reference."""

    def __init__(self, mode: str = MOUNT, path_on_compute: str | None = None, overwrite: bool = False) -> None:
        self._options: dict[str, Any] = {"mode": mode, "path_on_compute": path_on_compute, "overwrite": overwrite}

    def create_data_reference(
        self, data_reference_name: str | None = None, datapath: DataPath | None = None
    ) -> DataReference:
        """A reference to a path.

        Raises:
            ValueError: no path was given.
        """
        if datapath is None:
            raise ValueError("datapath parameter is required.")
        return DataReference(datapath._datastore, data_reference_name, datapath.path_on_datastore, **self._options)

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPathComputeBinding:
        """How a reference is seen."""
        found = data_reference
        return DataPathComputeBinding(found.mode, found.path_on_compute, found.overwrite)
