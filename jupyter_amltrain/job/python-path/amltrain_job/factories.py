"""``Dataset.File`` and ``Dataset.Tabular`` inside a job: data sets of files that the script can reach by itself."""

import os

from .column_types import plain_types
from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    from .data import Dataset


class FileDatasetFactory:
    """Files by their paths, patterns or web addresses."""

    @staticmethod
    def from_files(path: "Any", validate: bool = True, **kwargs: "Any") -> "Dataset":
        """Files as they are; a web address is fetched at once.

        Raises:
            UserErrorException: there are none, or they lie in a datastore.
        """
        return _data_set(path, {"kind": "file"})


class TabularDatasetFactory:
    """Rows of files, which pandas reads."""

    @staticmethod
    def from_delimited_files(
        path: "Any",
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: "Any" = None,
        separator: str = ",",
        header: "Any" = True,
        partition_format: "Any" = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> "Dataset":
        """Rows of CSV files and the like.

        Args:
            header: whether the first line of each file has the names of the columns.
            infer_column_types: False gives text everywhere.
            set_column_types: column name to ``DataType``.

        Raises:
            UserErrorException: there are none, or they lie in a datastore.
        """
        options = {
            "format": "delimited",
            "separator": separator,
            "header": header is not False and "NO_HEADERS" not in str(header).upper(),
            "include_path": include_path,
            "infer_column_types": infer_column_types,
            "empty_as_string": empty_as_string,
            "encoding": encoding,
            "column_types": plain_types(set_column_types),
        }
        return _data_set(path, {"kind": "tabular", "options": options})

    @staticmethod
    def from_json_lines_files(
        path: "Any",
        validate: bool = True,
        include_path: bool = False,
        set_column_types: "Any" = None,
        partition_format: "Any" = None,
        invalid_lines: str = "error",
        encoding: str = "utf8",
    ) -> "Dataset":
        """Rows of files with one JSON object in each line."""
        options = {"include_path": include_path, "column_types": plain_types(set_column_types), "encoding": encoding}
        return _data_set(path, {"kind": "tabular", "options": dict(options, format="json")})

    @staticmethod
    def from_parquet_files(
        path: "Any",
        validate: bool = True,
        include_path: bool = False,
        set_column_types: "Any" = None,
        partition_format: "Any" = None,
    ) -> "Dataset":
        """Rows of Parquet files; pandas needs pyarrow for them."""
        options = {"include_path": include_path, "column_types": plain_types(set_column_types)}
        return _data_set(path, {"kind": "tabular", "options": dict(options, format="parquet")})


def _data_set(path: "Any", item: "Dict[str, Any]") -> "Dataset":
    from .data import Dataset

    paths = path if isinstance(path, list) else [path]
    files = [file for one in paths for file in _files_at(one)]
    return Dataset(dict(item, path=os.path.dirname(files[0][1])), files)


def _files_at(path: "Any") -> "List[Tuple[str, str]]":
    """Name and path of each file that a path, a pattern or a web address means."""
    if isinstance(path, tuple):
        raise UserErrorException(
            "A job sees the data it was given and no datastores: pass dataset.as_named_input('data') in the arguments"
            " of ScriptRunConfig."
        )
    text = str(path)
    if text.startswith(("http://", "https://")):
        return [_fetched(text)]
    import glob

    from .data import files_below

    found = []
    for match in sorted(glob.glob(text, recursive=True)):
        found += files_below(match)
    if not found:
        raise UserErrorException("There is no file %s." % os.path.abspath(text))
    return found


def _fetched(address: str) -> "Tuple[str, str]":
    import tempfile
    from urllib.error import URLError
    from urllib.parse import unquote, urlsplit
    from urllib.request import urlopen

    name = os.path.basename(unquote(urlsplit(address).path)) or "data"
    target = os.path.join(tempfile.mkdtemp(prefix="data-"), name)
    try:
        with urlopen(address) as source, open(target, "wb") as copy:
            copy.write(source.read())
    except (URLError, OSError) as error:
        raise UserErrorException("%s cannot be fetched: %s." % (address, getattr(error, "reason", error))) from None
    return name, target
