"""What people and scripts say about runs: tags, properties, names, and the child runs that they make."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ..errors import ExperimentExecutionException
from . import status as states
from .database import Database
from .record import Change, RunRecord

PairTable = Literal["tags", "properties", "params"]

_CHILD_ID = re.compile(r"\w[\w.\-]{0,199}")
_ERROR_CHARACTERS = 10_000


class Annotations(Database):
    """Tags, properties, names and families of runs."""

    def tags(self, run_id: str) -> dict[str, str | None]:
        """The tags of a run."""
        return self._pairs("tags", run_id)

    def properties(self, run_id: str) -> dict[str, str | None]:
        """The properties of a run."""
        return self._pairs("properties", run_id)

    def _pairs(self, table: str, run_id: str) -> dict[str, str | None]:
        with self._connection() as connection:
            return dict(
                connection.execute(
                    f"SELECT key, value FROM {table} WHERE run = (SELECT number FROM runs WHERE id = ?)", (run_id,)
                )
            )

    def params(self, run_id: str) -> dict[str, str | None]:
        """The parameters that a run's script logged."""
        return self._pairs("params", run_id)

    def first_pairs(self, table: PairTable, run_id: str, most: int, characters: int) -> list[tuple[str, str | None]]:
        """The first of a run's tags, properties or parameters by name, however many and long they are."""
        with self._connection() as connection:
            return connection.execute(
                f"SELECT substr(key, 1, :width), substr(value, 1, :width) FROM {table}"
                " WHERE run = (SELECT number FROM runs WHERE id = :run) ORDER BY key LIMIT :most",
                {"run": run_id, "width": characters, "most": most},
            ).fetchall()

    def count_pairs(self, table: PairTable, run_id: str) -> int:
        """How many tags, properties or parameters a run has."""
        with self._connection() as connection:
            query = f"SELECT count(*) FROM {table} WHERE run = (SELECT number FROM runs WHERE id = ?)"
            return int(connection.execute(query, (run_id,)).fetchone()[0])

    def set_tags(self, run_id: str, tags: Mapping[str, str | None]) -> None:
        """Add tags or overwrite their values."""
        with self._connection(write=True) as connection:
            _set_tags(connection, _number(connection, run_id), tags)

    def set_params(self, run_id: str, params: Mapping[str, str | None]) -> None:
        """Add parameters or overwrite their values."""
        with self._connection(write=True) as connection:
            _set_pairs(connection, "params", _number(connection, run_id), params)

    def remove_tags(self, run_id: str, keys: Iterable[str]) -> None:
        """Remove tags; missing ones are no error."""
        with self._connection(write=True) as connection:
            _remove_tags(connection, _number(connection, run_id), keys)

    def add_properties(self, run_id: str, properties: Mapping[str, str | None], *, again: bool = False) -> None:
        """Add properties, which never change again.

        Args:
            again: whether the same value once more is no error, as when a job asks twice.

        Raises:
            ExperimentExecutionException: one of them is there already; none was added.
        """
        with self._connection(write=True) as connection:
            number = _number(connection, run_id)
            for key, value in properties.items():
                row = connection.execute("SELECT value FROM properties WHERE run = ? AND key = ?", (number, key))
                there = row.fetchone()
                if there is None:
                    connection.execute("INSERT INTO properties VALUES (?, ?, ?)", (number, key, value))
                elif not again or there[0] != value:
                    raise ExperimentExecutionException(
                        f"The property '{key}' of run {run_id} has a value already, and properties never change."
                        " Use a tag for what changes."
                    )

    def describe(self, run_id: str, **about: str | None) -> None:
        """Set ``display_name`` or ``description`` of a run."""
        with self._connection(write=True) as connection:
            _describe(connection, _number(connection, run_id), about)

    # --- what a job tells ----------------------------------------------------------------------------------------

    def _change(self, connection: sqlite3.Connection, run: RunRecord, changes: Iterable[Change]) -> None:
        """Apply what a job told of its run and of its descendants; other runs are not its to change."""
        for change in changes:
            if change.kind == "child":
                self._add_child(connection, run, change)
                continue
            number = self._descendant(connection, run, change.run) if change.run else run.number
            if number is None:
                continue
            if change.kind == "tags":
                _set_tags(connection, number, change.value)
            elif change.kind == "params":
                _set_pairs(connection, "params", number, change.value)
            elif change.kind == "untag":
                _remove_tags(connection, number, change.value)
            elif change.kind == "about":
                _describe(connection, number, change.value)
            elif change.kind == "state" and change.run:
                end_logged(connection, number, change)

    @staticmethod
    def _descendant(connection: sqlite3.Connection, run: RunRecord, run_id: str) -> int | None:
        """Number of a run that the job of ``run`` made below its own, None for any other."""
        row = connection.execute("SELECT number, folder FROM runs WHERE id = ?", (run_id,)).fetchone()
        return int(row[0]) if row and str(row[1] or "").startswith(f"{run.id}/") else None

    def _add_child(self, connection: sqlite3.Connection, run: RunRecord, change: Change) -> None:
        parent = change.parent or run.id
        is_own = parent == run.id or self._descendant(connection, run, parent) is not None
        if not _CHILD_ID.fullmatch(change.run) or not is_own:
            return
        made = connection.execute(
            "INSERT OR IGNORE INTO runs (id, experiment, target, engine, nodes, status, reason, created, definition,"
            " started, snapshot, type, parent, display_name, folder)"
            " SELECT ?, experiment, target, engine, 0, 'Running', '', ?, definition, ?, snapshot, '', ?, ?, ?"
            " FROM runs WHERE number = ?",
            (
                change.run,
                change.at,
                change.at,
                parent,
                change.value.get("name") or None,
                f"{run.id}/work/children/{change.run}",
                run.number,
            ),
        )
        if made.rowcount > 0 and made.lastrowid:
            number = made.lastrowid
            connection.execute("INSERT INTO transitions VALUES (NULL, ?, 'Running', '', ?)", (number, change.at))
            connection.execute(
                "INSERT INTO properties SELECT ?, key, value FROM properties WHERE run = ? AND key ="
                " 'ContentSnapshotId'",
                (number, run.number),
            )
            _set_tags(connection, number, change.value.get("tags") or {})


