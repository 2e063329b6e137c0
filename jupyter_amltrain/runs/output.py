"""What a run's output left behind: metric points, and how far the output was taken in."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from .database import Database
from .record import NewPoint, Point, Position, RunRecord


class Output(Database):
    """Metrics and positions of all runs."""

    def position(self, run_id: str) -> Position:
        """How far the output of a run was taken in."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT marks, log_offset, pieces, parts FROM positions"
                " WHERE run = (SELECT number FROM runs WHERE id = ?)",
                (run_id,),
            ).fetchone()
        if row is None:
            return Position()
        pieces = tuple((source, start, end, length) for source, start, end, length in json.loads(row[2]))
        return Position(json.loads(row[0]), row[1], pieces, json.loads(row[3]))

    def take_in(
        self,
        run: RunRecord,
        position: Position,
        points: Sequence[NewPoint] = (),
        tags: Mapping[str, str | None] | None = None,
    ) -> None:
        """Store what a batch of output held, together with the position after it, in one transaction."""
        with self._connection(write=True) as connection:
            if points:
                self._add_points(connection, run.number, points)
            for key, value in (tags or {}).items():
                connection.execute(
                    "INSERT INTO tags VALUES (?, ?, ?) ON CONFLICT (run, key) DO UPDATE SET value = excluded.value",
                    (run.number, key, value),
                )
            connection.execute(
                "INSERT INTO positions VALUES (?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET marks = excluded.marks,"
                " log_offset = excluded.log_offset, pieces = excluded.pieces, parts = excluded.parts",
                (
                    run.number,
                    json.dumps(dict(position.marks)),
                    position.log_offset,
                    json.dumps(position.pieces),
                    json.dumps(dict(position.parts)),
                ),
            )

    @staticmethod
    def _add_points(connection: sqlite3.Connection, number: int, points: Sequence[NewPoint]) -> None:
        names = {point.name for point in points}
        known: dict[str, int] = {}
        for name in dict.fromkeys(point.name for point in points) if len(names) > 1 else names:
            row = connection.execute("SELECT id FROM series WHERE run = ? AND name = ?", (number, name)).fetchone()
            if row is None:
                row = (connection.execute("INSERT INTO series (run, name) VALUES (?, ?)", (number, name)).lastrowid,)
            known[name] = row[0]
        connection.executemany(
            "INSERT INTO points (run, series, kind, value, step, at, rank) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    number,
                    known[point.name],
                    point.kind,
                    _stored(point.value) if point.kind == "scalar" else json.dumps(point.value),
                    point.step,
                    point.at,
                    point.rank,
                )
                for point in points
            ],
        )

    def points(self, run_id: str, after: int = 0, *, name: str | None = None, limit: int | None = None) -> list[Point]:
        """Logged values in the order they were stored, from cursor ``after`` on."""
        condition, values = "", [run_id, after]
        if name is not None:
            condition = "AND series.name = ?"
            values.append(name)
        query = (
            "SELECT points.id, series.name, kind, value, step, at, rank FROM points"
            " JOIN series ON series.id = points.series"
            " WHERE points.run = (SELECT number FROM runs WHERE id = ?)"
            f" AND points.id > ? {condition} ORDER BY points.id"
        )
        with self._connection() as connection:
            rows = connection.execute(query + (f" LIMIT {int(limit)}" if limit is not None else ""), values).fetchall()
        return [
            Point(cursor, series, kind, _read(value) if kind == "scalar" else json.loads(value), step, at, rank)
            for cursor, series, kind, value, step, at, rank in rows
        ]


def _stored(value: Any) -> Any:
    # SQLite has no NaN and no integer beyond 64 bits.
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value if isinstance(value, (int, float, str)) else json.dumps(value)


def _read(value: Any) -> Any:
    return math.nan if value is None else value
