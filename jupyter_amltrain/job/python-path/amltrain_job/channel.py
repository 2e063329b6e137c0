"""The record channel: gets records out of a process at once while they are few, and in batches when they are many.

``log`` puts its point into a queue. While a script logs at a human pace, the point is written in the same call, so that
nothing is ever lost, however the process ends, and there is no thread. When points come faster than :data:`DIRECT` in
:data:`DIRECT_WINDOW_S`, they travel together: a record is written when it is full, and what is left is written by a
thread :data:`WINDOW_S` later, or when the process ends in any way that Python can see (``os._exit`` and ``exec``
included). A write between two steps of a training costs its script 40 to 70 µs, most of it for waking the reader up,
and a point in the queue 5 to 10: one write for many points is less for every one of them. Workers of multiprocessing
write each point at once, and wait a moment where the pipe is full: a pool ends them by a signal once it has their
results.

The script never waits for a reader who does not read: then the queue grows, up to :data:`LIMIT_CHARACTERS`, and the
thread writes as soon as there is room. Only a script that logs faster than anybody could read waits a little; when
nothing was read for :data:`PATIENCE_S`, what does not fit is dropped, counted and told.

Any thread may use it at any time, signal handlers and forked children included: the queue takes no lock, and who finds
somebody else writing leaves his point in the queue for him. Nothing here raises into the script.
"""

import os
import select
import sys
import time
from _thread import allocate_lock
from collections import deque

from .wire import ROOM, current_rank, open_stdout, pack, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Event, Thread
    from typing import Any, Callable, Deque, Dict, List, Optional, Tuple, Union

DIRECT = 10
DIRECT_WINDOW_S = 0.5
WINDOW_S = 0.02
LIMIT_CHARACTERS = 16 << 20
PATIENCE_S = 10.0
_LAST_PATIENCE_S = 1.0  # of a worker, and of an interpreter that ends
_IDLE_WINDOWS = 25
_STUCK_MS = 20
_RETRY_S = 0.1
_HEAD_CHARACTERS = 400  # at most that much of an envelope is not its points
_ENOUGH_CHARACTERS = ROOM - _HEAD_CHARACTERS

_now = time.monotonic


class Channel:
    """Writes the records of this process. ``dropped`` counts those that could not be written."""

    def __init__(self) -> None:
        self.dropped = 0
        self._writer: "Optional[Writer]" = None
        self._writers: "Dict[int, Writer]" = {}

    def write(self, kind: str, **fields: "Any") -> None:
        """Send one record. Values are what :func:`plain_value` returns, or lists and dictionaries of them."""
        text = to_json(dict(fields, k=kind, t=round(time.time(), 6)))
        self._current().put(text, len(text))

    def point(self, text: str, run: "Optional[str]") -> None:
        """Send one point: the JSON text of a list as the kind ``metric`` has it, of this run or a child of it."""
        writer = self._writer
        if writer is None or writer.pid != os.getpid():
            writer = self._current()
        writer.put((run, text), len(text))

    def close(self, patience_s: "Optional[float]" = None) -> bool:
        """Write what is left, waiting for the reader up to that long; whether all of it was written."""
        writer = self._writer
        if writer is None or writer.pid != os.getpid():
            return True
        return writer.finish(PATIENCE_S if patience_s is None else patience_s)

    def end(self) -> None:
        """Write what is left, and from now on each record at once."""
        self.close()
        if self._writer is not None:
            self._writer.do_without_thread()

    def _current(self) -> "Writer":
        """The writer of this process: a forked child gets its own, so that no two write the same sequence."""
        writer = self._writer
        if writer is None or writer.pid != os.getpid():
            # One step for all threads: two writers would not know of each other.
            writer = self._writer = self._writers.setdefault(os.getpid(), Writer(self))
        return writer


