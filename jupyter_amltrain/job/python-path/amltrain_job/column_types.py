"""``DataType`` of the SDK: what the columns of a tabular data set are to be read as (``set_column_types``).

A value that is not of its column's type is missing, as with ``on_error='null'`` of the SDK.
"""

from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

_TRUE = ("true", "yes", "y", "t", "1", "1.0")
_FALSE = ("false", "no", "n", "f", "0", "0.0")


class DataType:
    """The type of a column; made by its methods."""

    def __init__(self, kind: str, *more: "Any") -> None:
        self._plain = [kind] + list(more)

    @staticmethod
    def to_string() -> "DataType":
        """Text, as it stands in the file."""
        return DataType("string")

    @staticmethod
    def to_long() -> "DataType":
        """Whole numbers."""
        return DataType("long")

    @staticmethod
    def to_float(decimal_mark: str = ".") -> "DataType":
        """Numbers; ``decimal_mark`` is a dot or a comma."""
        return DataType("float", decimal_mark)

    @staticmethod
    def to_bool() -> "DataType":
        """True and false, also written as yes and no, or 1 and 0."""
        return DataType("bool")

    @staticmethod
    def to_datetime(formats: "Any" = None) -> "DataType":
        """Points in time; formats such as ``%d-%m-%Y`` are tried in order, by default whatever pandas knows."""
        return DataType("datetime", [formats] if isinstance(formats, str) else list(formats or []))

    @staticmethod
    def to_stream(workspace: "Any", escaped: bool = False) -> "DataType":
        """Refused: there are no streams here.

        Raises:
            UserErrorException: always.
        """
        raise UserErrorException("DataType.to_stream is not available here; read the column's paths as text.")

    def __repr__(self) -> str:
        return "DataType.to_%s" % self._plain[0]


def plain_types(given: "Any") -> "Dict[str, List[Any]]":
    """What ``set_column_types`` was given, as plain values.

    Raises:
        UserErrorException: it is no mapping of names to types.
    """
    types = dict(given or {})
    for name, kind in types.items():
        if not isinstance(kind, DataType):
            raise UserErrorException(
                "set_column_types of column '%s' is %r; it takes a type such as DataType.to_float()." % (name, kind)
            )
    return {str(name): kind._plain for name, kind in types.items()}


def converted(pandas: "Any", frame: "Any", types: "Dict[str, List[Any]]") -> "Any":
    """A ``DataFrame`` with the columns of ``types`` as these.

    Raises:
        UserErrorException: there is no such column.
    """
    for name, plain in types.items():
        if name not in frame.columns:
            raise UserErrorException(
                "set_column_types names the column '%s', and there are: %s."
                % (name, ", ".join(map(str, frame.columns)))
            )
        frame[name] = _column(pandas, frame[name], *plain)
    return frame


def _column(pandas: "Any", column: "Any", kind: str, *more: "Any") -> "Any":
    text = column.where(column.isna(), column.astype(str))
    if kind == "string":
        return text
    if kind == "bool":
        known = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
        found = text.map(lambda value: known.get(value.strip().lower()) if isinstance(value, str) else None)
        return found.astype(object if found.isna().any() else bool)
    if kind == "datetime":
        tried = [pandas.to_datetime(column, format=one, errors="coerce") for one in more[0] or [None]]
        first = tried[0]
        for other in tried[1:]:
            first = first.fillna(other)
        return first
    if more and more[0] == ",":
        text = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    numbers = pandas.to_numeric(text, errors="coerce")
    if kind == "float":
        return numbers.astype("float64")
    whole = numbers.where(numbers % 1 == 0)
    return whole if whole.isna().any() else whole.astype("int64")
