"""Remembers digests of files that have not changed since, as git's index does, so that they are not read again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from .objects import ObjectStore

RACY_NS = 2 * 1000**3
"""A file changed this shortly before a snapshot may change again without its time showing it: file systems count
time in steps of up to two seconds. Such a file is read again next time."""


class StatCache:
    """Path, size, times and inode → digest of the files below one source directory.

    Args:
        folder: where caches are kept, on the file system of the object store.
        source: the source directory, absolute.
    """

    def __init__(self, folder: Path, source: str) -> None:
        name = hashlib.sha256(os.fsencode(source)).hexdigest()[:32]
        self._file = os.path.join(folder, f"stat-1-{name}.json")
        self._known = _load(self._file)

    def digest(self, path: str, status: os.stat_result) -> tuple[str, bool] | None:
        """Digest of a file and whether it holds a private key, None when the file must be read."""
        value = self._known.get(path)
        if value is None or not value.startswith(_signature(status)):
            return None
        sha256, holds_key = value[-65:-1], value[-1:]
        return sha256, holds_key == "!"

    def save(self, found: dict[str, tuple[os.stat_result, str, bool]], started_ns: int, store: ObjectStore) -> None:
        """Remember what a snapshot that began at ``started_ns`` found; written only when there is news."""
        clean_before_ns = started_ns - RACY_NS
        known = {
            path: f"{_signature(status)}{sha256}{'!' if holds_key else '.'}"
            for path, (status, sha256, holds_key) in found.items()
            if status.st_mtime_ns < clean_before_ns and status.st_ctime_ns < clean_before_ns
        }
        if known != self._known:
            store.write_file(self._file, json.dumps(known, separators=(",", ":")).encode())


def _signature(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} {status.st_dev} "


def _load(file: str) -> dict[str, str]:
    """The cache, or an empty one: whatever is wrong with it, files can be read again."""
    try:
        with open(file, "rb") as text:
            known = json.loads(text.read())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict) or not all(isinstance(value, str) for value in known.values()):
        return {}
    return known
