"""What can be logged to a run, and in which shape (azureml-v1.md section 11.1).

The run of a job and the run of a notebook share it: they differ in where they send what was logged, and in where they
keep files.
"""

import json
import warnings
from time import time

from .errors import AzureMLException, UserErrorException
from .wire import plain_value, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

_INTEGERS = 2**63
_NAMES = 20_000
_names: "Dict[Any, str]" = {}


class Logged:
    """The methods that log."""

    def _send_point(self, text: str) -> None:
        """Send a point, given as JSON ``[name, value, step, time]``."""
        raise NotImplementedError

    def _send(self, kind: str, **fields: "Any") -> None:
        """Send another record."""
        raise NotImplementedError

    def _keep_file(self, name: str, source: "Any") -> str:
        """Keep the file at a path, or bytes, under a name like ``name`` that is free; returns that name."""
        raise NotImplementedError

    def log(self, name: str, value: "Any", description: str = "", step: "Optional[float]" = None) -> None:
        """Record one value, a number or text; the same name again makes a series.

        Args:
            name: any text.
            value: a number, text, or anything with ``item()`` such as a 0-d array or tensor.
            description: accepted, as in the SDK.
            step: a number that says where in the training this is.

        Raises:
            UserErrorException: the value is a list or the like; use :meth:`log_list`.
        """
        kind = type(value)
        if (kind is float and value - value == 0.0) or (kind is int and -_INTEGERS <= value < _INTEGERS):
            text = repr(value)
        else:
            text = to_json(_plain(name, _single(name, value)))
        self._send_point(
            "[%s,%s,%s,%.4f]"
            % (_names.get(name) or _name(name), text, "null" if step is None else _step(name, step), time())
        )

    def log_list(self, name: str, value: "Any", description: str = "", step: "Optional[float]" = None) -> None:
        """Record a list, tuple, range, array or generator of values as one point.

        Raises:
            UserErrorException: the value is a single one; use :meth:`log`.
        """
        at = "null" if step is None else _step(name, step)
        try:
            items = iter(value)
        except TypeError:
            raise UserErrorException(
                "'%s' is of type %s, and a list is needed here. Log a single value with run.log('%s', value)."
                % (name, _kind(value), name)
            ) from None
        self._send_point("[%s,%s,%s,%.4f]" % (_name(name), to_json(_plain(name, list(items))), at, time()))

    def log_row(self, name: str, description: "Optional[str]" = None, **kwargs: "Any") -> None:
        """Record one row of a table, a value for each column.

        Raises:
            UserErrorException: a value is a list.
        """
        self._send_columns("row", name, {column: _single(column, value) for column, value in kwargs.items()})

    def log_table(self, name: str, value: "Any", description: str = "") -> None:
        """Record a table: column to list of values, or column to value for a single row; or a pandas ``DataFrame``.

        Raises:
            AzureMLException: it is none of these, or its columns differ in length.
        """
        if hasattr(value, "columns") and callable(getattr(value, "to_dict", None)):
            value = value.to_dict("list")
        if not isinstance(value, dict):
            raise AzureMLException(
                "The table '%s' is a dictionary of columns such as {'x': [1, 2]}, not a %s." % (name, _kind(value))
            )
        columns = {str(column): list(cells) if _has_items(cells) else [cells] for column, cells in value.items()}
        lengths = {column: len(cells) for column, cells in columns.items()}
        if len(set(lengths.values())) > 1:
            raise AzureMLException("The columns of table '%s' differ in length: %s." % (name, lengths))
        self._send_columns("table", name, columns)

    def log_image(self, name: str, path: "Optional[str]" = None, plot: "Any" = None, description: str = "") -> None:
        """Record an image: a file, or what ``matplotlib.pyplot`` or a figure shows.

        Args:
            name: name of the metric.
            path: an image file.
            plot: the pyplot module, a figure, or anything with ``savefig``.
            description: accepted, as in the SDK.

        Raises:
            AzureMLException: not exactly one of ``path`` and ``plot`` is given, or it is no image.
        """
        if (path is None) == (plot is None):
            raise AzureMLException(
                "run.log_image('%s', …) takes either path= or plot=, and exactly one of them." % name
            )
        if plot is not None:
            self._send_file("image", name, "%s_%d.png" % (name, time()), _drawn(name, plot))
            return
        file = str(path)
        try:
            with open(file, "rb") as image:
                start = image.read(512)
        except OSError as error:
            raise AzureMLException("The image %s cannot be read: %s." % (file, error.strerror)) from None
        if not _is_image(start):
            raise AzureMLException("%s is no image: PNG, JPEG, GIF, BMP, WebP, TIFF and SVG files are." % file)
        self._send_file("image", name, file, path)

    def log_confusion_matrix(self, name: str, value: "Any", description: str = "") -> None:
        """Record a confusion matrix: a dictionary (or its JSON) with ``schema_type``, ``schema_version``, ``data``."""
        self._send_chart("confusion_matrix", name, value)

    def log_accuracy_table(self, name: str, value: "Any", description: str = "") -> None:
        """Record an accuracy table: a dictionary (or its JSON) with ``schema_type``, ``schema_version``, ``data``."""
        self._send_chart("accuracy_table", name, value)

    def log_residuals(self, name: str, value: "Any", description: str = "") -> None:
        """Record residuals: a dictionary (or its JSON) with ``schema_type``, ``schema_version``, ``data``."""
        self._send_chart("residuals", name, value)

    def log_predictions(self, name: str, value: "Any", description: str = "") -> None:
        """Record predictions: a dictionary (or its JSON) with ``schema_type``, ``schema_version``, ``data``."""
        self._send_chart("predictions", name, value)

    def _send_columns(self, kind: str, name: str, columns: "Dict[str, Any]") -> None:
        self._send(kind, n=str(name), v={column: _plain(name, cells) for column, cells in columns.items()})

    def _send_chart(self, kind: str, name: str, value: "Any") -> None:
        try:
            chart = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise UserErrorException("Invalid JSON provided for '%s'." % name) from None
        if not isinstance(chart, dict):
            raise UserErrorException(
                "'%s' is a dictionary with schema_type, schema_version and data, or its JSON, not a %s."
                % (name, _kind(value))
            )
        try:
            text = json.dumps(chart, default=_listed)
        except (TypeError, ValueError) as error:
            raise UserErrorException("'%s' cannot be written as JSON: %s." % (name, error)) from None
        self._send_file(kind, name, str(name), text.encode())

    def _send_file(self, kind: str, name: str, file_name: str, source: "Any") -> None:
        self._send("file", n=str(name), s=kind, v=self._keep_file(file_name, source))


