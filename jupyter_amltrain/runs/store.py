"""The database of one workspace. Runs and their queue are here; :mod:`.catalog`, :mod:`.assets` and :mod:`.output` hold
the rest.

No SQL stands outside of these four files, :mod:`.annotations` and :mod:`.migrations`.

Any number of processes read and write it at once. State changes are small transactions, metrics come in batches;
a reader keeps a cursor (row id) and is told of change by ``PRAGMA data_version`` (:meth:`Store.changed`). The job
itself never opens it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import NameNotFoundException, UserErrorException
from . import status as states
from .annotations import end_logged
from .assets import Assets
from .catalog import Catalog
from .output import Output
from .record import Change, RunRecord, RunUse, Transition

_RUN_COLUMNS = (
    "number, id, experiment, target, engine, nodes, status, reason, created, definition, started, ended,"
    " snapshot, image, handle, exit, error, type, parent, display_name, description, folder"
)
_TERMINAL = "('Completed', 'Failed', 'Canceled')"
_HOLDS_SLOT = "status NOT IN ('Completed', 'Failed', 'Canceled', 'Queued', 'NotStarted')"


class Store(Catalog, Assets, Output):
    """The database of one workspace; see :class:`~.database.Database` for when it cannot be opened."""

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
        parent: str = "",
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
                "INSERT INTO runs (id, experiment, target, engine, nodes, status, reason, created, definition,"
                " snapshot, parent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                    parent or None,
                ),
            ).lastrowid
            connection.executemany(
                "INSERT INTO transitions (run, status, reason, at) VALUES (?, ?, ?, ?)",
                [(number, states.NOT_STARTED, "submitted", now), (number, status, reason, now)],
            )
            _describe_new(connection, number, tags, properties)
        return self.run(run_id)

    def add_logged_run(
        self,
        run_id: str,
        *,
        experiment: str,
        definition: Mapping[str, Any],
        tags: Mapping[str, str | None] | None = None,
        properties: Mapping[str, str] | None = None,
        parent: str = "",
        display_name: str | None = None,
        owner: Mapping[str, Any] | None = None,
    ) -> RunRecord:
        """Enter a run that nothing executes: it is running until somebody says that it is over.

        Args:
            owner: the process that logs to it, kept as its ``handle``.

        Raises:
            UserErrorException: there is a run of that id.
        """
        now = time.time()
        with self._connection(write=True) as connection:
            if connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
                raise UserErrorException(f"There is a run '{run_id}' already; leave run_id out to get a new one.")
            number = connection.execute(
                "INSERT INTO runs (id, experiment, target, engine, nodes, status, reason, created, definition, started,"
                " type, parent, display_name, handle) VALUES (?, ?, 'sdk', '', 0, 'Running', '', ?, ?, ?, '', ?, ?, ?)",
                (run_id, experiment, now, json.dumps(definition), now, parent or None, display_name)
                + (json.dumps(owner) if owner else None,),
            ).lastrowid
            connection.execute(
                "INSERT INTO transitions (run, status, reason, at) VALUES (?, 'Running', '', ?)", (number, now)
            )
            _describe_new(connection, number, tags, properties)
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
                "SELECT number, id, nodes FROM runs WHERE target = ? AND status = 'Queued'"
                f" AND status NOT IN {_TERMINAL} ORDER BY number LIMIT 1",
                (target,),
            ).fetchone()
            if row is None or self._load_of(connection, target)[0] + row[2] > max_nodes:
                return None
            self._move(connection, row[0], states.PREPARING, "starting")
        return str(row[1])

    def give_gpus(self, run_id: str, numbers: Sequence[str]) -> None:
        """Write down which GPUs a run has until it is over."""
        with self._connection(write=True) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO gpus SELECT number, ? FROM runs WHERE id = ?", (",".join(numbers), run_id)
            )

    def gpus_in_use(self) -> dict[str, tuple[str, ...]]:
        """Run id → its GPUs, of the runs that are not over."""
        with self._connection() as connection:
            rows = connection.execute(
                f"SELECT id, numbers FROM runs JOIN gpus ON gpus.run = runs.number WHERE status NOT IN {_TERMINAL}"
            ).fetchall()
        return {run_id: tuple(numbers.split(",")) for run_id, numbers in rows}

    def gpus_of(self, run_id: str) -> tuple[str, ...]:
        """The GPUs that a run has or had, () when it asked for none or the engine chose."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT numbers FROM gpus WHERE run = (SELECT number FROM runs WHERE id = ?)", (run_id,)
            ).fetchone()
        return tuple(row[0].split(",")) if row else ()

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
        type: str | None = None,
        parent: str | None = None,
        children: bool = False,
    ) -> list[RunRecord]:
        """Runs that fit all of the filters, newest first; runs that have a parent only with ``children``."""
        conditions, values = ["1" if children or parent is not None else "parent IS NULL"], []
        filters = (("experiment", experiment), ("target", target), ("type", type), ("parent", parent))
        for column, wanted in filters:
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

    def uses(self) -> list[RunUse]:
        """What each run needs of what lies outside its folder, newest first."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, status, coalesce(ended, started, created), json_extract(image, '$.reference'),"
                " coalesce(json_extract(definition, '$.snapshot_id'),"
                " (SELECT value FROM properties WHERE run = number AND key = 'ContentSnapshotId'))"
                " FROM runs ORDER BY number DESC"
            ).fetchall()
        return [RunUse(id_, status, at, image or "", snapshot or "") for id_, status, at, image, snapshot in rows]

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
        if status in states.TERMINAL:
            # Child runs that the job left open: whoever could have closed them is gone.
            folder = "(SELECT id FROM runs WHERE number = :number) || '/'"
            connection.execute(
                f"UPDATE runs SET status = :status, reason = 'its parent run is over', ended = :now WHERE status NOT IN"
                f" {_TERMINAL} AND type = '' AND substr(folder, 1, length({folder})) = {folder}",
                {"number": number, "status": status, "now": now},
            )

    def end_logged_run(self, run: RunRecord, change: Change) -> None:
        """Close a run that is only logged to; one that is over stays as it is."""
        with self._connection(write=True) as connection:
            end_logged(connection, run.number, change)

    def disown(self, owner: Mapping[str, Any]) -> None:
        """Let go of the runs that a process logs to: others may go on with them."""
        with self._connection(write=True) as connection:
            connection.execute(
                "UPDATE runs SET handle = NULL WHERE status = 'Running' AND type = '' AND handle = ?",
                (json.dumps(owner),),
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
                "SELECT status, reason, at FROM transitions WHERE run = (SELECT number FROM runs WHERE id = ?)"
                " ORDER BY id",
                (run_id,),
            ).fetchall()
        return [Transition(*row) for row in rows]


def _describe_new(
    connection: sqlite3.Connection,
    number: int | None,
    tags: Mapping[str, str | None] | None,
    properties: Mapping[str, str] | None,
) -> None:
    connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(number, *item) for item in (tags or {}).items()])
    connection.executemany(
        "INSERT INTO properties VALUES (?, ?, ?)", [(number, *item) for item in (properties or {}).items()]
    )


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
    started, ended, snapshot, image, handle, exit_, error, type_, parent, display_name, description, folder = rest
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
        type=type_,
        parent=parent or "",
        display_name=display_name or "",
        description=description or "",
        folder=folder or "",
    )
