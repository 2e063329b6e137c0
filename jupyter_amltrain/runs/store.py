"""The database of one workspace: experiments, environments, targets, runs, metrics. All SQL is here.

Any number of processes read and write it at once. State changes are small transactions, metrics come in batches;
a reader keeps a cursor (row id) and is told of change by ``PRAGMA data_version`` (:meth:`Store.changed`). The job
itself never opens it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ExperimentExecutionException, NameNotFoundException, StoreException
from . import status as states
from .migrations import migrate
from .record import NewPoint, Point, Position, RunRecord, Transition

_RUN_COLUMNS = (
    "number, id, experiment, target, engine, nodes, status, reason, created, definition, started, ended,"
    " snapshot, image, handle, exit, error"
)
_TERMINAL = "('Completed', 'Failed', 'Canceled')"
_HOLDS_SLOT = "status NOT IN ('Completed', 'Failed', 'Canceled', 'Queued', 'NotStarted')"


class Store:
    """The database in ``folder/amltrain.db``, made when missing. Thread-safe; survives a fork.

    Raises:
        StoreException: the file cannot be opened or written (no space, no permission, not a database).
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "amltrain.db"
        self._local = threading.local()
        with self._connection():
            pass

    # --- connections ---------------------------------------------------------------------------------------------

    @contextmanager
    def _connection(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """This thread's connection; ``write`` wraps the block in one transaction."""
        try:
            connection = self._open()
            if not write:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _open(self) -> sqlite3.Connection:
        # A connection must not be used on the other side of a fork (sqlite.org/howtocorrupt.html section 2.6).
        if getattr(self._local, "pid", None) == os.getpid():
            connection: sqlite3.Connection = self._local.connection
            return connection
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        journal = os.environ.get("AMLTRAIN_SQLITE_JOURNAL", "wal")
        connection.execute(f"PRAGMA journal_mode = {'delete' if journal == 'delete' else 'wal'}")
        connection.execute("PRAGMA synchronous = NORMAL")
        migrate(connection)
        self._local.connection, self._local.pid = connection, os.getpid()
        return connection

    def _explained(self, error: sqlite3.Error) -> StoreException:
        text = str(error)
        if "full" in text or "disk I/O" in text:
            advice = "the disk is full. Free some space, or set AMLTRAIN_HOME to a folder on another disk"
        elif "readonly" in text or "unable to open" in text:
            advice = "it cannot be written. Check its permissions, or set AMLTRAIN_HOME to a folder of yours"
        elif "not a database" in text or "malformed" in text:
            advice = "it is damaged. Move it away to begin with an empty history; the runs' folders stay"
        else:
            advice = text
        return StoreException(f"The run history {self.path} could not be used: {advice}.", inner_exception=error)

    def close(self) -> None:
        """Close this thread's connection; it is opened again when needed."""
        if getattr(self._local, "pid", None) == os.getpid():
            self._local.connection.close()
        self._local.pid = None

    def changed(self) -> bool:
        """Whether another connection has committed since this thread last asked; costs some microseconds."""
        with self._connection() as connection:
            version = connection.execute("PRAGMA data_version").fetchone()[0]
        seen = getattr(self._local, "seen", None)
        self._local.seen = (os.getpid(), version)
        return bool(seen != self._local.seen)

    # --- experiments, environments, targets ----------------------------------------------------------------------

    def ensure_experiment(self, name: str) -> str:
        """The id of the experiment of that name, made when it is new."""
        with self._connection() as connection:
            row = connection.execute("SELECT id FROM experiments WHERE name = ?", (name,)).fetchone()
        if row is None:
            from uuid import uuid4

            with self._connection(write=True) as connection:
                connection.execute(
                    "INSERT OR IGNORE INTO experiments VALUES (?, ?, ?)", (name, str(uuid4()), time.time())
                )
                row = connection.execute("SELECT id FROM experiments WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def experiments(self) -> dict[str, str]:
        """Name to id of all experiments, oldest first."""
        with self._connection() as connection:
            return dict(connection.execute("SELECT name, id FROM experiments ORDER BY created"))

    def save_environment(self, name: str, spec: Mapping[str, Any]) -> int:
        """Keep a definition; returns its version: that of an equal one where there is one, else the next."""
        text = json.dumps(spec, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._connection(write=True) as connection:
            newest = connection.execute(
                "SELECT version, digest FROM environments WHERE name = ? ORDER BY version DESC LIMIT 1", (name,)
            ).fetchone()
            if newest and newest[1] == digest:
                return int(newest[0])
            version = newest[0] + 1 if newest else 1
            connection.execute(
                "INSERT INTO environments VALUES (?, ?, ?, ?, ?)", (name, version, digest, text, time.time())
            )
        return int(version)

    def get_environment(self, name: str, version: int | str | None = None) -> dict[str, Any] | None:
        """A kept definition, the newest unless ``version`` says otherwise, with ``version`` filled in; or None."""
        query = "SELECT spec, version FROM environments WHERE name = ?"
        with self._connection() as connection:
            if version is None:
                row = connection.execute(f"{query} ORDER BY version DESC LIMIT 1", (name,)).fetchone()
            else:
                row = connection.execute(f"{query} AND version = ?", (name, int(version))).fetchone()
        return {**json.loads(row[0]), "version": str(row[1])} if row else None

    def list_environments(self) -> dict[str, dict[str, Any]]:
        """Name to newest definition, by name."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT name, spec, max(version) FROM environments GROUP BY name ORDER BY name"
            ).fetchall()
        return {name: {**json.loads(spec), "version": str(version)} for name, spec, version in rows}

    def save_target(self, name: str, definition: Mapping[str, Any]) -> None:
        """Keep or replace the definition of a compute target (``max_nodes`` in it is what the queue obeys)."""
        now = time.time()
        with self._connection(write=True) as connection:
            connection.execute(
                "INSERT INTO targets VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET definition ="
                " excluded.definition, modified = excluded.modified",
                (name, json.dumps(definition), now, now),
            )

    def get_target(self, name: str) -> dict[str, Any] | None:
        """The definition of a target with its ``created`` and ``modified`` times, or None."""
        return self.list_targets().get(name)

    def list_targets(self) -> dict[str, dict[str, Any]]:
        """Name to definition of all targets, by name."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT name, definition, created, modified FROM targets ORDER BY name"
            ).fetchall()
        return {
            name: {**json.loads(definition), "created": created, "modified": modified}
            for name, definition, created, modified in rows
        }

    def delete_target(self, name: str) -> bool:
        """Forget a target; False when there was none."""
        with self._connection(write=True) as connection:
            return connection.execute("DELETE FROM targets WHERE name = ?", (name,)).rowcount > 0

    # --- runs: submit and queue ----------------------------------------------------------------------------------

    def add_run(
        self,
        run_id: str,
        *,
        experiment: str,
        target: str,
        engine: str,
        nodes: int,
        max_nodes: int,
        definition: Mapping[str, Any],
        snapshot: Mapping[str, Any],
        tags: Mapping[str, str | None] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> RunRecord:
        """Enter a run: ``Preparing`` when its target has room and nobody waits before it, else ``Queued``.

        The room is taken in the same transaction, so any number of submits at once never exceed ``max_nodes``.
        """
        now = time.time()
        with self._connection(write=True) as connection:
            busy, waiting = self._load_of(connection, target)
            claimed = waiting == 0 and busy + nodes <= max_nodes
            status = states.PREPARING if claimed else states.QUEUED
            reason = "starting" if claimed else _queue_reason(target, busy, max_nodes, waiting + 1)
            number = connection.execute(
                "INSERT INTO runs (id, experiment, target, engine, nodes, status, reason, created, definition, snapshot)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run_id,
                    experiment,
                    target,
                    engine,
                    nodes,
                    status,
                    reason,
                    now,
                    json.dumps(definition),
                    json.dumps(snapshot),
                ),
            ).lastrowid
            connection.executemany(
                "INSERT INTO transitions (run, status, reason, at) VALUES (?, ?, ?, ?)",
                [(number, states.NOT_STARTED, "submitted", now), (number, status, reason, now)],
            )
            connection.executemany(
                "INSERT INTO tags VALUES (?, ?, ?)", [(number, *item) for item in (tags or {}).items()]
            )
            connection.executemany(
                "INSERT INTO properties VALUES (?, ?, ?)", [(number, *item) for item in (properties or {}).items()]
            )
        return self.run(run_id)

    @staticmethod
    def _load_of(connection: sqlite3.Connection, target: str) -> tuple[int, int]:
        """Nodes in use on a target, and runs waiting for it."""
        row = connection.execute(
            f"SELECT coalesce(sum(CASE WHEN {_HOLDS_SLOT} THEN nodes END), 0),"
            f" count(CASE WHEN status = 'Queued' THEN 1 END) FROM runs WHERE target = ? AND status NOT IN {_TERMINAL}",
            (target,),
        ).fetchone()
        return int(row[0]), int(row[1])

    def load_of(self, target: str) -> tuple[int, int]:
        """Nodes in use on a target, and runs waiting for it."""
        with self._connection() as connection:
            return self._load_of(connection, target)

    def claim_next(self, target: str) -> str | None:
        """Give the oldest waiting run of a target its slots, if they are free: its id, or None.

        Strictly first come, first served: a small run does not overtake a large one.
        """
        definition = self.get_target(target)
        max_nodes = int((definition or {}).get("max_nodes", 1))
        with self._connection(write=True) as connection:
            row = connection.execute(
                f"SELECT number, id, nodes FROM runs WHERE target = ? AND status = 'Queued' AND status NOT IN {_TERMINAL}"
                " ORDER BY number LIMIT 1",
                (target,),
            ).fetchone()
            if row is None or self._load_of(connection, target)[0] + row[2] > max_nodes:
                return None
            self._move(connection, row[0], states.PREPARING, "starting")
        return str(row[1])

    def queue_position(self, run: RunRecord) -> int:
        """1 for the next to start."""
        with self._connection() as connection:
            row = connection.execute(
                f"SELECT count(*) FROM runs WHERE target = ? AND status = 'Queued' AND status NOT IN {_TERMINAL}"
                " AND number <= ?",
                (run.target, run.number),
            ).fetchone()
        return int(row[0])

    def queue_reason(self, run: RunRecord) -> str:
        """What a queued run waits for, as of now."""
        busy, _ = self.load_of(run.target)
        max_nodes = int((self.get_target(run.target) or {}).get("max_nodes", 1))
        return _queue_reason(run.target, busy, max_nodes, self.queue_position(run))

    # --- runs: reading and changing ------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunRecord:
        """One run.

        Raises:
            NameNotFoundException: there is no such run; the message suggests the nearest id.
        """
        with self._connection() as connection:
            row = connection.execute(f"SELECT {_RUN_COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is None:
                recent = connection.execute("SELECT id FROM runs ORDER BY number DESC LIMIT 200").fetchall()
                raise NameNotFoundException("run", run_id, [name for (name,) in recent])
        return _run_record(row)

    def runs(
        self,
        *,
        experiment: str | None = None,
        target: str | None = None,
        status: Iterable[str] | None = None,
        limit: int | None = None,
    ) -> list[RunRecord]:
        """Runs that fit all of the filters, newest first."""
        conditions, values = ["1"], []
        for column, wanted in (("experiment", experiment), ("target", target)):
            if wanted is not None:
                conditions.append(f"{column} = ?")
                values.append(wanted)
        if status is not None:
            chosen = list(status)
            conditions.append(f"status IN ({', '.join('?' * len(chosen))})")
            values += chosen
            if not set(chosen) & set(states.TERMINAL):
                conditions.append(f"status NOT IN {_TERMINAL}")
        query = f"SELECT {_RUN_COLUMNS} FROM runs WHERE {' AND '.join(conditions)} ORDER BY number DESC"
        with self._connection() as connection:
            rows = connection.execute(query + (f" LIMIT {int(limit)}" if limit is not None else ""), values).fetchall()
        return [_run_record(row) for row in rows]

    def move(
        self,
        run_id: str,
        status: str,
        reason: str = "",
        *,
        only_from: Sequence[str] | None = None,
        **fields: Any,
    ) -> bool:
        """Change a run's state (and ``handle``, ``exit``, ``error``, ``image`` with it) in one transaction.

        A run that is over never changes; ``only_from`` names the states it must be in. False when it was not.
        """
        with self._connection(write=True) as connection:
            row = connection.execute("SELECT number, status FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is None or row[1] in states.TERMINAL or (only_from is not None and row[1] not in only_from):
                return False
            self._move(connection, row[0], status, reason)
            _update(connection, row[0], fields)
        return True

    @staticmethod
    def _move(connection: sqlite3.Connection, number: int, status: str, reason: str) -> None:
        now = time.time()
        connection.execute(
            "UPDATE runs SET status = ?, reason = ?, started = CASE WHEN ? = 'Running' THEN coalesce(started, ?) ELSE"
            f" started END, ended = CASE WHEN ? IN {_TERMINAL} THEN ? ELSE ended END WHERE number = ?",
            (status, reason, status, now, status, now, number),
        )
        connection.execute(
            "INSERT INTO transitions (run, status, reason, at) VALUES (?, ?, ?, ?)", (number, status, reason, now)
        )

    def update_run(self, run_id: str, **fields: Any) -> None:
        """Set some of ``reason``, ``handle``, ``exit``, ``error``, ``image``, ``snapshot`` of a run."""
        with self._connection(write=True) as connection:
            row = connection.execute("SELECT number FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row:
                _update(connection, row[0], fields)

    def transitions(self, run_id: str) -> list[Transition]:
        """The states the run went through, oldest first."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT status, reason, at FROM transitions WHERE run = (SELECT number FROM runs WHERE id = ?) ORDER BY id",
                (run_id,),
            ).fetchall()
        return [Transition(*row) for row in rows]

    def delete_run(self, run_id: str) -> None:
        """Take a run out of the history (its folder is the caller's)."""
        with self._connection(write=True) as connection:
            row = connection.execute("SELECT number FROM runs WHERE id = ?", (run_id,)).fetchone()
            for table in ("transitions", "tags", "properties", "points", "series", "positions"):
                connection.execute(f"DELETE FROM {table} WHERE run = ?", row)
            connection.execute("DELETE FROM runs WHERE number = ?", row)

    # --- tags and properties -------------------------------------------------------------------------------------

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

    def set_tags(self, run_id: str, tags: Mapping[str, str | None]) -> None:
        """Add tags or overwrite their values."""
        with self._connection(write=True) as connection:
            connection.executemany(
                "INSERT INTO tags SELECT number, ?, ? FROM runs WHERE id = ?"
                " ON CONFLICT (run, key) DO UPDATE SET value = excluded.value",
                [(key, value, run_id) for key, value in tags.items()],
            )

    def remove_tags(self, run_id: str, keys: Iterable[str]) -> None:
        """Remove tags; missing ones are no error."""
        with self._connection(write=True) as connection:
            connection.executemany(
                "DELETE FROM tags WHERE run = (SELECT number FROM runs WHERE id = ?) AND key = ?",
                [(run_id, key) for key in keys],
            )

    def add_properties(self, run_id: str, properties: Mapping[str, str]) -> None:
        """Add properties, which never change again.

        Raises:
            ExperimentExecutionException: one of them is there already; none was added.
        """
        with self._connection(write=True) as connection:
            for key, value in properties.items():
                try:
                    connection.execute(
                        "INSERT INTO properties SELECT number, ?, ? FROM runs WHERE id = ?", (key, value, run_id)
                    )
                except sqlite3.IntegrityError as error:
                    raise ExperimentExecutionException(
                        f"The property '{key}' of run {run_id} has a value already, and properties never change."
                        " Use a tag for what changes.",
                        inner_exception=error,
                    ) from error

    # --- output: metrics and positions ---------------------------------------------------------------------------

    def position(self, run_id: str) -> Position:
        """How far the output of a run was taken in."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT marks, log_offset, pieces, parts FROM positions WHERE run = (SELECT number FROM runs WHERE id = ?)",
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
            f" WHERE points.run = (SELECT number FROM runs WHERE id = ?) AND points.id > ? {condition} ORDER BY points.id"
        )
        with self._connection() as connection:
            rows = connection.execute(query + (f" LIMIT {int(limit)}" if limit is not None else ""), values).fetchall()
        return [
            Point(cursor, series, kind, _read(value) if kind == "scalar" else json.loads(value), step, at, rank)
            for cursor, series, kind, value, step, at, rank in rows
        ]


def _queue_reason(target: str, busy: int, max_nodes: int, position: int) -> str:
    place = "next in line" if position == 1 else f"{position - 1} in line before it"
    return f"waiting for a free slot on {target} ({busy} of {max_nodes} in use); {place}"


def _update(connection: sqlite3.Connection, number: int, fields: Mapping[str, Any]) -> None:
    for column, value in fields.items():
        if column not in {"reason", "handle", "exit", "error", "image", "snapshot"}:
            raise ValueError(f"no column {column} to update")
        stored = value if column == "reason" or value is None else json.dumps(value)
        connection.execute(f"UPDATE runs SET {column} = ? WHERE number = ?", (stored, number))


def _run_record(row: Sequence[Any]) -> RunRecord:
    number, run_id, experiment, target, engine, nodes, status, reason, created, definition, *rest = row
    started, ended, snapshot, image, handle, exit_, error = rest
    return RunRecord(
        number=number,
        id=run_id,
        experiment=experiment,
        target=target,
        engine=engine,
        nodes=nodes,
        status=status,
        reason=reason,
        created=created,
        definition=json.loads(definition),
        started=started,
        ended=ended,
        snapshot=json.loads(snapshot),
        image=json.loads(image),
        handle=json.loads(handle) if handle else None,
        exit=json.loads(exit_) if exit_ else None,
        error=json.loads(error) if error else None,
    )


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
