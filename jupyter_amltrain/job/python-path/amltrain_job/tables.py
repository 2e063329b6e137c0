"""Reads the files of a tabular data set with pandas, which has to be in the image."""

import random
from importlib import import_module

from .column_types import converted
from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Sequence, Tuple


def read_tables(files: "Sequence[Tuple[str, str]]", options: "Dict[str, Any]", steps: "Sequence[Any]") -> "Any":
    """All rows of some files as a ``DataFrame``.

    Args:
        files: name and path of each.
        options: ``format`` (delimited, json or parquet) and what the data set says of it.
        steps: what to leave of the rows.

    Raises:
        UserErrorException: pandas is not installed, or a file cannot be read as what it is said to be.
    """
    try:
        pandas: "Any" = import_module("pandas")
    except ImportError:
        raise UserErrorException(
            "to_pandas_dataframe() needs pandas, which is not installed where this runs. Add it to the environment."
        ) from None
    frames = [_read(pandas, name, path, options) for name, path in files]
    frame = frames[0] if len(frames) == 1 else pandas.concat(frames, ignore_index=True)
    for step in steps:
        frame = _rows(frame, step)
    return frame.reset_index(drop=True) if steps else frame


def _read(pandas: "Any", name: str, path: str, options: "Dict[str, Any]") -> "Any":
    encoding = options.get("encoding", "utf8")
    try:
        if options.get("format") == "parquet":
            frame = pandas.read_parquet(path)
        elif options.get("format") == "json":
            frame = pandas.read_json(path, lines=True, encoding=encoding)
        else:
            frame = pandas.read_csv(path, encoding=encoding, **_csv(options))
            if not options.get("header", True):
                frame.columns = ["Column%d" % (number + 1) for number in range(len(frame.columns))]
    except (ValueError, ImportError, UnicodeError) as error:
        raise UserErrorException("%s cannot be read as %s: %s" % (name, options.get("format"), error)) from None
    frame = converted(pandas, frame, options.get("column_types") or {})
    if options.get("include_path"):
        frame.insert(0, "Path", "/" + name)
    return frame


def _csv(options: "Dict[str, Any]") -> "Dict[str, Any]":
    given = {"sep": options.get("separator", ","), "header": 0 if options.get("header", True) else None}
    if not options.get("infer_column_types", True):
        given["dtype"] = str
    elif options.get("column_types"):
        given["dtype"] = dict.fromkeys(options["column_types"], str)  # as text first, so that nothing is lost
    if options.get("empty_as_string"):
        given["keep_default_na"] = False
    return given


def _rows(frame: "Any", step: "Any") -> "Any":
    kind, values = step[0], list(step[1:])
    if kind == "take":
        return frame.iloc[: values[0]]
    if kind == "skip":
        return frame.iloc[values[0] :]
    low, high, seed = values
    lots = random.Random(seed)
    kept: "List[bool]" = [low <= lots.random() < high for _ in range(len(frame))]
    return frame[kept]
