"""Metrics as views draw them: points by their place in a series, as rows, since a million of them make no objects."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .series import Series, sampled_places

Row = tuple[int, str, Any, "int | float | None", float, int]
"""Place in the series, kind, value as stored, step, time, rank."""


class SeriesHead(NamedTuple):
    """A series that is shown: its id, name, who logged it, and how many points it has."""

    id: int
    name: str
    source: str
    points: int


class Curves(Series):
    """What the views of runs ask."""

    def shown_series(self, run_id: str) -> list[SeriesHead]:
        """All series of a run that are shown, in the order in which they were first logged."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, name, source, count FROM series WHERE run = (SELECT number FROM runs WHERE id = ?)"
                " AND shown ORDER BY id",
                (run_id,),
            ).fetchall()
        return [SeriesHead(*row) for row in rows]

    def series_rows(self, series: int, first: int, limit: int) -> list[Row]:
        """At most ``limit`` points of a series from place ``first`` on."""
        with self._connection() as connection:
            return connection.execute(
                "SELECT n, kind, value, step, at, rank FROM points WHERE series = ? AND n >= ? ORDER BY n LIMIT ?",
                (series, first, limit),
            ).fetchall()

    def sampled_rows(self, series: int, points: int, first: int = 0, last: int | None = None) -> list[Row]:
        """At most ``points`` points of a part of a series such that a curve through them looks the same.

        Args:
            first: place where the part begins.
            last: place of its last point; the end of the series unless given.
        """
        with self._connection() as connection:
            count = connection.execute("SELECT count FROM series WHERE id = ?", (series,)).fetchone()[0]
            end = count if last is None else min(count, last + 1)
            places = sampled_places(connection, series, first, end, points)
            return connection.execute(
                # CROSS JOIN keeps the order: few places first, a look into the series for each.
                "SELECT n, kind, points.value, step, at, rank FROM json_each(?) AS kept CROSS JOIN points"
                " ON points.series = ? AND points.n = kept.value ORDER BY n",
                (json.dumps(places), series),
            ).fetchall()

    def places_between(self, series: int, axis: str, low: float, high: float) -> tuple[int, int]:
        """First and last place of the points whose step (their place where they have none) or time is in a range.

        Args:
            axis: ``step`` or ``time``.
        """
        column = "at" if axis == "time" else "coalesce(step, n)"
        with self._connection() as connection:
            first, last = connection.execute(
                f"SELECT min(n), max(n) FROM points WHERE series = ? AND {column} BETWEEN ? AND ?", (series, low, high)
            ).fetchone()
        return (0, -1) if first is None else (int(first), int(last))