def _number(connection: sqlite3.Connection, run_id: str) -> int:
    row = connection.execute("SELECT number FROM runs WHERE id = ?", (run_id,)).fetchone()
    return int(row[0]) if row else -1


def _set_tags(connection: sqlite3.Connection, number: int, tags: Mapping[str, str | None]) -> None:
    _set_pairs(connection, "tags", number, tags)


def _set_pairs(connection: sqlite3.Connection, table: str, number: int, pairs: Mapping[str, str | None]) -> None:
    connection.executemany(
        f"INSERT INTO {table} VALUES (?, ?, ?) ON CONFLICT (run, key) DO UPDATE SET value = excluded.value",
        [(number, key, value) for key, value in pairs.items()],
    )


def _remove_tags(connection: sqlite3.Connection, number: int, keys: Iterable[str]) -> None:
    connection.executemany("DELETE FROM tags WHERE run = ? AND key = ?", [(number, key) for key in keys])


def _describe(connection: sqlite3.Connection, number: int, about: Mapping[str, Any]) -> None:
    for column in ("display_name", "description"):
        if column in about:
            connection.execute(f"UPDATE runs SET {column} = ? WHERE number = ?", (about[column], number))


def end_logged(connection: sqlite3.Connection, number: int, change: Change) -> None:
    """Close a run that has no job of its own; one that is over stays as it is."""
    status, error = str(change.value.get("status")), change.value.get("error")
    if status not in states.TERMINAL:
        return
    reason = str((error or {}).get("message") or "")[:_ERROR_CHARACTERS]
    done = connection.execute(
        "UPDATE runs SET status = ?, reason = ?, ended = ?, error = ? WHERE number = ? AND status = 'Running'",
        (status, reason, change.at, json.dumps(error) if error else None, number),
    )
    if done.rowcount > 0:
        connection.execute("INSERT INTO transitions VALUES (NULL, ?, ?, ?, ?)", (number, status, reason, change.at))
