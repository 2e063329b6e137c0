"""``FileDataset`` and ``TabularDataset`` of the SDK: files by name and version, as they are on disk now.

A data set says where its files are; it holds no copy of them. To freeze them, copy them to a folder of their own.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..absent import NOT_YET, Recreated
from ..errors import NameNotFoundException, UserErrorException
from .copying import fetch
from .definition import Definition, Files, files_in
from .mounted import Mounted

if TYPE_CHECKING:
    from ..workspace import Workspace
    from .consumption import DatasetConsumptionConfig

_WHOLE = {
    "as_cache": "there are no data caches",
    "as_hdfs": "there is no Spark",
    "hydrate": "there are no data caches",
}
_NOT_HERE = dict.fromkeys(("File", "Tabular"), "it is Dataset.File and Dataset.Tabular") | dict.fromkeys(
    ("filter", "get_partition_key_values", "partition_keys", "file_metadata"), NOT_YET
)


class AbstractDataset(Recreated):
    """What both kinds of data set have in common."""

    _kind = ""

    def __init__(self, definition: Definition | None = None, known: Mapping[str, Any] | None = None) -> None:
        if definition is None:
            raise UserErrorException(
                "A data set is made with Dataset.File.from_files('…') or Dataset.Tabular.from_delimited_files('…')."
            )
        self._definition = definition
        self._known: dict[str, Any] = dict(known or {})
        self._workspace: Workspace | None = None

    # --- finding -----------------------------------------------------------------------------------------------------

    @staticmethod
    def get_by_name(workspace: Workspace, name: str, version: int | str = "latest", **kwargs: Any) -> Any:
        """A registered data set, the newest version unless ``version`` says otherwise.

        Raises:
            NameNotFoundException: there is none; the message suggests the nearest.
        """
        found = workspace.store.datasets(name=name)
        if not found:
            names = {row["name"] for row in workspace.store.datasets()}
            raise NameNotFoundException("data set", name, names)
        if version in ("latest", None):
            return _opened(workspace, found[0])
        for row in found:
            if str(row["version"]) == str(version):
                return _opened(workspace, row)
        versions = ", ".join(str(row["version"]) for row in reversed(found))
        raise UserErrorException(f"The data set '{name}' has no version {version}; there are: {versions}.")

    @staticmethod
    def get_by_id(workspace: Workspace, id: str, **kwargs: Any) -> Any:
        """The registered data set of that id.

        Raises:
            UserErrorException: there is none.
        """
        found = workspace.store.datasets(id=str(id))
        if not found:
            raise UserErrorException(f"No data set of the workspace has the id '{id}'.")
        return _opened(workspace, found[0])

    @staticmethod
    def get_all(workspace: Workspace) -> dict[str, Any]:
        """Name → newest version."""
        newest: dict[str, Any] = {}
        for row in workspace.store.datasets():
            newest.setdefault(row["name"], _opened(workspace, row))
        return newest

    # --- what is known of it -----------------------------------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """Its name, None as long as it is not registered."""
        return self._known.get("name")

    @property
    def version(self) -> int | None:
        """Its version, None as long as it is not registered."""
        return self._known.get("version")

    @property
    def id(self) -> str | None:
        """Its id, None as long as it is not registered."""
        return self._known.get("id")

    @property
    def description(self) -> str | None:
        """What was said of it."""
        return self._known.get("description")

    @property
    def tags(self) -> dict[str, str] | None:
        """Its tags, None as long as it is not registered."""
        return dict(self._known["tags"]) if self._known else None

    @property
    def data_changed_time(self) -> datetime | None:
        """When one of its files on this machine was last written, None when there is none."""
        times = [os.path.getmtime(file.path) for file in self._files().files if os.path.exists(file.path)]
        return datetime.fromtimestamp(max(times), timezone.utc) if times else None

    def register(
        self,
        workspace: Workspace,
        name: str,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        create_new_version: bool = False,
    ) -> Any:
        """Keep it under a name in the workspace.

        Args:
            create_new_version: whether there may be one of that name already; then this is the next version.

        Raises:
            UserErrorException: there is one already, or the name cannot be one.
        """
        if not isinstance(name, str) or not name.strip() or "/" in name or len(name) > 255 or not name.isprintable():
            raise UserErrorException(
                f"{name!r:.80} cannot name a data set: take a text of up to 255 characters without '/'."
            )
        if workspace.store.datasets(name=name) and not create_new_version:
            raise UserErrorException(
                f'There is already a dataset registered under name "{name}". Specify `create_new_version=True` to'
                " register the dataset as a new version."
            )
        row = workspace.store.add_dataset(
            name, dict(self._definition), description=description, tags=_texts(tags), request=None
        )
        return _opened(workspace, row)

    def update(self, description: str | None = None, tags: Mapping[str, Any] | None = None) -> Any:
        """Replace description or tags of a registered one; None leaves them."""
        store = self._registered().store
        self._known["description"] = self._known["description"] if description is None else description
        self._known["tags"] = self._known["tags"] if tags is None else _texts(tags)
        store.change_dataset(self._known["id"], description=self._known["description"], tags=self._known["tags"])
        return self

    def add_tags(self, tags: Mapping[str, Any] | None = None) -> Any:
        """Add tags to a registered one, or change them."""
        self._registered()
        return self.update(tags={**self._known["tags"], **(tags or {})})

    def remove_tags(self, tags: list[str] | None = None) -> Any:
        """Remove tags from a registered one; missing ones are no error."""
        self._registered()
        return self.update(tags={key: value for key, value in self._known["tags"].items() if key not in (tags or [])})

    def unregister_all_versions(self) -> None:
        """Forget its name in the workspace; the files stay where they are."""
        self._registered().store.delete_datasets(self._known["name"])
        self._known = {}

    def _registered(self) -> Workspace:
        if self._workspace is None or not self._known:
            raise UserErrorException("The data set is not registered. dataset.register(ws, 'name') does it.")
        return self._workspace

    def _told(self) -> dict[str, Any]:
        return {"id": self.id, "dataset": self.name, "version": self.version} if self._known else {}

    # --- its files ---------------------------------------------------------------------------------------------------

    def _files(self) -> Files:
        return files_in(self._definition)

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """Itself under the name that it has in a job.

        Raises:
            UserErrorException: the name cannot be that of an environment variable.
        """
        from .consumption import DatasetConsumptionConfig

        if not name:
            raise UserErrorException("Invalid input name. Name cannot be empty or None, please use a valid name.")
        return DatasetConsumptionConfig(name, self)

    def take(self, count: int) -> Any:
        """Only the first ones."""
        return self._step("take", _count(count))

    def skip(self, count: int) -> Any:
        """All but the first ones."""
        return self._step("skip", _count(count))

    def take_sample(self, probability: float, seed: int | None = None) -> Any:
        """Each one with that probability; the same seed takes the same ones."""
        return self._step("between", 0.0, _share(probability, "probability"), _seed(seed))

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[Any, Any]:
        """Two data sets: about that share of it by lot, and the rest; the same seed splits the same way."""
        share, seed = _share(percentage, "percentage"), _seed(seed)
        return self._step("between", 0.0, share, seed), self._step("between", share, 1.0, seed)

    def _step(self, *step: Any) -> Any:
        steps = [*self._definition.get("steps", ()), list(step)]
        return type(self)({**self._definition, "steps": steps})

    def __repr__(self) -> str:
        content: dict[str, Any] = {"source": [_shown(source) for source in self._definition["sources"]]}
        if self._definition.get("steps"):
            content["definition"] = self._definition["steps"]
        if self._known:
            content["registration"] = {
                key: self._known[key] for key in ("id", "name", "version", "description", "tags")
            }
        return json.dumps(content, indent=2)

    def __str__(self) -> str:
        return f"{type(self).__name__}\n{self!r}"

    def __deepcopy__(self, memo: object) -> Any:
        return self


class FileDataset(AbstractDataset):
    """Files, for a job to find under one folder."""

    _kind = "file"
    _absent = _WHOLE | _NOT_HERE

    def to_path(self) -> list[str]:
        """The names of its files, each with a slash in front."""
        return [f"/{file.name}" for file in self._files().files]

    def download(
        self,
        target_path: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        ignore_not_found: bool = False,
    ) -> list[str]:
        """Copy its files to a folder, a new one below the temporary folder by default; returns the copies' paths.

        Raises:
            UserErrorException: a file is there already and ``overwrite`` is False.
        """
        folder = Path(target_path).expanduser().absolute() if target_path else Path(tempfile.mkdtemp(prefix="data-"))
        pairs = [(file, folder / file.name) for file in self._files().files]
        taken = [target for _, target in pairs if target.exists()]
        if taken and not overwrite:
            raise UserErrorException(
                f"{taken[0]} exists already{f', and {len(taken) - 1} more' if len(taken) > 1 else ''}. Pass"
                " overwrite=True to replace it, or give another target_path."
            )
        for file, target in pairs:
            fetch(file, str(target))
        return [str(target) for _, target in pairs]

    def mount(self, mount_point: str | os.PathLike[str] | None = None, **kwargs: Any) -> Mounted:
        """A context in which its files can be read below ``mount_point``: links where they are on this machine.

        Raises:
            UserErrorException: ``mount_point`` is a folder with something in it.
        """
        return Mounted(self._files(), mount_point)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """For a job to read in place, under a name that is made up."""
        from .consumption import DatasetConsumptionConfig

        return DatasetConsumptionConfig(None, self, "mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """For a job that gets a copy of its own, under a name that is made up."""
        from .consumption import DatasetConsumptionConfig

        return DatasetConsumptionConfig(None, self, "download", path_on_compute)


class TabularDataset(AbstractDataset):
    """Rows and columns in files, for pandas."""

    _kind = "tabular"
    _absent = (
        _NOT_HERE
        | dict.fromkeys(
            (
                "drop_columns",
                "keep_columns",
                "partition_by",
                "time_after",
                "time_before",
                "time_between",
                "time_recent",
                "timestamp_columns",
                "to_csv_files",
                "to_dask_dataframe",
                "to_parquet_files",
                "with_timestamp_columns",
            ),
            f"{NOT_YET}; to_pandas_dataframe() gives the data to work with",
        )
        | dict.fromkeys(
            ("get_profile", "get_profile_runs", "submit_profile_run"),
            "there are no profiles; dataset.to_pandas_dataframe().describe() tells the same",
        )
        | {
            "download": "the files are read where they are; Dataset.File.from_files gives files",
            "mount": "the files are read where they are; Dataset.File.from_files gives files",
            "to_spark_dataframe": "there is no Spark",
        }
    )

    def to_pandas_dataframe(self, on_error: str = "null", out_of_range_datetime: str = "null") -> Any:
        """All rows as a pandas ``DataFrame``.

        Raises:
            UserErrorException: pandas is not installed, or a file cannot be read as what it is said to be.
        """
        from ..runs.run_base import job_module, own_errors
        from .places import is_local

        with tempfile.TemporaryDirectory() as scratch:
            pairs = []
            for number, file in enumerate(self._files().files):
                path = file.path
                if not is_local(file.place):
                    path = os.path.join(scratch, f"{number}-{os.path.basename(file.name)}")
                    fetch(file, path)
                pairs.append((file.name, path))
            with own_errors():
                steps = self._definition.get("steps") or []
                return job_module("tables").read_tables(pairs, self._definition["options"], steps)


def _opened(workspace: Workspace, row: Mapping[str, Any]) -> Any:
    return dataset_of(workspace, row["definition"], row)


def dataset_of(workspace: Workspace, definition: Definition, known: Mapping[str, Any] | None) -> Any:
    """The data set of a definition, of the class that it has.

    Args:
        known: its row when it is registered.
    """
    dataset = (TabularDataset if definition["kind"] == "tabular" else FileDataset)(definition, known)
    dataset._workspace = workspace
    return dataset


def _shown(source: Mapping[str, Any]) -> str:
    if source.get("label"):
        return f"('{source['label']}', '{source['path']}')"
    return os.path.join(source["base"], source["path"]) if source["path"] else str(source["base"])


def _texts(tags: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (tags or {}).items()}


def _count(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError("count must be a positive integer")
    return count


def _share(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number between 0.0 and 1.0.")
    return float(value)


def _seed(seed: int | None) -> int:
    return random.SystemRandom().randrange(1 << 32) if seed is None else int(seed)
