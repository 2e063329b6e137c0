"""Finds and removes what lies in the object store although no run refers to it any more."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreException
from .manifest import FILE, load_manifest
from .objects import store_errors, tidying_up

YOUNG_S = 3600.0
"""What is younger is kept: it may be of a snapshot that nobody has told the store about yet."""

_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Unneeded:
    """What can go: manifests of snapshots, then objects that no other snapshot shares, as paths, and their size."""

    manifests: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    size_bytes: int = 0


def find_unneeded(folder: Path, needed: Iterable[str], young_s: float | None = None) -> Unneeded:
    """What the store has that none of the ``needed`` snapshots has; nothing is touched.

    Raises:
        StoreException: the store cannot be read, or the manifest of a needed snapshot is damaged.
    """
    if not folder.is_dir():
        return Unneeded()
    needed, before = set(needed), time.time() - (YOUNG_S if young_s is None else young_s)
    kept: set[str] = set()
    manifests, objects, size = [], [], 0
    with store_errors(str(folder)):
        for entry in _entries(folder / "manifests"):
            snapshot_id = entry.name.removesuffix(".json")
            status = entry.stat()
            if snapshot_id in needed or status.st_mtime > before:
                entries = load_manifest(Path(entry.path).read_bytes(), snapshot_id)
                kept.update(item.sha256 for item in entries if item.kind == FILE)
            else:
                manifests.append(entry.path)
                size += status.st_size
        for drawer in _entries(folder):
            if len(drawer.name) != 2:
                continue
            for entry in _entries(Path(drawer.path)):
                status = entry.stat()
                if drawer.name + entry.name not in kept and status.st_mtime < before:
                    objects.append(entry.path)
                    size += status.st_size
    return Unneeded(tuple(manifests), tuple(objects), size)


def remove_unneeded(folder: Path, needed: Callable[[], Iterable[str]], young_s: float | None = None) -> int:
    """Remove it and return how many bytes that were. Whatever is killed meanwhile, the next call removes the rest.

    Args:
        needed: gives the ids of the snapshots that runs refer to, asked when no snapshot is being taken.

    Raises:
        StoreException: the store cannot be changed, or snapshots are being taken all the time.
    """
    if not folder.is_dir():
        return 0
    with tidying_up(folder, _PATIENCE_S) as alone:
        if not alone:
            raise StoreException("Snapshots are being taken all the time; try again when fewer runs are submitted.")
        found = find_unneeded(folder, needed(), young_s)
        with store_errors(str(folder)):
            # Manifests first, so that none is ever there without its content.
            for path in (*found.manifests, *found.objects):
                os.unlink(path)
    return found.size_bytes


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return
