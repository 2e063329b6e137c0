"""Source directory → snapshot: what the job will see, kept once per content, whatever happens to the files later."""

from __future__ import annotations

import os
import shutil
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..errors import SnapshotException, UserErrorException
from .ignore import ignore_file, walk
from .manifest import FILE, FOLDER, LINK, Entry, Snapshot, dump_manifest, load_manifest, shown, snapshot_id
from .notes import snapshot_notes
from .objects import WHOLE_BYTES, ObjectStore, store_errors
from .secret_files import LARGEST_KEY_FILE_BYTES, holds_private_key
from .stat_cache import StatCache

__all__ = ["Entry", "Snapshot", "file_snapshot", "read_manifest", "take_snapshot", "write_snapshot"]

_NO_THREADS_BELOW = 8

_T = TypeVar("_T")
_R = TypeVar("_R")
_Found = tuple[os.stat_result, str, bool]
"""State of a file when it was read, its digest, and whether it holds a private key."""


class _PerThread(threading.local):
    """Memory that a thread uses for one file after the other: fresh memory costs as much as the hashing."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(WHOLE_BYTES))


_own = _PerThread()


def take_snapshot(source_directory: Path, objects: Path, cache: Path) -> Snapshot:
    """Keep the source directory as it is now.

    Args:
        source_directory: the user's folder.
        objects: folder of the workspace's object store.
        cache: folder of the workspace's stat caches, on the same file system.

    Raises:
        SnapshotException: the folder, or a file in it, cannot be read, or changes while it is read.
        StoreException: the store cannot be written.
    """
    source_path = _checked_source(source_directory)
    source = str(source_path)
    started_ns = time.time_ns()
    tree = walk(source_path)
    store = ObjectStore(objects)
    store.sweep()
    stat_cache = StatCache(cache, source)
    found: dict[str, _Found] = {}
    unread: list[tuple[str, int]] = []
    for path, status in tree.files:
        known = stat_cache.digest(path, status)
        if known is not None and store.has(known[0], status.st_size):
            found[path] = (status, *known)
        else:
            unread.append((path, status.st_size))

    def keep(item: tuple[str, int]) -> None:
        found[item[0]] = _keep_file(source, item[0], store)

    _in_threads(keep, unread, lambda item: item[1])
    stat_cache.save(found, started_ns, store)
    entries = [_file_entry(path, status, sha256) for path, (status, sha256, _) in found.items()]
    entries += [Entry(path, LINK, target=_link_target(source, path, target)) for path, target in tree.links]
    entries += [Entry(path, FOLDER) for path in tree.empty_folders]
    entries.sort()
    key_files = [path for path, (_, _, holds_key) in found.items() if holds_key]
    snapshot = _keep_manifest(tuple(entries), store, tuple(sorted(tree.left_out.items())))
    return replace(snapshot, notes=tuple(snapshot_notes(source, tree, snapshot, key_files)))


def file_snapshot(files: Mapping[str, bytes], objects: Path, onto: Snapshot | None = None) -> Snapshot:
    """Make a snapshot of contents that are no files, such as a notebook cell: ``{"cell.py": b"…"}``.

    Args:
        files: path to content.
        objects: folder of the workspace's object store.
        onto: a snapshot that they are added to; what it has under the same paths is replaced.

    Raises:
        UserErrorException: a name leads out of the snapshot.
        StoreException: the store cannot be written.
    """
    for path in files:
        if not _stays_inside(path):
            raise UserErrorException(f"'{shown(path)}' cannot be the name of a file in a snapshot.")
    store = ObjectStore(objects)
    now_ns = time.time_ns()
    entries = [
        Entry(path, FILE, len(content), sha256=store.put(content), mtime_ns=now_ns) for path, content in files.items()
    ]
    if onto is None:
        return _keep_manifest(tuple(sorted(entries)), store)
    entries += [entry for entry in onto.entries if entry.path not in files]
    return replace(_keep_manifest(tuple(sorted(entries)), store, onto.left_out), notes=onto.notes)


def read_manifest(snapshot_id: str, objects: Path) -> Snapshot:
    """The snapshot of that id, without the notes it was taken with.

    Raises:
        SnapshotException: there is none.
        StoreException: it is damaged.
    """
    try:
        text = Path(_manifest_file(str(objects), snapshot_id)).read_bytes()
    except FileNotFoundError:
        raise SnapshotException(f"there is no snapshot {snapshot_id[:12]} in '{objects}'.") from None
    return Snapshot(snapshot_id, load_manifest(text, snapshot_id))


def write_snapshot(snapshot_id: str, objects: Path, destination: Path) -> None:
    """Make a writable private copy of a snapshot in a new folder, such as the working folder of a run.

    A failure leaves nothing behind; only a killed process leaves half a copy.

    Raises:
        SnapshotException: there is no such snapshot.
        StoreException: its content is missing or damaged, or there is no room for the copy.
    """
    entries = read_manifest(snapshot_id, objects).entries
    store = ObjectStore(objects)
    with store_errors(str(destination)):
        destination.mkdir(parents=True)
    whole = False
    try:
        _make_folders(str(destination), entries)
        files = [entry for entry in entries if entry.kind == FILE]
        _in_threads(lambda entry: _write_file(entry, destination, store), files, lambda entry: entry.size_bytes)
        with store_errors(str(destination)):
            # Links last: until then nothing can be written through one.
            for entry in entries:
                if entry.kind == LINK:
                    os.symlink(entry.target, destination / entry.path)
        whole = True
    finally:
        if not whole:
            shutil.rmtree(destination, ignore_errors=True)


def _checked_source(source_directory: Path) -> Path:
    source = Path(source_directory).expanduser().resolve()
    if not source.exists():
        raise SnapshotException(
            f"the source directory '{source}' does not exist. Create it, or correct source_directory (a relative path "
            "starts at the notebook's folder)."
        )
    if not source.is_dir():
        raise SnapshotException(
            f"the source directory '{source}' is a file. Give source_directory its folder: '{source.parent}'."
        )
    return source


def _keep_file(source: str, path: str, store: ObjectStore) -> _Found:
    """Read a file into the store, once more when it changes meanwhile."""
    file = os.path.join(source, path)
    for _ in range(2):
        try:
            found = _read_once(file, store)
        except FileNotFoundError:
            happened = "vanished"
        except OSError as error:
            raise SnapshotException(
                f"cannot read '{file}' for the snapshot: {error.strerror or error}. Make it readable, or leave it out "
                f"by naming it in {ignore_file(source)}."
            ) from error
        else:
            if found is not None:
                return found
            happened = "changed"
    raise SnapshotException(
        f"'{file}' {happened} while the snapshot was taken, twice in a row. Submit again when whatever writes it is "
        f"done, or leave it out by naming it in {ignore_file(source)}."
    )


def _read_once(file: str, store: ObjectStore) -> _Found | None:
    """What a file holds, None when it changes while it is read; an OSError is one of reading."""
    # Neither a link nor a pipe that has taken the file's place since the walk is followed or waited for.
    opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        before = os.fstat(opened)
        if not stat.S_ISREG(before.st_mode):
            return None
        holds_key = False
        buffer = _own.buffer
        if before.st_size <= len(buffer):
            size = _fill(opened, buffer[: before.st_size])  # growing beyond it shows in the state
            if _state(before) != _state(os.fstat(opened)):
                return None
            content = buffer[:size]
            holds_key = size <= LARGEST_KEY_FILE_BYTES and holds_private_key(bytes(content))
            sha256 = store.put(content)
        else:
            sha256, size = store.put_stream(_chunks(opened, buffer))
            if _state(before) != _state(os.fstat(opened)):
                return None
        return (before, sha256, holds_key) if size == before.st_size else None
    finally:
        os.close(opened)


def _fill(opened: int, buffer: memoryview) -> int:
    """Read until the file ends or the buffer is full, return how much it was."""
    size = 0
    while size < len(buffer) and (count := os.readv(opened, [buffer[size:]])):
        size += count
    return size


def _chunks(opened: int, buffer: memoryview) -> Iterator[memoryview]:
    while count := os.readv(opened, [buffer]):
        yield buffer[:count]


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _file_entry(path: str, status: os.stat_result, sha256: str) -> Entry:
    return Entry(path, FILE, status.st_size, bool(status.st_mode & stat.S_IXUSR), sha256, "", status.st_mtime_ns)


def _link_target(source: str, path: str, target: str) -> str:
    """Where a copy of the link should point: an absolute way into the folder would lead to the original."""
    if not target.startswith(source + os.sep):
        return target
    return os.path.relpath(target, os.path.dirname(os.path.join(source, path)))


def _keep_manifest(
    entries: tuple[Entry, ...], store: ObjectStore, left_out: tuple[tuple[str, str], ...] = ()
) -> Snapshot:
    snapshot = Snapshot(snapshot_id(entries), entries, left_out=left_out)
    file = _manifest_file(store.folder, snapshot.id)
    if not os.path.exists(file):
        store.write_file(file, dump_manifest(entries))
    return snapshot


def _manifest_file(objects: str, snapshot_id: str) -> str:
    return os.path.join(objects, "manifests", f"{snapshot_id}.json")


def _stays_inside(path: str) -> bool:
    parts = path.split("/")
    return not {"", ".", ".."}.intersection(parts) and "\0" not in path


def _make_folders(destination: str, entries: tuple[Entry, ...]) -> None:
    folders = {os.path.dirname(entry.path) if entry.kind != FOLDER else entry.path for entry in entries}
    with store_errors(destination):
        for folder in sorted(folders):
            os.makedirs(os.path.join(destination, folder), exist_ok=True)


def _write_file(entry: Entry, destination: Path, store: ObjectStore) -> None:
    file = os.path.join(destination, entry.path)
    store.copy_out(entry.sha256, entry.size_bytes, file, entry.executable)
    os.utime(file, ns=(entry.mtime_ns, entry.mtime_ns))


def _in_threads(work: Callable[[_T], None], items: list[_T], size_bytes: Callable[[_T], int]) -> None:
    """Do something with each item in two threads; the first error ends it all.

    One begins with the largest and spends its time outside the interpreter, hashing and copying; the other begins
    with the smallest and has the interpreter to itself. Two alike would spend the gain on handing it to and fro.
    """
    queue = deque(sorted(items, key=size_bytes, reverse=True))

    def take_turns(take: Callable[[], _T]) -> None:
        try:
            for item in _until_empty(take):
                work(item)
        finally:
            queue.clear()

    if len(queue) < _NO_THREADS_BELOW and sum(map(size_bytes, queue)) < WHOLE_BYTES:
        take_turns(queue.popleft)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        turns = [pool.submit(take_turns, queue.popleft), pool.submit(take_turns, queue.pop)]
        try:
            for turn in turns:
                turn.result()
        finally:
            queue.clear()


def _until_empty(take: Callable[[], _T]) -> Iterator[_T]:
    while True:
        try:
            item = take()
        except IndexError:
            return
        yield item
