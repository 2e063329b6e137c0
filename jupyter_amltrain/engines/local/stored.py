"""The virtual environments that are kept in the home folder, what they cost, and how they are deleted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ...disk.size import folder_size
from ...environment.builder.lock import free
from ...home import home_folder
from ..protocol import VIRTUALENV, Discarded, Stored
from .virtualenv import COMPLETE

_BEING_MADE = "it is being made right now"


def list_stored(leads: Mapping[str, Sequence[str]]) -> tuple[Stored, ...]:
    """See :meth:`Engine.stored`; ``leads`` tells for each folder which environments lead to it."""
    folders = sorted(path for path in (home_folder() / "environments").glob("*") if path.is_dir())
    return tuple(_stored(folder, tuple(leads.get(str(folder), ()))) for folder in folders)


def discard_stored(things: Sequence[Stored]) -> Discarded:
    """See :meth:`Engine.discard`."""
    refused: dict[str, str] = {}
    freed = 0
    for thing in things:
        folder = Path(thing.key)
        with free(_lock_of(folder)) as alone:
            if not alone:
                refused[thing.key] = _BEING_MADE
                continue
            size = folder_size(folder)
            why = _delete(folder)
            left = folder_size(folder) if why else None
        if why:
            refused[thing.key] = why
        freed += size.own_bytes - (left.own_bytes if left else 0)
    return Discarded(tuple(thing.key for thing in things if thing.key not in refused), refused, freed)


def _stored(folder: Path, environments: tuple[str, ...]) -> Stored:
    size = folder_size(folder)
    version = ""
    with suppress(OSError, ValueError):
        version = f" (Python {json.loads((folder / COMPLETE).read_bytes())['python']})"
    with free(_lock_of(folder)) as alone:
        return Stored(
            key=str(folder),
            kind=VIRTUALENV,
            name=f"{folder.name[:8]}{version or ', not whole'}",
            size_bytes=size.bytes,
            own_bytes=size.own_bytes,
            ours=True,
            used_at=folder.stat().st_mtime,
            environments=environments,
            busy="" if alone else _BEING_MADE,
        )


def _delete(folder: Path) -> str:
    """Delete a folder whose lock one holds; why it is still there, a clause."""
    try:
        # From here on it does not count as made, whatever is left of it.
        (folder / COMPLETE).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        return f"{error.filename or folder}: {error.strerror}"
    return ""


def _lock_of(folder: Path) -> Path:
    """The lock that whoever makes the environment holds, also when it makes it anew in a second folder."""
    return folder.with_suffix(".lock")
