"""Metrics: what one source logged under one name is a series of points.

The script is a source, and whatever logs in its place is another (a callback of ours, a file that it writes, lines that
it prints). Of the series of one name one is shown: the script's, else the one that came first.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from .annotations import Annotations
from .record import SYSTEM, NewPoint, Point, RunRecord

PART_POINTS = 256
"""For that many points of a series it is kept where the lowest and the highest are, so that a million need no look."""

_NONE = b""
"""None as it is stored; it has no place among the numbers, as text has none."""


class Series(Annotations):
    """The metrics of all runs."""

    def add_points(self, run: RunRecord, points: Sequence[NewPoint]) -> None:
        """Store what was logged to a run from outside of a job."""
        with self._connection(write=True) as connection:
            self._add_points(connection, run.number, points)

    @staticmethod
    def _add_points(connection: sqlite3.Connection, number: int, points: Sequence[NewPoint]) -> None:
        row = connection.execute("SELECT max(id) FROM points WHERE run = ?", (number,)).fetchone()
        cursor = int(row[0] or 0)
        # Series of each name, next place in it and where that was; looked up once, for names come by the thousand.
        at: dict[str | tuple[str, str], list[int]] = {}
        rows = []
        for name, kind, value, step, time, rank, _, source in points:
            key = (name, source) if source else name
            series = at.get(key)
            if series is None:
                series = at[key] = _series(connection, number, name, source)
                series.append(series[1])
            cursor += 1
            if kind != "scalar":
                value = json.dumps(value)
            elif type(value) is not float or value != value:
                value = _stored(value)
            rows.append((series[0], series[1], number, cursor, kind, value, step, time, rank))
            series[1] += 1
        connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        for series_id, count, before in at.values():
            connection.execute("UPDATE series SET count = ? WHERE id = ?", (count, series_id))
            if count // PART_POINTS > before // PART_POINTS:
                _keep_extremes(connection, series_id, before, count)

    def points(
        self,
        run_id: str,
        after: int = 0,
        *,
        name: str | None = None,
        limit: int | None = None,
        only: str | None = None,
        without: str | None = None,
    ) -> list[Point]:
        """Logged values in the order they were stored, from cursor ``after`` on.

        Args:
            name: those of one metric.
            limit: at most so many.
            only: without ``name``, those of this source.
            without: without ``name``, those of all other sources.
        """
        columns = "SELECT points.id, series.name, kind, value, step, at, rank, source FROM points"
        run = "(SELECT number FROM runs WHERE id = ?)"
        if name is None:
            query = f"{columns} JOIN series ON series.id = points.series WHERE points.run = {run} AND points.id > ?"
            chosen = [(" AND source = ?", only), (" AND source <> ?", without)]
            query += "".join(condition for condition, source in chosen if source is not None)
            query += " AND shown ORDER BY points.id"
            values = [run_id, after, *(source for _, source in chosen if source is not None)]
        else:
            query = f"{columns} JOIN series ON series.id = points.series WHERE points.series ="
            query += f" (SELECT id FROM series WHERE run = {run} AND name = ? AND shown) AND points.id > ? ORDER BY n"
            values = [run_id, name, after]
        with self._connection() as connection:
            rows = connection.execute(query + (f" LIMIT {int(limit)}" if limit is not None else ""), values).fetchall()
        return [_point(*row) for row in rows]

    def last_points(self, run_id: str) -> list[Point]:
        """The newest point of each metric; the step of one that has none is its place in the series."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT points.id, name, kind, value, coalesce(step, n), at, rank, source FROM series"
                " JOIN points ON points.series = series.id AND n = count - 1"
                " WHERE series.run = (SELECT number FROM runs WHERE id = ?) AND shown AND source <> ?"
                " ORDER BY series.id",
                (run_id, SYSTEM),
            ).fetchall()
        return [_point(*row) for row in rows]

    def metric_names(self, run_id: str, *, system: bool = False) -> dict[str, int]:
        """Name of each metric → how many points it has, in the order in which they were first logged.

        Args:
            system: also those that tell what the run uses of the machine.
        """
        return self._by_name("count", run_id, system)

    def metric_sources(self, run_id: str, *, system: bool = False) -> dict[str, str]:
        """Name of each metric → who logged it: "" for the script, ``fastai``, ``tensorboard`` and the like.

        Args:
            system: also those that tell what the run uses of the machine.
        """
        return self._by_name("source", run_id, system)

    def _by_name(self, column: str, run_id: str, system: bool) -> dict[str, Any]:
        with self._connection() as connection:
            return dict(
                connection.execute(
                    f"SELECT name, {column} FROM series WHERE run = (SELECT number FROM runs WHERE id = ?) AND shown"
                    " AND (source <> ? OR ?) ORDER BY id",
                    (run_id, SYSTEM, system),
                )
            )

    def sample_metric(self, run_id: str, name: str, points: int = 1500) -> list[Point]:
        """A metric in at most ``points`` of its points, in their order, such that a curve through them looks the same.

        Of each stretch of the curve the lowest and the highest number are taken, and the first and last of all. A
        metric with no more points than that is given whole.
        """
        with self._connection() as connection:
            row = connection.execute(
                "SELECT id, count, source FROM series"
                " WHERE run = (SELECT number FROM runs WHERE id = ?) AND name = ? AND shown",
                (run_id, name),
            ).fetchone()
            if row is None:
                return []
            series, count, source = row
            if count <= max(points, 4):
                return self.points(run_id, name=name)
            kept = sampled_places(connection, series, 0, count, points)
            # CROSS JOIN keeps the order: few places first, a look into the series for each.
            rows = connection.execute(
                "SELECT points.id, ?, kind, points.value, step, at, rank, ? FROM json_each(?) AS kept CROSS JOIN points"
                " ON points.series = ? AND points.n = kept.value ORDER BY n",
                (name, source, json.dumps(kept), series),
            ).fetchall()
        return [_point(*row) for row in rows]


