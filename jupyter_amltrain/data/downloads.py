"""Files from behind addresses, kept for the next run that reads them: each content once, for all runs of a home folder.

::

    downloads/<storage>/<key>            a whole file, which nobody changes; its time of access tells its last use
    downloads/<storage>/<key>.partial    one that the holder of its file lock is downloading

A run gets a kept file as one more name of it (a hard link), or a copy. So what is deleted here is taken from no run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from ..file_lock import locked_if_free, open_lock, take
from ..home import home_folder, made_folder
from .copying import Remote, not_written, opened, written
from .places import File

_FOLDER = "downloads"
_PARTIAL = ".partial"
_LOOK_EVERY_S = 0.1
_UNUSED_S = 30 * 86400.0


def provide(file: File, target: str, *, shared: bool, check: Callable[[], object]) -> None:
    """Have the content of a file from behind an address at ``target``, without downloading it a second time.

    Args:
        shared: nobody can write to ``target``, so it may be another name of the kept file.
        check: is called now and then while another process downloads the same; raises when nobody waits any more.

    Raises:
        UserErrorException: it cannot be read.
        StoreException: it cannot be written.
    """
    with opened(file) as remote:
        if not remote.version:  # nothing would tell whether it has changed
            with written(target) as partial:
                return remote.save(partial)
        kept = _storage_folder(file) / _key(file, remote.version)
        while not _given(kept, target, shared):
            with _downloading(kept, check) as mine:
                if mine is not None:
                    _download(remote, mine)
                    _given(mine, target, shared)
                    if remote.is_same():
                        mine.rename(kept)
                    return


def _download(remote: Remote, path: Path) -> None:
    try:
        remote.save(str(path))
        path.chmod(0o444)
    except OSError as error:
        raise not_written(path, error) from error


def _storage_folder(file: File) -> Path:
    """The folder of a storage: of a bucket, or of a host. No names and passwords that an address may have."""
    parts = urlsplit(file.place["base"])
    storage = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return made_folder(home_folder() / _FOLDER / quote(storage, safe=""))


def _key(file: File, version: str) -> str:
    options = file.place.get("options") or {}
    return hashlib.sha256(json.dumps([file.path, options, version], sort_keys=True).encode()).hexdigest()[:40]


def _given(kept: Path, target: str, shared: bool) -> bool:
    """Put a kept file at ``target``; False when there is none."""
    try:
        os.utime(kept, (time.time(), kept.stat().st_mtime))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if shared:
            with suppress(OSError):  # another file system, or as many names as it can have
                os.link(kept, target)
                return True
        with open(kept, "rb") as source, written(target) as partial, open(partial, "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        return True
    except FileNotFoundError:
        return False
    except OSError as error:
        raise not_written(target, error) from error


@contextmanager
def _downloading(kept: Path, check: Callable[[], object]) -> Iterator[Path | None]:
    """Where to download to while nobody else downloads the same; None when somebody has, or has given up."""
    partial = kept.with_name(kept.name + _PARTIAL)
    lock = open_lock(partial)
    try:
        while not take(lock, _LOOK_EVERY_S):
            check()
        try:
            yield None if kept.exists() or not _is_at(lock, partial) else partial
        finally:
            if _is_at(lock, partial):  # and not the beginning of another process
                partial.unlink()
    finally:
        os.close(lock)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


# --- tidying up ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Storage:
    """What is kept of one storage.

    Attributes:
        name: such as ``s3://pets`` or ``https://example.org``.
        last_used: unix seconds.
    """

    folder: Path
    name: str
    count: int
    last_used: float


def storages() -> list[Storage]:
    """The storages of which something is kept."""
    found = []
    for folder in sorted((home_folder() / _FOLDER).glob("*")):
        times = [last_used for _, last_used in _kept(folder)]
        if times:
            found.append(Storage(folder, unquote(folder.name), len(times), max(times)))
    return found


def _kept(folder: Path) -> Iterator[tuple[Path, float]]:
    """Each file of a storage, with the moment when it was given last."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process tidies up
            yield path, path.stat().st_atime


def forget(folder: Path, before: float) -> None:
    """Delete what was not given to a run since ``before``, and what processes that were killed have left."""
    for path, last_used in _kept(folder):
        if path.suffix == _PARTIAL:
            with locked_if_free(path) as free:
                if free:
                    path.unlink(missing_ok=True)
        elif last_used < before:
            path.unlink(missing_ok=True)


def forget_unused() -> None:
    """Delete what no run was given for 30 days."""
    for storage in storages():
        forget(storage.folder, time.time() - _UNUSED_S)
