"""Raw output of a job → log file and metrics, every byte and every point exactly once, whoever is killed when.

Two things are written, the log file and the database, and a process can die between them. So each batch of output is
taken in like this:

1. split into text and records (pure, :mod:`.stream`);
2. one transaction stores the records' content and *announces* the text: how far each source is read after this batch
   (``marks``), how long the log file is now (``log_offset``) and which raw bytes each piece of text will come from;
3. the text is appended to the log file.

Who comes after a crash compares the file's length with the announcement. What is missing is read from the engine
once more, byte ranges and order being known, and appended; records of that range are not stored again. The file only
ever grows, so readers' cursors stay right.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engines.protocol import Chunk
from .printed import SOURCE as PRINTED
from .printed import Printed, last_line
from .record import Change, NewPoint, Position, RunRecord
from .stream import Assembler, Record, Splitter, changes, points

if TYPE_CHECKING:
    from .store import Store

_Piece = tuple[str, int, int, int]


class Intake:
    """Takes in the output of one run; only the holder of the run's supervisor lock may have one.

    Args:
        answer: called with each question that the job asks, once all that came before it is stored.
        printed: whether metrics are looked for in what the job prints.
    """

    def __init__(
        self,
        store: Store,
        run: RunRecord,
        log_path: Path,
        answer: Callable[[Record], None] = lambda _: None,
        *,
        printed: bool = False,
    ) -> None:
        self._store = store
        self._run = run
        self._answer = answer
        self._questions: list[Record] = []
        self._log_path = log_path
        self._printed: dict[str, Printed] | None = {} if printed else None
        self._log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._position = store.position(run.id)
        self._assembler = Assembler(dict(self._position.parts))
        self._splitters = {source: Splitter(mark) for source, mark in self._position.marks.items()}
        self._missing, self._written = self._find_missing()
        self._replay: dict[str, bytearray] = {piece[0]: bytearray() for piece in self._missing}
        self._waiting: list[tuple[str, bytes]] = []

    def close(self) -> None:
        """Close the log file."""
        os.close(self._log)

    @property
    def after(self) -> Mapping[str, int]:
        """From where the engine's stream is needed, per source."""
        read = {source: splitter.resolved + splitter.held for source, splitter in self._splitters.items()}
        for source, start, _, _ in reversed(self._missing):
            read[source] = start + len(self._replay[source])
        for source, data in self._waiting:
            read[source] = read.get(source, 0) + len(data)
        return read

    def take(self, chunks: Iterable[Chunk]) -> None:
        """Take in a batch of output that continues each source where :attr:`after` said.

        Raises:
            StoreException, OSError: it could not be written; a new ``Intake`` goes on from what was.
        """
        for chunk in chunks:
            data = self._restore(chunk.source, chunk.data) if self._missing else chunk.data
            if data:
                self._waiting.append((chunk.source, data))
        if self._waiting and not self._missing:
            batch, self._waiting = self._waiting, []
            self._take_in([(source, data, False) for source, data in _joined(batch)])

    def finish(self) -> None:
        """The job has ended: what was held back as a possible record is text."""
        self._missing = []  # what the engine no longer had is lost
        self.take([])
        self._take_in([(source, b"", True) for source, splitter in self._splitters.items() if splitter.held])
        if self._printed is not None and self._position.pieces:
            self._take_last_lines()

    # --- the announcement protocol -------------------------------------------------------------------------------

    def _take_in(self, batch: Sequence[tuple[str, bytes, bool]]) -> None:
        pieces: list[_Piece] = []
        texts: list[bytes] = []
        new_points: list[NewPoint] = []
        news: list[Change] = []
        for source, data, last in batch:
            splitter = self._splitters.setdefault(source, Splitter())
            start, length = splitter.resolved, 0
            for piece in splitter.finish() if last else splitter.feed(data):
                if isinstance(piece, bytes):
                    texts.append(piece)
                    length += len(piece)
                    if self._printed is not None:
                        new_points += self._points_in(source, piece)
                else:
                    self._take_record(piece, new_points, news)
            pieces.append((source, start, splitter.resolved, length))
        marks = {source: splitter.resolved for source, splitter in self._splitters.items()}
        if marks == dict(self._position.marks):
            return  # all of it is held back
        self._position = Position(
            marks=marks,
            log_offset=os.fstat(self._log).st_size,
            pieces=tuple(pieces),
            parts=self._assembler.parts,
        )
        self._store.take_in(self._run, self._position, new_points, news)
        self._append(b"".join(texts) if len(texts) != 1 else texts[0])
        # A question is asked again until it is answered, so one that is lost here comes back.
        questions, self._questions = self._questions, []
        for question in questions:
            self._answer(question)

    def _take_record(self, record: Record, new_points: list[NewPoint], news: list[Change]) -> None:
        whole = self._assembler.add(record)
        if whole is None:
            return
        if whole.get("k") in ("ask", "lost"):
            self._questions.append(whole)
            return
        with suppress(ValueError):  # not written by our channel: a script may print what it likes
            new_points.extend(points(whole))
            news.extend(changes(whole))

    def _points_in(self, source: str, text: bytes) -> list[NewPoint]:
        """Metrics in the lines that this text completes."""
        assert self._printed is not None
        if source not in self._printed:
            # Another supervisor may have taken in the beginning of the line.
            self._printed[source] = Printed(b"" if self._printed else last_line(self._log_path))
        return [
            NewPoint(name, "scalar", value, step, time.time(), 0, source=PRINTED)
            for name, value, step in self._printed[source].feed(text)
        ]

    def _take_last_lines(self) -> None:
        """Metrics in lines that nothing ended; announced as a batch without pieces, so that nobody takes them again."""
        found = [point for source in self._splitters for point in self._points_in(source, b"\n")]
        self._position = replace(self._position, log_offset=os.fstat(self._log).st_size, pieces=())
        self._store.take_in(self._run, self._position, found, [])

    def _append(self, text: bytes) -> None:
        view = memoryview(text)
        while view:
            view = view[os.write(self._log, view) :]

    # --- after a crash -------------------------------------------------------------------------------------------

    def _find_missing(self) -> tuple[list[_Piece], int]:
        """The announced pieces that are not whole in the file, and how much of the first of them is."""
        written = os.fstat(self._log).st_size - self._position.log_offset
        for index, piece in enumerate(self._position.pieces):
            if written < piece[3]:
                return list(self._position.pieces[index:]), max(0, written)
            written -= piece[3]
        return [], 0

    def _restore(self, source: str, data: bytes) -> bytes:
        """Use ``data`` for the missing text as far as needed; what goes beyond comes back."""
        if source not in self._replay:
            return data
        mine = [piece for piece in self._missing if piece[0] == source]
        wanted = mine[-1][2] - mine[0][1] - len(self._replay[source])
        self._replay[source] += data[:wanted]
        rest = data[wanted:]
        if all(self._is_replayed(name) for name in self._replay):
            self._append_missing()
        return rest

    def _is_replayed(self, source: str) -> bool:
        mine = [piece for piece in self._missing if piece[0] == source]
        return len(self._replay[source]) == mine[-1][2] - mine[0][1]

    def _append_missing(self) -> None:
        begin: dict[str, int] = {}
        texts = []
        for source, start, end, _ in self._missing:
            first = begin.setdefault(source, start)
            splitter = Splitter()
            pieces = splitter.feed(bytes(self._replay[source][start - first : end - first])) + splitter.finish()
            texts.append(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
        self._append(b"".join(texts)[self._written :])
        self._missing, self._written, self._replay = [], 0, {}


def _joined(batch: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Neighbours of one source made one, so that a batch announces few pieces."""
    joined: list[tuple[str, list[bytes]]] = []
    for source, data in batch:
        if joined and joined[-1][0] == source:
            joined[-1][1].append(data)
        else:
            joined.append((source, [data]))
    return [(source, b"".join(parts)) for source, parts in joined]