def _name(name: "Any") -> str:
    """The JSON of a metric's name; most names come many times."""
    text = _names.get(name)
    if text is None:
        if len(_names) >= _NAMES:
            _names.clear()
        text = _names[name] = to_json(str(name))
    return text


def _step(name: str, step: "Any") -> str:
    if type(step) is int and -_INTEGERS <= step < _INTEGERS:
        return repr(step)
    try:
        plain = plain_value(step)
    except TypeError:
        plain = ""
    if not isinstance(plain, (int, float)):
        raise UserErrorException("The step of '%s' is %r, and a number is needed." % (name, step))
    return to_json(plain)


def _kind(value: "Any") -> str:
    return type(value).__name__


def _single(name: str, value: "Any") -> "Any":
    if _has_items(value):
        raise UserErrorException(
            "'%s' is a %s, and a single value is needed here. Log a list with "
            "run.log_list('%s', values)." % (name, _kind(value), name)
        )
    return value


def _has_items(value: "Any") -> bool:
    """Whether it is a list, array, range, generator or the like, and not one value in such a coat."""
    if isinstance(value, (str, int, float, bytes, dict)) or not hasattr(value, "__iter__"):
        return False
    if getattr(value, "ndim", 1) == 0:  # also of what no record can carry, such as a complex number
        return False
    try:
        plain_value(value)
    except TypeError:
        return True
    return False


def _plain(name: str, value: "Any") -> "Any":
    """The value or the list of values as a record carries it; of an unknown type its text, with a warning."""
    if isinstance(value, list):
        return [_plain(name, item) for item in value]
    try:
        return plain_value(value)
    except TypeError:
        if hasattr(value, "__len__") and _has_items(value):  # a row of a matrix; what has no end is left alone
            return [_plain(name, item) for item in value]
        warnings.warn("'%s': a %s is stored as its text." % (name, _kind(value)), stacklevel=_callers())
        return repr(value)


def _callers() -> int:
    """How many frames of this file lie below the script's."""
    import sys

    level, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    return level


def _listed(value: "Any") -> "Any":
    """Arrays and tensors inside of a chart, as JSON can have them."""
    for method in ("tolist", "item"):
        if hasattr(value, method):
            return getattr(value, method)()
    return repr(value)


def _drawn(name: str, plot: "Any") -> bytes:
    from io import BytesIO

    image = BytesIO()
    if not callable(getattr(plot, "savefig", None)):
        raise AzureMLException(
            "The plot '%s' is matplotlib.pyplot or a figure, not a %s: run.log_image('%s', plot=plt)."
            % (name, _kind(plot), name)
        )
    plot.savefig(image, format="png")
    return image.getvalue()


def _is_image(start: bytes) -> bool:
    beginnings = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"P5", b"P6")
    webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    return start.startswith(beginnings) or webp or b"<svg" in start