def sampled_places(connection: sqlite3.Connection, series: int, first: int, end: int, points: int) -> list[int]:
    """At most ``points`` places of a series from ``first`` to before ``end`` that a curve looks the same through."""
    count = end - first
    if count <= max(points, 4):
        return list(range(first, end))
    parts = max(1, points // 2 - 1)
    kept = {first, end - 1}
    for chosen in _split(_candidates(connection, series, first, end, parts), first, count, parts):
        kept.update((min(chosen, key=_value)[0], max(chosen, key=_value)[0]))
    return sorted(kept)


def _candidates(
    connection: sqlite3.Connection, series: int, first: int, end: int, parts: int
) -> list[tuple[int, float]]:
    """Place and number of points of a series, with the lowest and highest of each part among them, in order."""
    # A number is less than any text, and NaN is NULL, which is not; so the comparison finds the numbers.
    if end - first < 4 * PART_POINTS * parts:
        query = "SELECT n, value FROM points WHERE series = ? AND n >= ? AND n < ? AND value < '' ORDER BY n"
        return connection.execute(query, (series, first, end)).fetchall()
    part, rest = -(-first // PART_POINTS), end // PART_POINTS
    return connection.execute(
        "SELECT n, value FROM ("
        " SELECT low AS place FROM extremes WHERE series = :series AND part >= :part AND part < :rest"
        " UNION SELECT high FROM extremes WHERE series = :series AND part >= :part AND part < :rest"
        " UNION SELECT n FROM points WHERE series = :series AND n >= :first AND n < :part * :size"
        " UNION SELECT n FROM points WHERE series = :series AND n >= :rest * :size AND n < :end) CROSS JOIN points"
        " ON points.series = :series AND points.n = place WHERE value < '' ORDER BY n",
        {"series": series, "part": part, "rest": rest, "first": first, "end": end, "size": PART_POINTS},
    ).fetchall()


def _split(
    candidates: list[tuple[int, float]], first: int, count: int, parts: int
) -> Iterable[list[tuple[int, float]]]:
    """The candidates of each part of the series; parts without one are left out."""
    part: list[tuple[int, float]] = []
    number = 0
    for candidate in candidates:
        own = (candidate[0] - first) * parts // count
        if own != number and part:
            yield part
            part = []
        number = own
        part.append(candidate)
    if part:
        yield part


def _value(candidate: tuple[int, float]) -> float:
    return candidate[1]


def _keep_extremes(connection: sqlite3.Connection, series: int, before: int, after: int) -> None:
    """Note where the lowest and highest numbers are in those parts of a series that became full."""
    chosen = (
        "SELECT n FROM points WHERE series = :series AND n >= :part * :size AND n < (:part + 1) * :size AND value < ''"
        " ORDER BY value {0} LIMIT 1"
    )
    connection.executemany(
        f"INSERT INTO extremes VALUES (:series, :part, ({chosen.format('ASC')}), ({chosen.format('DESC')}))",
        [
            {"series": series, "part": part, "size": PART_POINTS}
            for part in range(before // PART_POINTS, after // PART_POINTS)
        ],
    )


def _series(connection: sqlite3.Connection, number: int, name: str, source: str) -> list[int]:
    """Id of the series of that name and source, made when it is new, and how many points it has."""
    found = connection.execute(
        "SELECT source, id, count FROM series WHERE run = ? AND name = ?", (number, name)
    ).fetchall()
    for other, series, count in found:
        if other == source:
            return [series, count]
    if found and not source:
        connection.execute("UPDATE series SET shown = 0 WHERE run = ? AND name = ?", (number, name))
    made = connection.execute(
        "INSERT INTO series (run, name, source, shown) VALUES (?, ?, ?, ?)",
        (number, name, source, int(not found or not source)),
    ).lastrowid
    assert made is not None
    return [made, 0]


def _point(cursor: int, name: str, kind: str, value: Any, step: Any, at: float, rank: int, source: str) -> Point:
    return Point(cursor, name, kind, _read(value) if kind == "scalar" else json.loads(value), step, at, rank, source)


def _stored(value: Any) -> Any:
    # SQLite has no NaN, which it takes for NULL, and no integer beyond 64 bits.
    if value is None:
        return _NONE
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value if isinstance(value, (int, float, str)) else json.dumps(value)


def _read(value: Any) -> Any:
    return math.nan if value is None else None if value == _NONE else value