class Writer:
    """The queue of one process, and who empties it."""

    def __init__(self, owner: Channel) -> None:
        self.owner = owner
        self.pid = os.getpid()
        self.name = "%d-%s" % (self.pid, os.urandom(3).hex())
        self.rank = current_rank()
        self.fd = open_stdout()
        self.sequence = 0
        self.size = 0
        self._enough = _ENOUGH_CHARACTERS
        self._queue: "Deque[Union[Tuple[Optional[str], str], str]]" = deque()
        self._out: "Deque[bytes]" = deque()
        self._writing = allocate_lock()
        self._poll = select.poll()
        if self.fd >= 0:
            self._poll.register(self.fd, select.POLLOUT)
        self._window = 0.0
        self._direct = 0
        self._progress = _now()
        self._stuck = False
        self._full = False
        self._dead = False
        self._told = 0
        self._alone = _is_worker()
        self._starting = False
        self._thread: "Optional[Thread]" = None
        self._wake: "Optional[Event]" = None

    def put(self, item: "Union[Tuple[Optional[str], str], str]", size: int) -> None:
        """Take a point, or the JSON of another record, and write it unless more are likely to follow at once."""
        if self.size > LIMIT_CHARACTERS and not self._wait_for_room():
            self.owner.dropped += 1
            return
        self._queue.append(item)
        self.size += size
        now = _now()
        if now - self._window > DIRECT_WINDOW_S:
            self._window, self._direct = now, 0
        self._direct += 1
        if self.size > self._enough or ((self._alone or self._direct <= DIRECT) and not self._stuck):
            self.flush()
            # While nobody reads, one look for every envelope that was put aside.
            self._enough = self.size + _ENOUGH_CHARACTERS
        if not self._queue and not self._out:
            return
        if self._alone:
            if self._stuck and not self.finish(max(0.0, _LAST_PATIENCE_S - (_now() - self._progress))):
                _write_before_the_end(self.owner)
        elif self._thread is None and not self._starting:
            self._start_thread()

    def flush(self) -> None:
        """Write what there is, as far as that goes without waiting."""
        while (self._queue or self._out) and self._writing.acquire(False):
            try:
                going = self._write_all()
            finally:
                self._writing.release()
            if not going:
                return

    def _write_all(self) -> bool:
        """Empty the queue; False when nobody reads. Only for the holder of the lock."""
        while True:
            while self._out:
                if not self._send():
                    self._stuck = True
                    return False
            self._stuck = False
            if self.owner.dropped > self._told and not self._dead:
                told, self._told = self._told, self.owner.dropped
                self._pack(to_json({"k": "lost", "t": round(time.time(), 6), "v": self._told - told}))
            elif self._queue:
                self._pack_next()
            else:
                self.size = 0
                return True

    def _pack_next(self) -> None:
        """Turn the next record, or the next points that fit into one, into envelopes."""
        queue = self._queue
        first = queue.popleft()
        if isinstance(first, str):
            self._pack(first)
            return
        run, text = first
        texts, room = [text], _ENOUGH_CHARACTERS - len(text)
        while queue:
            item = queue[0]
            if isinstance(item, str) or item[0] != run:
                break
            room -= len(item[1]) + 1
            if room < 0:
                break
            queue.popleft()
            texts.append(item[1])
        run_text = '"i":%s,' % to_json(run) if run else ""
        self._pack('{"t":%.4f,"k":"metric",%s"v":[%s]}' % (time.time(), run_text, ",".join(texts)))

    def _pack(self, text: str) -> None:
        """Put one record, given as JSON without who wrote it, into envelopes."""
        body = '{"w":"%s","q":%d,"r":%d,%s' % (self.name, self.sequence, self.rank, text[1:])
        head = {"w": self.name, "q": self.sequence, "r": self.rank}
        self.sequence += 1
        self.size -= len(text)
        self._out.extend(envelope.encode("ascii") for envelope in pack(body, head))

    def _send(self) -> bool:
        """Write the first envelope; False when there is no room for it now."""
        data = self._out[0]
        try:
            if self.fd < 0:
                raise BrokenPipeError
            # A pipe with room for anything has room for a whole envelope.
            if not self._poll.poll(0):
                return False
            while data:
                data = data[os.write(self.fd, data) :]
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _NO_SPACE:
                # What was written of it is text in the log; the whole of it comes once more.
                self._full = True
                return False
            self._dead = True
            self.owner.dropped += 1
        self._out.popleft()
        self._progress = _now()
        return True

    # --- when the reader is slow or gone -------------------------------------------------------------------------

    def _wait_for_room(self) -> bool:
        """Wait while somebody reads, however slowly; False when nobody has read for too long."""
        while self.size > LIMIT_CHARACTERS:
            if _now() - self._progress > PATIENCE_S or self._dead:
                return False
            self.flush()
            if self.size > LIMIT_CHARACTERS:
                time.sleep(0.005)
        return True

    def finish(self, patience_s: float) -> bool:
        """Write everything, waiting while somebody reads."""
        deadline = _now() + patience_s
        while self._queue or self._out:
            before = self._progress
            self.flush()
            if not self._queue and not self._out:
                break
            if self._progress != before:
                deadline = _now() + patience_s
            if _now() > deadline:
                return False
            self._wait_for_reader(_STUCK_MS)
            time.sleep(0.001)
        return True

    def _wait_for_reader(self, timeout_ms: int) -> None:
        poll = select.poll()  # one poll object must not be used by two threads at once
        if self.fd >= 0:
            poll.register(self.fd, select.POLLOUT)
        poll.poll(timeout_ms)

    # --- the thread that writes what is left -----------------------------------------------------------------------

    def _start_thread(self) -> None:
        self._starting = True  # a signal handler that logs must not meet half an import
        try:
            self._start()
        finally:
            self._starting = False

    def _start(self) -> None:
        import threading

        _write_before_the_end(self.owner)
        self._wake = threading.Event()
        thread = threading.Thread(target=self._keep_writing, args=(self._wake,), name="amltrain-records")
        thread.daemon = True
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending, or there may be no more threads
            self._thread = None
            self.finish(PATIENCE_S)

    def _keep_writing(self, wake: "Event") -> None:
        idle = 0
        while True:
            if self._stuck and not self._full:
                self._wait_for_reader(_STUCK_MS)
                stop = wake.is_set()
            else:
                stop = wake.wait(_RETRY_S if self._full else WINDOW_S)
            # Not between writes of the script's own thread: each would cost it a switch of threads.
            if stop or self._stuck or _now() - self._progress > WINDOW_S:
                self._full = False
                self.flush()
            idle = 0 if self._queue or self._out else idle + 1
            if stop or idle > _IDLE_WINDOWS:
                self._thread = None
                # Whoever put something into the queue before that line took us for being there.
                if stop or not (self._queue or self._out):
                    return
                self._thread = _current_thread()

    def pause(self) -> None:
        """End the thread, for the moment of a fork: Python warns of forks beside threads."""
        thread, wake = self._thread, self._wake
        # One that another thread is about to start cannot be joined.
        if thread is not None and wake is not None and self.pid == os.getpid() and thread.is_alive():
            wake.set()
            thread.join(1.0)

    def do_without_thread(self) -> None:
        """End the thread for good: an interpreter that ends stops it wherever it is, and it may be writing."""
        self.pause()
        self._alone = True

    def resume(self) -> None:
        """Have a thread again if there is something to write."""
        if self.pid == os.getpid() and self._thread is None and (self._queue or self._out):
            self._start_thread()


