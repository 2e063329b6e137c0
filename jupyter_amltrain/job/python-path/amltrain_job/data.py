"""The data of a job, as its script sees it: what ``run.input_datasets`` and ``Dataset`` give inside a job.

The launcher's surroundings say in ``AMLTRAIN_DATA`` what there is: name, mode and path of each.
"""

import json
import os
import time

from .errors import UserErrorException
from .factories import FileDatasetFactory, TabularDatasetFactory
from .files import work_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple, Union


def _known() -> "List[Dict[str, Any]]":
    found: "List[Dict[str, Any]]" = json.loads(os.environ.get("AMLTRAIN_DATA") or "[]")
    return found


def input_datasets() -> "Dict[str, Union[str, Dataset]]":
    """Name to path of each input of the run; to a data set where it was given as it is."""
    return {
        item["name"]: Dataset(item) if item["mode"] == "direct" else item["path"]
        for item in _known()
        if item["role"] == "input"
    }


def registered_datasets() -> "Dict[str, Dataset]":
    """Name to data set: of the inputs that are registered, and of the newest version of whatever else is."""
    inputs = [item for item in _known() if item["role"] == "input"]
    found = {str(item["dataset"]): Dataset(item) for item in inputs if item.get("dataset")}
    for item in _registered() if os.environ.get("AMLTRAIN_RUN_ID") else ():
        found.setdefault(str(item["dataset"]), Dataset(dict(item, path="")))
    return found


def output_datasets() -> "Dict[str, str]":
    """Name to the folder of each output of the run."""
    return {item["name"]: item["path"] for item in _known() if item["role"] == "output"}


class Dataset:
    """A data set that is an input of the run, or that the script has found; its files are there already."""

    File = FileDatasetFactory
    Tabular = TabularDatasetFactory

    class Scenario:
        """What a data set was to a model."""

        INFERENCE = "inference"
        TRAINING = "training"
        VALIDATION = "validation"

    def __init__(self, item: "Dict[str, Any]", files: "Optional[List[Tuple[str, str]]]" = None) -> None:
        self._item = item
        self._found = files
        self.id = item.get("id")
        self.name = item.get("dataset")
        self.version = item.get("version")

    @staticmethod
    def get_by_name(workspace: "Any", name: str, version: "Any" = "latest", **kwargs: "Any") -> "Dataset":
        """A registered data set: an input of the run, else the run's own copy of it, which is made when it is read.

        Raises:
            UserErrorException: there is none.
        """
        number = None if version in ("latest", None) else version
        return _find(
            "name '%s'%s" % (name, " and version %s" % number if number else ""),
            lambda item: item.get("dataset") == name and number in (None, item["version"], str(item["version"])),
            name=name,
            version=number,
        )

    @staticmethod
    def get_by_id(workspace: "Any", id: str, **kwargs: "Any") -> "Dataset":
        """The same, by id.

        Raises:
            UserErrorException: there is none.
        """
        return _find("id '%s'" % id, lambda item: item.get("id") == id, id=id)

    @property
    def _path(self) -> str:
        return str(self._item["path"]) or _copied(str(self.id))

    def _files(self) -> "List[Tuple[str, str]]":
        return files_below(self._path) if self._found is None else self._found

    def to_path(self) -> "List[str]":
        """The names of its files, each with a slash in front."""
        return ["/" + name for name, _ in self._files()]

    def download(
        self, target_path: "Optional[str]" = None, overwrite: bool = False, ignore_not_found: bool = False
    ) -> "List[str]":
        """Copy its files to a folder; returns the copies' paths."""
        import shutil  # imports the archivers, which every start of a script would wait for

        if target_path is None:
            import tempfile

            target_path = tempfile.mkdtemp(prefix="data-")
        copies = []
        for name, path in self._files():
            copy = os.path.join(os.path.abspath(target_path), name)
            if os.path.exists(copy) and not overwrite:
                raise UserErrorException("%s exists already; pass overwrite=True to replace it." % copy)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copyfile(path, copy)
            copies.append(copy)
        return copies

    def mount(self, mount_point: "Optional[str]" = None, **kwargs: "Any") -> "Mounted":
        """A context whose ``mount_point`` is where its files are: they are mounted already."""
        return Mounted(self._path)

    def to_pandas_dataframe(self, on_error: str = "null", out_of_range_datetime: str = "null") -> "Any":
        """All rows as a pandas ``DataFrame``."""
        from .tables import read_tables

        if self._item.get("kind") != "tabular":
            raise UserErrorException("These are files: to_path(), mount() and download() give their paths.")
        return read_tables(self._files(), self._item.get("options") or {}, self._item.get("steps") or [])

    def __repr__(self) -> str:
        return "Dataset(name=%s, version=%s, path=%s)" % (self.name, self.version, self._item["path"])


def files_below(path: str) -> "List[Tuple[str, str]]":
    """Name and path of each file of a folder, or of a file."""
    if os.path.isfile(path):
        return [(os.path.basename(path), path)]
    found = []
    for below, folders, names in os.walk(path):
        folders.sort()
        found += [os.path.join(below, name) for name in names]
    return [(os.path.relpath(file, path), file) for file in sorted(found)]


class Mounted:
    """What ``mount()`` gives: the files are there from the beginning to the end of the job."""

    def __init__(self, path: str) -> None:
        self.mount_point = path

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""

    def __enter__(self) -> "Mounted":
        return self

    def __exit__(self, *exception: "Any") -> None:
        """Nothing to do."""


def _find(wanted: str, fits: "Any", **asked: "Any") -> "Dataset":
    """One of the inputs, else one that is registered in the workspace."""
    known = _known()
    for item in known:
        if item["role"] == "input" and fits(item):
            return Dataset(item)
    names = ", ".join(str(item.get("dataset") or item["name"]) for item in known if item["role"] == "input")
    if not os.environ.get("AMLTRAIN_RUN_ID"):
        raise UserErrorException("Data sets are found inside a run only: this script was started by hand.")
    for item in _registered(**asked):
        return Dataset(dict(item, path=""))
    raise UserErrorException(
        "The data set with %s is not an input of this run (its inputs are: %s), and the workspace has none registered "
        "like this." % (wanted, names or "none")
    )


def _registered(**asked: "Any") -> "List[Dict[str, Any]]":
    """The registered data sets with this name, version or id, the newest version of a name first."""
    from .asking import ask

    found: "List[Dict[str, Any]]" = ask(work_folder(), "datasets", run="", **asked)
    return found


def _copied(id: str) -> str:
    """The folder with the job's own copy of a registered data set, which it gets when it first asks."""
    from .asking import ask

    folder, pause = os.path.join(work_folder(), "data", id), 0.01
    while not (os.path.isdir(folder) or ask(work_folder(), "fetch_dataset", run="", id=id)):
        time.sleep(pause)
        pause = min(1.0, pause * 2)
    return folder
