"""``Dataset`` of the SDK: how data sets are made and found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..absent import NOT_YET, Recreated
from ..errors import UserErrorException
from ..runs.run_base import job_module, own_errors
from .dataset import AbstractDataset, FileDataset, TabularDataset
from .datastore import Datastore
from .definition import files_in
from .places import clean_path, fixed_part, is_address, is_web
from .reference import DataPath, DataReference

_PATHS = (
    "a path of this machine ('/data/pets', 'data/*.csv'), (datastore, 'path'), an address beginning with https://, or a"
    " list of these"
)


DataType = job_module("column_types").DataType
"""What a column of tabular data is to be read as; jobs have the same class."""


class FileDatasetFactory(Recreated):
    """``Dataset.File``."""

    @staticmethod
    def from_files(
        path: Any, validate: bool = True, partition_format: str | None = None, is_file: bool = False
    ) -> FileDataset:
        """Files by path, pattern or address.

        Args:
            path: a path of this machine, ``(datastore, 'path')``, a web address, or a list of these. In paths, ``*``
                and ``**`` are wildcards; a folder stands for all files below it.
            validate: whether there must be something now.
            partition_format: refused.
            is_file: accepted, as in the SDK; what is a file is seen.

        Raises:
            UserErrorException: it is no path, or there is nothing.
        """
        return FileDataset(_defined("file", path, validate, partition_format, {}))

    @staticmethod
    def upload_directory(
        src_dir: str | os.PathLike[str],
        target: Any,
        pattern: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> FileDataset:
        """Copy a folder into a datastore and make a data set of it.

        Args:
            target: ``(datastore, 'path')``, a ``DataPath`` or a datastore.
            pattern: only files that fit this pattern.

        Raises:
            UserErrorException: there is no such folder, or nothing fits.
        """
        datastore, below = _target(target)
        if pattern:
            from .places import files_of

            folder = str(Path(src_dir).expanduser().absolute())
            files = [file.path for file in files_of({"base": folder}, pattern).files]
            datastore.upload_files(files, folder, below, overwrite, show_progress)
        else:
            datastore.upload(src_dir, below, overwrite, show_progress)
        return FileDatasetFactory.from_files((datastore, below))


class TabularDatasetFactory(Recreated):
    """``Dataset.Tabular``."""

    _absent = {
        "from_sql_query": "there is no database; read it with pandas in the script",
        "register_dask_dataframe": NOT_YET,
        "register_spark_dataframe": "there is no Spark",
    }

    @staticmethod
    def from_delimited_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: Mapping[str, Any] | None = None,
        separator: str = ",",
        header: Any = True,
        partition_format: str | None = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> TabularDataset:
        """Rows of CSV files and the like; paths as in ``Dataset.File.from_files``.

        Args:
            header: whether the first line of each file has the names of the columns.
            infer_column_types: False gives text everywhere.
            set_column_types: column name to ``DataType``, such as ``DataType.to_datetime("%d-%m-%Y")``.
        """
        if isinstance(header, str) or header not in (True, False):
            header = "NO_HEADERS" not in str(header).upper()
        return _tabular(
            path,
            validate,
            partition_format,
            set_column_types,
            format="delimited",
            separator=separator,
            header=bool(header),
            include_path=include_path,
            infer_column_types=infer_column_types,
            empty_as_string=empty_as_string,
            encoding=encoding,
        )

    @staticmethod
    def from_json_lines_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, Any] | None = None,
        partition_format: str | None = None,
        invalid_lines: str = "error",
        encoding: str = "utf8",
    ) -> TabularDataset:
        """Rows of files with one JSON object in each line."""
        if invalid_lines != "error":
            raise UserErrorException("invalid_lines can only be 'error' here: a line that is not JSON is an error.")
        options = {"format": "json", "include_path": include_path, "encoding": encoding}
        return _tabular(path, validate, partition_format, set_column_types, **options)

    @staticmethod
    def from_parquet_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, Any] | None = None,
        partition_format: str | None = None,
    ) -> TabularDataset:
        """Rows of Parquet files; pandas needs pyarrow for them."""
        return _tabular(path, validate, partition_format, set_column_types, format="parquet", include_path=include_path)

    @staticmethod
    def register_pandas_dataframe(
        dataframe: Any,
        target: Any,
        name: str,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        show_progress: bool = True,
        row_group_size: int | None = None,
        make_target_path_unique: bool = True,
    ) -> TabularDataset:
        """Write a ``DataFrame`` into a datastore as CSV, and register it as a data set.

        Args:
            target: ``(datastore, 'path')``, a ``DataPath`` or a datastore.
        """
        import tempfile
        from uuid import uuid4

        datastore, below = _target(target, "managed-dataset")
        path = "/".join(part for part in (below, str(uuid4()) if make_target_path_unique else "") if part)
        with tempfile.TemporaryDirectory() as scratch:
            file = os.path.join(scratch, "data.csv")
            dataframe.to_csv(file, index=False)
            datastore.upload_files([file], scratch, path, overwrite=True, show_progress=show_progress)
        made = TabularDatasetFactory.from_delimited_files((datastore, f"{path}/data.csv"))
        found: TabularDataset = made.register(
            datastore.workspace, name, description=description, tags=tags, create_new_version=True
        )
        return found


class Dataset(Recreated):
    """Makes data sets (``Dataset.File``, ``Dataset.Tabular``) and finds registered ones."""

    Scenario = job_module("data").Dataset.Scenario
    _absent = dict.fromkeys(
        [
            "archive",
            "auto_read_files",
            "compare_profiles",
            "create_snapshot",
            "definition",
            "definition_version",
            "delete_snapshot",
            "deprecate",
            "description",
            "diff",
            "from_binary_files",
            "from_delimited_files",
            "from_excel_files",
            "from_json_files",
            "from_pandas_dataframe",
            "from_parquet_files",
            "from_sql_query",
            "generate_profile",
            "get",
            "get_all_snapshots",
            "get_definition",
            "get_definitions",
            "get_profile",
            "get_snapshot",
            "head",
            "id",
            "is_visible",
            "list",
            "name",
            "reactivate",
            "register",
            "sample",
            "state",
            "tags",
            "to_pandas_dataframe",
            "to_spark_dataframe",
            "update",
            "update_definition",
            "workspace",
        ],
        "it is of the data sets before Dataset.File and Dataset.Tabular; use one of these",
    )

    File = FileDatasetFactory
    Tabular = TabularDatasetFactory

    get_all = staticmethod(AbstractDataset.get_all)
    get_by_id = staticmethod(AbstractDataset.get_by_id)
    get_by_name = staticmethod(AbstractDataset.get_by_name)


def _tabular(
    path: Any, validate: bool, partition_format: str | None, column_types: Any, **options: Any
) -> TabularDataset:
    if column_types:
        with own_errors():
            options["column_types"] = job_module("column_types").plain_types(column_types)
    return TabularDataset(_defined("tabular", path, validate, partition_format, options))


def _defined(
    kind: str, path: Any, validate: bool, partition_format: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    if partition_format is not None:
        raise UserErrorException("partition_format is not available here; leave it out, the paths are in to_path().")
    paths = path if isinstance(path, list) else [path]
    if not paths:
        raise UserErrorException(f"path is an empty list; it takes {_PATHS}.")
    definition: dict[str, Any] = {
        "kind": kind,
        "sources": [_source(item) for item in paths],
        "steps": [],
        "options": options,
    }
    if validate and not all(is_web(source["base"]) for source in definition["sources"]):
        files_in(definition)
    return definition


def _target(target: Any, default: str = "") -> tuple[Datastore, str]:
    """Where in a datastore to write.

    Raises:
        UserErrorException: it is no place in a datastore.
    """
    if isinstance(target, DataPath):
        target = (target._datastore, target.path_on_datastore)
    datastore, below = target if isinstance(target, tuple) else (target, default)
    if not isinstance(datastore, Datastore):
        raise UserErrorException(
            "target takes a tuple of a datastore and a path: (ws.get_default_datastore(), 'pets')."
        )
    return datastore, clean_path(below)


def _source(given: Any) -> dict[str, Any]:
    path: Any = given
    if isinstance(path, DataPath):
        path = (path._datastore, path.path_on_datastore or "")
    if isinstance(path, DataReference):
        path = (path.datastore, path.path_on_datastore or "")
    if isinstance(path, Datastore):
        path = (path, "")
    if (
        isinstance(path, tuple)
        and len(path) == 2
        and isinstance(path[0], Datastore)
        and isinstance(path[1], (str, Path))
    ):
        return {**path[0]._place, "path": clean_path(path[1]), "label": path[0].name}
    if isinstance(path, str) and is_web(path):
        return {"base": path, "path": "", "label": ""}
    if isinstance(path, str) and is_address(path):
        raise UserErrorException(
            f"{path} is an address that needs options: register it with Datastore.register_address(ws, 'name',"
            f" '{path}', …), then take (datastore, 'path')."
        )
    if isinstance(path, (str, Path)) and str(path):
        whole = os.path.abspath(os.path.expanduser(path))
        fixed = fixed_part(whole)
        base = whole if fixed == whole else fixed
        return {"base": base, "path": os.path.relpath(whole, base) if base != whole else "", "label": ""}
    raise UserErrorException(f"Invalid argument type for `path`, {path!r:.80}. It takes {_PATHS}.")