def _is_worker() -> bool:
    """Whether multiprocessing, or what stands on it, started this process."""
    module: "Any" = sys.modules.get("multiprocessing.process")
    return module is not None and module.current_process().name != "MainProcess"


def _current_thread() -> "Thread":
    import threading

    return threading.current_thread()


def _no_space() -> "Tuple[int, ...]":
    import errno

    return (errno.ENOSPC, errno.EDQUOT)


_NO_SPACE = _no_space()
_prepared: "List[Channel]" = []


def _write_before_the_end(owner: Channel) -> None:
    """From the first batch on: write what is left before the process ends, becomes another, or forks."""
    if _prepared:
        return
    _prepared.append(owner)
    import atexit

    atexit.register(owner.end)
    for name in ("_exit", "abort", "execv", "execve", "kill", "killpg"):
        setattr(os, name, _closing_first(owner, name, getattr(os, name)))
    if hasattr(os, "register_at_fork"):  # Python 3.7

        def pause() -> None:
            if owner._writer is not None:
                owner._writer.pause()

        def resume() -> None:
            if owner._writer is not None:
                owner._writer.resume()

        os.register_at_fork(before=pause, after_in_parent=resume)


def _closing_first(owner: Channel, name: str, function: "Callable[..., Any]") -> "Callable[..., Any]":
    from functools import wraps

    @wraps(function)
    def closing_first(*arguments: "Any", **named: "Any") -> "Any":
        own = {"kill": os.getpid, "killpg": os.getpgrp}.get(name)
        if own is None or (arguments and arguments[0] in (own(), 0)):
            owner.close(1.0)
        return function(*arguments, **named)

    return closing_first


channel = Channel()
