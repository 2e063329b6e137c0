"""What a person should know about a snapshot before a run depends on it: secrets, broken links, sheer size."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .ignore import Tree, ignore_file
from .manifest import Entry, Snapshot, human_size, shown
from .secret_files import named_like_secret

LARGE_BYTES = 300 * 1000**2
"""From here on a snapshot says what is big. Azure ML refuses at this size; here it is only a note."""

_NAMED = 5


def snapshot_notes(source: str, tree: Tree, snapshot: Snapshot, key_files: Iterable[str]) -> list[str]:
    """Notes about a snapshot that was just taken.

    Args:
        source: the source directory.
        tree: what the walk found in it.
        snapshot: the snapshot.
        key_files: paths of the files that hold a private key.
    """
    notes = []
    add_to = ignore_file(source)
    secrets = sorted({path for path, _ in tree.files if named_like_secret(path)}.union(key_files))
    if secrets:
        notes.append(
            f"{_count(secrets, 'file looks', 'files look')} like secrets and every run gets a copy: {_named(secrets)}. "
            f"To keep them out, name them in {add_to}."
        )
    leaving = [f"{entry.path} -> {entry.target}" for entry in snapshot.entries if entry.target and _leaves(entry)]
    if leaving:
        notes.append(
            f"{_count(leaving, 'link points', 'links point')} outside the source directory and may lead nowhere in the "
            f"job: {_named(leaving)}. Pass data by a mount or a dataset, or copy it into the folder."
        )
    if tree.special:
        notes.append(
            f"{_count(tree.special, 'socket, pipe or device is', 'sockets, pipes or devices are')} not part of the "
            f"snapshot: {_named(sorted(tree.special))}."
        )
    if snapshot.size_bytes > LARGE_BYTES:
        biggest = snapshot.biggest()
        notes.append(
            f"the snapshot is large, {human_size(snapshot.size_bytes)}; biggest: {', '.join(map(str, biggest))}. What "
            f"the job does not need can stay out: add a line such as /{shown(biggest[0].path)} to {add_to}."
        )
    if not tree.files:
        notes.append(f"no file of '{source}' is part of the snapshot{_why_empty(tree)}.")
    return notes


def _count(things: list[str], one: str, several: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else several}"


def _named(paths: list[str]) -> str:
    rest = len(paths) - _NAMED
    return ", ".join(map(shown, paths[:_NAMED])) + (f" and {rest} more" if rest > 0 else "")


def _leaves(link: Entry) -> bool:
    """Whether a link leads out of the source directory, as far as its text tells."""
    reached = os.path.normpath(os.path.join(os.path.dirname(link.path), link.target))
    return os.path.isabs(reached) or reached == ".." or reached.startswith("../")


def _why_empty(tree: Tree) -> str:
    if not tree.left_out:
        return ": the folder is empty"
    path, reason = next(iter(tree.left_out.items()))
    return f": its {len(tree.left_out)} items are left out, such as {shown(path)} by {reason}"
