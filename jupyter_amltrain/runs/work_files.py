"""What a job wrote elsewhere than in ``outputs`` and ``logs``: below its working folder, or beside it.

It stays with the run until somebody, or a rule of the workspace, prunes it (:mod:`jupyter_amltrain.disk.work_files`).
Then the list of it stays, with the sizes. What ``outputs`` and ``logs`` hold is never touched, and neither is what a
link in them leads to.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..config_file import write_json
from ..errors import SnapshotException
from ..submission.data import DATA_FOLDER
from ..submission.job import WORK_FOLDER
from .folder import UPLOADS, code_folder

_PRUNED = "pruned-files.json"
_HOME = "home"
_OURS = frozenset({UPLOADS, "children", "answers", "code.partial"})
_LISTED_ANYHOW = frozenset({"outputs", "logs"})
_NOT_WRITTEN = "__pycache__"


@dataclass(frozen=True)
class WorkFile:
    """A file that a job made or changed. ``name`` is its path from the working folder, such as ``../x``."""

    name: str
    size_bytes: int
    pruned: bool = False


def list_work_files(run_folder: Path, snapshot_id: str, has_data: bool) -> list[WorkFile]:
    """Plain files that the job made or changed, by name, those that were pruned included; links are not followed.

    Args:
        snapshot_id: the files that were there when it began; one that has their size and time is not listed.
        has_data: whether we put data beside its working folder.
    """
    code = code_folder(run_folder)
    there = _snapshot_files(snapshot_id, run_folder.parents[1] / "objects")
    found = {name: WorkFile(name, size, pruned=True) for name, size in _pruned(run_folder).items()}
    for path in _paths(run_folder, has_data, home=False):
        name = os.path.relpath(path, code)
        with suppress(OSError):  # the job has removed it meanwhile
            state = os.lstat(path)
            if stat.S_ISREG(state.st_mode) and there.get(name) != (state.st_size, state.st_mtime_ns):
                found[name] = WorkFile(name, state.st_size)
    return [found[name] for name in sorted(found)]


def prunable(run_folder: Path, has_data: bool) -> list[tuple[str, int]]:
    """What can go of a run that is over: path and size.

    Besides what the job wrote it is its home folder, and its copy of the snapshot. Links take no room and stay: one of
    them may be on the way to what ``outputs`` holds.
    """
    work = str(run_folder / WORK_FOLDER)
    real_work, needed = os.path.realpath(work), _needed(code_folder(run_folder))
    found = []
    for path in _paths(run_folder, has_data, home=True):
        with suppress(OSError):
            state = os.lstat(path)
            if not stat.S_ISLNK(state.st_mode) and not _lies_in(real_work + path[len(work) :], needed):
                found.append((path, state.st_size if state.st_nlink == 1 else 0))
    return found


def prune_run(run_folder: Path, snapshot_id: str, has_data: bool) -> tuple[int, str]:
    """Delete what can go of a run that is over: bytes freed, and why some of it stays, "" when nothing does."""
    listed = list_work_files(run_folder, snapshot_id, has_data)
    # First, so that a file is never gone and not in the list; a file that is there is listed as such.
    write_json(run_folder / _PRUNED, {"pruned": time.time(), "files": {file.name: file.size_bytes for file in listed}})
    freed, why = 0, ""
    for path, size in prunable(run_folder, has_data):
        try:
            os.unlink(path)
            freed += size
        except FileNotFoundError:
            pass
        except OSError as error:
            why = f"{path}: {error.strerror}"
    _remove_empty_folders(run_folder, has_data)
    return freed, why


def _pruned(run_folder: Path) -> dict[str, int]:
    try:
        files = json.loads((run_folder / _PRUNED).read_text(encoding="utf-8"))["files"]
        return {str(name): int(size) for name, size in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _snapshot_files(snapshot_id: str, objects: Path) -> dict[str, tuple[int, int]]:
    from ..submission.snapshot import read_manifest

    try:
        entries = read_manifest(snapshot_id, objects).entries
    except SnapshotException:
        return {}
    return {entry.path: (entry.size_bytes, entry.mtime_ns) for entry in entries}


def _paths(run_folder: Path, has_data: bool, *, home: bool) -> Iterator[str]:
    """Paths of all files, links to files included, and with ``home`` those of the home folder and compiled modules."""
    for folder, folders, names in _walk(run_folder, has_data, home=home):
        if not home:
            folders[:] = [name for name in folders if name != _NOT_WRITTEN]
        yield from (os.path.join(folder, name) for name in names)


def _walk(run_folder: Path, has_data: bool, *, home: bool) -> Iterator[tuple[str, list[str], list[str]]]:
    work, code = str(run_folder / WORK_FOLDER), str(code_folder(run_folder))
    beside = _OURS.union([DATA_FOLDER] if has_data else [], [] if home else [_HOME])
    left_out = {work: beside, code: _LISTED_ANYHOW}
    for folder, folders, names in os.walk(work):
        folders[:] = [name for name in folders if name not in left_out.get(folder, ())]
        yield folder, folders, [name for name in names if name not in left_out.get(folder, ())]


def _needed(code: Path) -> set[str]:
    """What ``outputs`` and ``logs`` are, wherever the job has put them, and what links in them lead to."""
    needed = set()
    for top in _LISTED_ANYHOW:
        needed.add(os.path.realpath(code / top))
        for folder, folders, names in os.walk(code / top):
            paths = (os.path.join(folder, name) for name in (*folders, *names))
            needed.update(os.path.realpath(path) for path in paths if os.path.islink(path))
    return needed


def _lies_in(path: str, folders: set[str]) -> bool:
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def _remove_empty_folders(run_folder: Path, has_data: bool) -> None:
    folders = [folder for folder, _, _ in _walk(run_folder, has_data, home=True)]
    stay = {str(run_folder / WORK_FOLDER), str(code_folder(run_folder))}
    for folder in reversed(folders):
        if folder not in stay:
            with suppress(OSError):  # something is left in it
                os.rmdir(folder)
