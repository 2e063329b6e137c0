"""Logged points → what ``Run.get_metrics`` returns (azureml-v1.md section 11.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .record import Point

_ROWS = ("row", "table")


def metrics(points: Iterable[Point]) -> dict[str, Any]:
    """Name to value, in the order in which the names were first logged.

    One number is itself, several are a list; rows and tables are columns of cells (one row: plain cells), a missing
    cell is None. Where the SDK loses values silently (number then text, number then row) all are kept, in order.
    """
    by_name: dict[str, list[Point]] = {}
    for point in points:
        by_name.setdefault(point.name, []).append(point)
    return {name: _value(logged) for name, logged in by_name.items()}


def _value(points: list[Point]) -> Any:
    if all(point.kind in _ROWS for point in points):
        return _columns([row for point in points for row in _rows(point)])
    values: list[Any] = []
    for point in points:
        if point.kind == "list":
            values += point.value
        else:
            values += _rows(point) if point.kind in _ROWS else [point.value]
    return values[0] if len(values) == 1 else values


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if len(rows) == 1:
        return rows[0]
    return {name: [row.get(name) for row in rows] for name in names}


def _rows(point: Point) -> list[dict[str, Any]]:
    """The rows of a table; a column that is one value is a column of one cell."""
    if point.kind == "row":
        return [point.value]
    columns = {name: cells if isinstance(cells, list) else [cells] for name, cells in point.value.items()}
    count = max(map(len, columns.values()), default=0)
    return [{name: cells[row] for name, cells in columns.items() if row < len(cells)} for row in range(count)]
