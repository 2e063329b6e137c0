"""What a job wrote elsewhere than in ``outputs`` and ``logs``: below its working folder, or beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import SnapshotException
from ..submission.data import DATA_FOLDER
from ..submission.job import CODE_FOLDER, WORK_FOLDER
from .artifacts import Artifact
from .folder import UPLOADS

_NOT_BESIDE = frozenset({UPLOADS, "children", "answers", "home", "code.partial"})
_LISTED_ANYHOW = frozenset({"outputs", "logs"})
_NOT_WRITTEN = "__pycache__"


def list_work_files(run_folder: Path, snapshot_id: str, has_data: bool) -> list[Artifact]:
    """Plain files that the job made or changed, by path from its working folder; links are not followed.

    Args:
        snapshot_id: the files that were there when it began; one that has their size and time is not listed.
        has_data: whether we put data beside its working folder.
    """
    work = run_folder / WORK_FOLDER
    there = _snapshot_files(snapshot_id, run_folder.parents[1] / "objects")
    found = []
    for path in _paths(str(work), _NOT_BESIDE | {DATA_FOLDER} if has_data else _NOT_BESIDE):
        name = os.path.relpath(path, work / CODE_FOLDER)
        with suppress(OSError):  # the job has removed it meanwhile
            state = os.lstat(path)
            if stat.S_ISREG(state.st_mode) and there.get(name) != (state.st_size, state.st_mtime_ns):
                found.append(Artifact(name, state.st_size))
    return sorted(found, key=lambda artifact: artifact.name)


def _snapshot_files(snapshot_id: str, objects: Path) -> dict[str, tuple[int, int]]:
    from ..submission.snapshot import read_manifest

    try:
        entries = read_manifest(snapshot_id, objects).entries
    except SnapshotException:
        return {}
    return {entry.path: (entry.size_bytes, entry.mtime_ns) for entry in entries}


def _paths(work: str, not_beside: frozenset[str]) -> Iterator[str]:
    code = os.path.join(work, CODE_FOLDER)
    for folder, folders, names in os.walk(work):
        left_out = not_beside if folder == work else _LISTED_ANYHOW if folder == code else frozenset()
        folders[:] = [name for name in folders if name not in left_out and name != _NOT_WRITTEN]
        yield from (os.path.join(folder, name) for name in names)
