"""The connection to a workspace's SQLite file: per thread and process, with errors in words."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import StoreException
from .migrations import migrate


class Database:
    """The database in ``folder/amltrain.db``, made when missing. Thread-safe; survives a fork.

    Raises:
        StoreException: the file cannot be opened or written (no space, no permission, not a database).
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "amltrain.db"
        self._local = threading.local()
        with self._connection():
            pass

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
        with ExitStack() as undo:
            undo.callback(connection.close)
            connection.execute(f"PRAGMA journal_mode = {'delete' if journal == 'delete' else 'wal'}")
            connection.execute("PRAGMA synchronous = NORMAL")
            # Metrics with thousands of names touch thousands of pages at once.
            connection.execute("PRAGMA cache_size = -16384")
            migrate(connection)
            undo.pop_all()
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
