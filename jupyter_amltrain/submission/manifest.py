"""What a snapshot is: a value that names every file with its content's digest, and the lines that describe it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import StoreException

FILE, LINK, FOLDER = "file", "link", "folder"

_FORMAT = b"amltrain snapshot 1\0"
_DOMINANT_SHARE = 0.8
_BIGGEST_SHOWN_FROM_BYTES = 10 * 1000**2


class Entry(NamedTuple):
    """One thing in a snapshot; folders are named only when there is nothing in them.

    Attributes:
        path: relative to the source directory, with slashes.
        kind: ``file``, ``link`` or ``folder``.
        executable: whether its owner may execute it.
        sha256: digest of a file's content, "" for other kinds.
        target: where a link points, "" for other kinds.
        mtime_ns: when it was last changed; not part of the snapshot's id.
    """

    path: str
    kind: str = FILE
    size_bytes: int = 0
    executable: bool = False
    sha256: str = ""
    target: str = ""
    mtime_ns: int = 0


class Item(NamedTuple):
    """A file or a whole folder (its path ends in a slash) and what it takes."""

    path: str
    size_bytes: int
    file_count: int

    def __str__(self) -> str:
        files = f" ({self.file_count:,} files)" if self.path.endswith("/") and self.file_count > 1 else ""
        return f"{shown(self.path)} {human_size(self.size_bytes)}{files}"


@dataclass(frozen=True)
class Snapshot:
    """The state of a source directory at one moment; its content lies in the object store.

    Attributes:
        id: digest of the entries: the same files give the same id.
        entries: sorted by path.
        notes: what a person should know, one sentence or two each.
        left_out: (path, reason) of what the ignore rules kept out, folders once and with a slash at the end.
    """

    id: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def file_count(self) -> int:
        """Number of files, links not counted."""
        return sum(entry.kind == FILE for entry in self.entries)

    @property
    def size_bytes(self) -> int:
        """Size of all files together."""
        return sum(entry.size_bytes for entry in self.entries)

    def biggest(self, count: int = 5) -> list[Item]:
        """The files and folders that take most, each as deep as one thing makes up most of it."""
        return biggest_items(self.entries, count)

    def __contains__(self, path: str) -> bool:
        return any(entry.path == path for entry in self.entries)

    def why_left_out(self, path: str) -> str:
        """The rule that keeps a path out of the snapshot, "" when none does."""
        for left_out, reason in self.left_out:
            if path == left_out or (left_out.endswith("/") and f"{path}/".startswith(left_out)):
                return reason
        return ""

    def summary(self) -> str:
        """One line for a person: how many files, how large, what takes the room."""
        files = f"{self.file_count:,} file{'' if self.file_count == 1 else 's'}"
        line = f"snapshot {self.id[:12]}: {files}, {human_size(self.size_bytes)}"
        if self.size_bytes >= _BIGGEST_SHOWN_FROM_BYTES and self.file_count > 1:
            line += f"; biggest: {', '.join(map(str, self.biggest(3)))}"
        if self.left_out:
            line += f"; {len(self.left_out):,} left out by ignore rules"
        return line


def biggest_items(entries: tuple[Entry, ...], count: int) -> list[Item]:
    """See :meth:`Snapshot.biggest`."""
    sizes: dict[str, list[int]] = {"": [0, 0]}
    children: dict[str, set[str]] = {"": set()}
    for entry in entries:
        if entry.kind != FILE:
            continue
        sizes[entry.path] = [entry.size_bytes, 1]
        child = entry.path
        while child:
            folder = child.rstrip("/").rpartition("/")[0]
            folder = f"{folder}/" if folder else ""
            children.setdefault(folder, set()).add(child)
            total = sizes.setdefault(folder, [0, 0])
            total[0] += entry.size_bytes
            total[1] += 1
            child = folder
    top = ""
    while len(children[top]) == 1 and (only := next(iter(children[top]))) in children:
        top = only
    items = [Item(path, *sizes[path]) for path in (_dominant(child, sizes, children) for child in children[top])]
    return sorted(items, key=lambda item: (-item.size_bytes, item.path))[:count]


def _dominant(path: str, sizes: dict[str, list[int]], children: dict[str, set[str]]) -> str:
    """Go down from a folder for as long as one thing in it makes up most of it."""
    while path in children:
        largest = max(children[path], key=lambda child: (sizes[child][0], child))
        if sizes[largest][0] < _DOMINANT_SHARE * sizes[path][0]:
            break
        path = largest
    return path


def snapshot_id(entries: tuple[Entry, ...]) -> str:
    """Digest of what a snapshot holds, times aside."""
    text = "".join(
        f"{entry.kind}{'+x' if entry.executable else ''}\0{entry.sha256}{entry.target}\0{entry.path}\0"
        for entry in entries
    )
    return hashlib.sha256(_FORMAT + os.fsencode(text)).hexdigest()


def dump_manifest(entries: tuple[Entry, ...]) -> bytes:
    """The text that :func:`load_manifest` reads."""
    return json.dumps({"entries": entries}, separators=(",", ":")).encode()


def load_manifest(text: bytes, expected_id: str) -> tuple[Entry, ...]:
    """The entries of a manifest.

    Raises:
        StoreException: it is damaged: it does not give the id it is stored under.
    """
    try:
        entries = tuple(Entry(*fields) for fields in json.loads(text)["entries"])
        whole = snapshot_id(entries) == expected_id
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        raise StoreException(f"the manifest of snapshot {expected_id[:12]} is damaged. Submit again to take a new one.")
    return entries


def shown(path: str) -> str:
    """A path as it can be printed: control characters and bytes that are no text are escaped."""
    return path if path.isprintable() else repr(path)[1:-1]


def human_size(size_bytes: float) -> str:
    """A size as people write it: ``287 MB``, powers of 1000, as disks and ``ls --si`` count."""
    if size_bytes == 1:
        return "1 byte"
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size_bytes < 999.5:
            break
        size_bytes, unit = size_bytes / 1000, larger
    return f"{size_bytes:,.0f} {unit}" if size_bytes >= 999.5 else f"{size_bytes:.3g} {unit}"
