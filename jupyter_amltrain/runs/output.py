"""How far the output of runs was taken in, and what is stored together with that."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from .curves import Curves
from .record import Change, NewPoint, Position, RunRecord


class Output(Curves):
    """Positions of all runs."""

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
        changes: Iterable[Change] = (),
    ) -> None:
        """Store what a batch of output held, together with the position after it, in one transaction."""
        with self._connection(write=True) as connection:
            self._change(connection, run, changes)
            self._add_all_points(connection, run, points)
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

    def event_files(self, run_id: str) -> dict[str, int]:
        """Event files of a run, in the order in which they were found → how far each was read."""
        with self._connection() as connection:
            return dict(
                connection.execute(
                    "SELECT path, position FROM event_files WHERE run = (SELECT number FROM runs WHERE id = ?)"
                    " ORDER BY number",
                    (run_id,),
                )
            )

    def take_in_events(self, run: RunRecord, path: str, position: int, points: Sequence[NewPoint]) -> None:
        """Store what a part of an event file held, together with where it ends, in one transaction."""
        with self._connection(write=True) as connection:
            if points:
                self._add_points(connection, run.number, points)
            connection.execute(
                "INSERT INTO event_files (run, path, position) VALUES (?, ?, ?)"
                " ON CONFLICT (run, path) DO UPDATE SET position = excluded.position",
                (run.number, path, position),
            )

    def _add_all_points(self, connection: sqlite3.Connection, run: RunRecord, points: Sequence[NewPoint]) -> None:
        """Store the points of a run and of its child runs."""
        of_children: dict[str, list[NewPoint]] = {}
        if any(point.run for point in points):
            own: list[NewPoint] = []
            for point in points:
                (of_children.setdefault(point.run, []) if point.run else own).append(point)
            points = own
        if points:
            self._add_points(connection, run.number, points)
        for child, theirs in of_children.items():
            number = self._descendant(connection, run, child)
            if number is not None:
                self._add_points(connection, number, theirs)
