"""Between the thread that reads an engine's stream and the one that stores it: all there is, at once, bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from ..engines.protocol import Chunk

_LIMIT_BYTES = 8 << 20
_PACE_S = 0.01
"""Storing a batch costs a transaction, however small it is: under load they are this far apart."""

_GATHER_S = 0.002
"""While a batch waits anyhow, the engine's socket may fill: fewer and larger reads."""

_LARGE_BYTES = 4096


class Inbox:
    """Chunks on their way. A full inbox makes the reader wait, and through it the job: nothing is dropped.

    What comes after a silence is given out at once; what comes thick and fast is given out together.
    """

    def __init__(self, stream: Iterator[Chunk]) -> None:
        self._stream = stream
        self._chunks: list[Chunk] = []
        self._size = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._taken = 0.0
        self._change = threading.Condition()
        threading.Thread(target=self._read, name="amltrain-stream", daemon=True).start()

    def _read(self) -> None:
        try:
            for chunk in self._stream:
                with self._change:
                    self._chunks.append(chunk)
                    self._size += len(chunk.data)
                    self._change.notify()
                    while self._size > _LIMIT_BYTES and not self._closed:
                        self._change.wait()
                    if self._closed:
                        return
                    # Once per batch where reads stay small all the same, as those of the log API, a line each.
                    gather = len(self._chunks) == 2 or (len(self._chunks) > 2 and len(chunk.data) >= _LARGE_BYTES)
                if gather:
                    time.sleep(_GATHER_S)
        except BaseException as error:  # noqa: BLE001 - handed to the taker, whose thread answers for it
            self._error = error
        with self._change:
            self._ended = True
            self._change.notify()

    def close(self) -> None:
        """Take no more: the reader ends with the next chunk."""
        with self._change:
            self._closed = True
            self._change.notify()

    def take(self, patience_s: float) -> tuple[list[Chunk], bool]:
        """What has come, waiting up to ``patience_s`` for the first of it; and whether the stream has ended.

        Raises:
            Exception: what the stream raised, once everything before it was taken.
        """
        with self._change:
            if not self._chunks and not self._ended:
                self._change.wait(patience_s)
            hurried = self._taken + _PACE_S - time.monotonic() if self._chunks and not self._ended else 0.0
        if hurried > 0:
            time.sleep(hurried)
        self._taken = time.monotonic()
        with self._change:
            chunks, self._chunks = self._chunks, []
            self._size = 0
            self._change.notify()
            if self._ended and not chunks and self._error is not None:
                raise self._error
            return chunks, self._ended
