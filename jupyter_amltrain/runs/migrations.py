"""The database's shape as numbered steps; a database remembers how many it has had in ``user_version``.

Steps are only ever added. Each runs in the same transaction as the raise of the number, so that a killed process
leaves either the old shape or the new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable


def _m001_initial(connection: sqlite3.Connection) -> None:
    for statement in (
        "CREATE TABLE experiments (name TEXT PRIMARY KEY, id TEXT NOT NULL, created REAL NOT NULL) WITHOUT ROWID",
        """CREATE TABLE environments (name TEXT, version INTEGER, digest TEXT NOT NULL, spec TEXT NOT NULL,
           created REAL NOT NULL, PRIMARY KEY (name, version)) WITHOUT ROWID""",
        """CREATE TABLE targets (name TEXT PRIMARY KEY, definition TEXT NOT NULL, created REAL NOT NULL,
           modified REAL NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
           experiment TEXT NOT NULL, target TEXT NOT NULL, engine TEXT NOT NULL, nodes INTEGER NOT NULL,
           status TEXT NOT NULL, reason TEXT NOT NULL, created REAL NOT NULL, definition TEXT NOT NULL,
           started REAL, ended REAL, snapshot TEXT NOT NULL DEFAULT '{}', image TEXT NOT NULL DEFAULT '{}',
           handle TEXT, exit TEXT, error TEXT)""",
        # The queue looks only at runs that are not over; past runs, however many, cost it nothing.
        """CREATE INDEX runs_live ON runs (target, number)
           WHERE status NOT IN ('Completed', 'Failed', 'Canceled')""",
        "CREATE INDEX runs_by_experiment ON runs (experiment, number)",
        """CREATE TABLE transitions (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, status TEXT NOT NULL,
           reason TEXT NOT NULL, at REAL NOT NULL)""",
        "CREATE INDEX transitions_by_run ON transitions (run, id)",
        """CREATE TABLE tags (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID""",
        """CREATE TABLE properties (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID""",
        "CREATE TABLE series (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (run, name))",
        # value: REAL, INTEGER or TEXT of a scalar (NULL is NaN), JSON of the other kinds.
        """CREATE TABLE points (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, series INTEGER NOT NULL,
           kind TEXT NOT NULL, value, step, at REAL NOT NULL, rank INTEGER NOT NULL)""",
        "CREATE INDEX points_by_run ON points (run, id)",
        """CREATE TABLE positions (run INTEGER PRIMARY KEY, marks TEXT NOT NULL, log_offset INTEGER NOT NULL,
           pieces TEXT NOT NULL, parts TEXT NOT NULL)""",
    ):
        connection.execute(statement)


def _m002_pushed(connection: sqlite3.Connection) -> None:
    connection.execute(
        """CREATE TABLE pushed (environment TEXT, version INTEGER, reference TEXT, digest TEXT NOT NULL,
           at REAL NOT NULL, PRIMARY KEY (environment, version, reference)) WITHOUT ROWID"""
    )


def _m003_gpus(connection: sqlite3.Connection) -> None:
    # The numbers of the GPUs that a run has, separated by commas.
    connection.execute("CREATE TABLE gpus (run INTEGER PRIMARY KEY, numbers TEXT NOT NULL)")


def _m004_families_and_series(connection: sqlite3.Connection) -> None:
    """Runs have parents, names and types; a metric is read by itself, from any place in it, without the others."""
    for statement in (
        "ALTER TABLE runs ADD COLUMN type TEXT NOT NULL DEFAULT 'azureml.scriptrun'",
        "ALTER TABLE runs ADD COLUMN parent TEXT",
        "ALTER TABLE runs ADD COLUMN display_name TEXT",
        "ALTER TABLE runs ADD COLUMN description TEXT",
        # Below the folder of all runs; NULL is the id. A child that a job made has its files in the job's folder.
        "ALTER TABLE runs ADD COLUMN folder TEXT",
        "CREATE INDEX runs_by_parent ON runs (parent, number) WHERE parent IS NOT NULL",
        # n: place of the point in its series, from 0 on; id: its place among all points of its run, the cursor.
        "ALTER TABLE series ADD COLUMN count INTEGER NOT NULL DEFAULT 0",
        """CREATE TABLE new_points (series INTEGER NOT NULL, n INTEGER NOT NULL, run INTEGER NOT NULL,
           id INTEGER NOT NULL, kind TEXT NOT NULL, value, step, at REAL NOT NULL, rank INTEGER NOT NULL,
           PRIMARY KEY (series, n)) WITHOUT ROWID""",
        """INSERT INTO new_points SELECT series, row_number() OVER (PARTITION BY series ORDER BY id) - 1, run, id, kind,
           value, step, at, rank FROM points""",
        "UPDATE series SET count = (SELECT count(*) FROM new_points WHERE new_points.series = series.id)",
        "DROP TABLE points",
        "ALTER TABLE new_points RENAME TO points",
        "CREATE INDEX points_by_run ON points (run, id)",
        # Of each full part of a series, where its lowest and its highest number are; NULL where there is no number.
        """CREATE TABLE extremes (series INTEGER NOT NULL, part INTEGER NOT NULL, low INTEGER, high INTEGER,
           PRIMARY KEY (series, part)) WITHOUT ROWID""",
        # request: the id under which a job asked for it, so that asking twice makes one version.
        """CREATE TABLE models (name TEXT, version INTEGER, request TEXT UNIQUE, run TEXT, path TEXT NOT NULL,
           tags TEXT NOT NULL, properties TEXT NOT NULL, about TEXT NOT NULL, created REAL NOT NULL,
           PRIMARY KEY (name, version)) WITHOUT ROWID""",
    ):
        connection.execute(statement)
    part = "n >= :part * 256 AND n < :part * 256 + 256"
    chosen = f"SELECT n FROM points WHERE series = :series AND {part} AND value < '' ORDER BY value"
    for series, count in connection.execute("SELECT id, count FROM series WHERE count >= 256").fetchall():
        connection.executemany(
            f"INSERT INTO extremes SELECT :series, :part, ({chosen} LIMIT 1), ({chosen} DESC LIMIT 1)",
            [{"series": series, "part": number} for number in range(count // 256)],
        )


def _m005_sources(connection: sqlite3.Connection) -> None:
    """Several sources may log under one name; one of these series is shown (see ``series.py``)."""
    for statement in (
        """CREATE TABLE new_series (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, name TEXT NOT NULL,
           source TEXT NOT NULL DEFAULT '', shown INTEGER NOT NULL DEFAULT 1, count INTEGER NOT NULL DEFAULT 0,
           UNIQUE (run, name, source))""",
        "INSERT INTO new_series (id, run, name, count) SELECT id, run, name, count FROM series",
        "DROP TABLE series",
        "ALTER TABLE new_series RENAME TO series",
        # How far the event files of a run were read; the first one is the one with the lowest number.
        """CREATE TABLE event_files (number INTEGER PRIMARY KEY, run INTEGER NOT NULL, path TEXT NOT NULL,
           position INTEGER NOT NULL, UNIQUE (run, path))""",
    ):
        connection.execute(statement)


def _m006_data(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE datastores (name TEXT PRIMARY KEY, definition TEXT NOT NULL, created REAL NOT NULL) WITHOUT ROWID"
    )
    connection.execute(
        """CREATE TABLE datasets (name TEXT, version INTEGER, id TEXT NOT NULL UNIQUE, definition TEXT NOT NULL,
           description TEXT, tags TEXT NOT NULL, run TEXT, created REAL NOT NULL, modified REAL NOT NULL,
           PRIMARY KEY (name, version)) WITHOUT ROWID"""
    )


def _m007_params(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE params (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _m001_initial,
    _m002_pushed,
    _m003_gpus,
    _m004_families_and_series,
    _m005_sources,
    _m006_data,
    _m007_params,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest shape; safe when several processes open a new one at once."""
    if _version(connection) >= len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(connection), len(MIGRATIONS)):
            MIGRATIONS[number](connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
