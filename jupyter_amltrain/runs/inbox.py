"""Between the thread that reads an engine's stream and the one that stores it: all there is, at once, bounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from ..engines.protocol import Chunk

_LIMIT_BYTES = 8 << 20


class Inbox:
    """Chunks on their way. A full inbox makes the reader wait, and through it the job: nothing is dropped.

    Taking everything that has come meanwhile makes batches large when output is fast and small when it is slow,
    so that neither throughput nor latency needs a setting.
    """

    def __init__(self, stream: Iterator[Chunk]) -> None:
        self._stream = stream
        self._chunks: list[Chunk] = []
        self._size = 0
        self._ended = False
        self._error: BaseException | None = None
        self._change = threading.Condition()
        threading.Thread(target=self._read, name="amltrain-stream", daemon=True).start()

    def _read(self) -> None:
        try:
            for chunk in self._stream:
                with self._change:
                    self._chunks.append(chunk)
                    self._size += len(chunk.data)
                    self._change.notify()
                    while self._size > _LIMIT_BYTES:
                        self._change.wait()
        except BaseException as error:  # noqa: BLE001 - handed to the taker, whose thread answers for it
            self._error = error
        with self._change:
            self._ended = True
            self._change.notify()

    def take(self, patience_s: float) -> tuple[list[Chunk], bool]:
        """What has come, waiting up to ``patience_s`` for the first of it; and whether the stream has ended.

        Raises:
            Exception: what the stream raised, once everything before it was taken.
        """
        with self._change:
            if not self._chunks and not self._ended:
                self._change.wait(patience_s)
            chunks, self._chunks = self._chunks, []
            self._size = 0
            self._change.notify()
            if self._ended and not chunks and self._error is not None:
                raise self._error
            return chunks, self._ended
