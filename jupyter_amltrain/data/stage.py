"""Puts the data of a run where its job is to see it, before the job starts, and takes in what it left afterwards.

A folder of this machine is shown as it is. What is only a part of one is a folder of links; what lies elsewhere, or is
wanted as a copy, is copied first::

    runs/<id>/inputs/<name>        links, and copies that the job may not change, of which others may be further names
    runs/<id>/work/data/<name>     copies of the job's own, and what it leaves to be uploaded
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AzureMLException, UserErrorException
from ..runs.folder import INPUTS
from ..submission.data import DATA_FOLDER, DOWNLOAD, INPUT, MOUNT, OUTPUT, REFERENCE, UPLOAD, JobData, Placed
from ..submission.job import CODE_FOLDER, JOB_ROOT, WORK_FOLDER
from .copying import fetch, put
from .definition import Files, files_in
from .downloads import provide
from .lineage import made_by
from .places import exists, is_local, local_path

if TYPE_CHECKING:
    from ..runs.store import Store

_TOLD_EVERY_S = 2.0

Say = Callable[[str], None]


def stage(
    data: Sequence[JobData], run_folder: Path, *, host_paths: bool, phase: Say, check: Callable[[], object]
) -> dict[str, Placed]:
    """Make everything ready; what is ready already stays, so this can be done again after a kill.

    Args:
        host_paths: whether the job sees paths of this machine.
        phase: takes what is being done, for the run's reason.
        check: is called now and then; raises when the run was canceled.

    Raises:
        UserErrorException: data is not there any more, or cannot be read.
        StoreException: a copy cannot be written.
    """
    return {item.name: _Staging(item, run_folder, host_paths, phase, check).place() for item in data}


class _Staging:
    def __init__(
        self, item: JobData, run_folder: Path, host_paths: bool, phase: Say, check: Callable[[], object]
    ) -> None:
        self._item = item
        self._run_folder = run_folder
        self._host_paths = host_paths
        self._phase = phase
        self._check = check
        self._told = time.monotonic()

    def place(self) -> Placed:
        item = self._item
        if item.role == OUTPUT or item.mode == UPLOAD:
            return self._for_output()
        if item.role == REFERENCE and item.mode == MOUNT and is_local(item.definition["sources"][0]):
            source = item.definition["sources"][0]
            folder = local_path(source, source["path"])
            if not os.path.exists(folder):
                os.makedirs(folder)
            return self._shown(Placed(folder))
        files = files_in(item.definition)
        if item.mode == DOWNLOAD:
            return self._copied(files)
        if files.folder is not None:
            return self._shown(Placed(files.folder))
        if files.single and is_local(files.files[0].place):
            return self._shown(Placed(files.files[0].path))
        return self._shown(self._linked(files))

    def _relative(self) -> Path | None:
        """Where the job wants it below its working folder."""
        wanted = self._item.path_on_compute
        below = wanted and not wanted.startswith("/")
        return self._run_folder / WORK_FOLDER / CODE_FOLDER / wanted if below else None

    def _shown(self, placed: Placed) -> Placed:
        """Make room in the working folder where the data is to appear in it."""
        there = self._relative()
        if there is None:
            return placed
        if os.path.lexists(there):
            hides = not self._host_paths and os.path.isdir(there) == os.path.isdir(placed.source)
            if not hides and not (there.is_symlink() and os.readlink(there) == placed.source):
                raise self._taken(there)
            return placed
        there.parent.mkdir(parents=True, exist_ok=True)
        if self._host_paths:
            there.symlink_to(placed.source)
        elif os.path.isdir(placed.source):
            there.mkdir()
        else:
            there.touch()
        return placed

    def _for_output(self) -> Placed:
        item = self._item
        destination = item.definition["sources"][0]
        if item.mode == MOUNT and is_local(destination):
            folder = Path(local_path(destination, destination["path"]))
            folder.mkdir(parents=True, exist_ok=True)
            return self._shown(Placed(str(folder)))
        folder = self._relative() or self._run_folder / WORK_FOLDER / DATA_FOLDER / item.name
        folder.mkdir(parents=True, exist_ok=True)
        return Placed(str(folder), inside=True)

    def _taken(self, there: Path) -> UserErrorException:
        name = there.relative_to(self._run_folder / WORK_FOLDER / CODE_FOLDER)
        return UserErrorException(
            f"'{self._item.name}' cannot be put at path_on_compute='{self._item.path_on_compute}': the source directory"
            f" has {name} already. Give another path_on_compute, or leave {name} out with .amlignore."
        )

    def _check_free(self, files: Files, target: Path) -> None:
        """Looked at once, before the first copy: whoever goes on after a kill meets what this run has put there."""
        checked = self._run_folder / INPUTS / f"{self._item.name}.checked"
        if self._relative() is None or checked.exists():
            return
        wanted = [target] if files.single or not target.is_dir() else [target / file.name for file in files.files]
        for path in wanted:
            if os.path.lexists(path):
                raise self._taken(path)
        checked.parent.mkdir(exist_ok=True)
        checked.touch()

    def _copied(self, files: Files) -> Placed:
        target = self._relative() or self._run_folder / WORK_FOLDER / DATA_FOLDER / self._item.name
        self._check_free(files, target)
        if files.single and self._relative() is None:
            self._fetch(files, target)
            return Placed(str(target / files.files[0].name), inside=True)
        if files.single:
            self._fetch(files, target.parent, target.name)
        else:
            self._fetch(files, target)
        return Placed(str(target), inside=True)

    def _linked(self, files: Files) -> Placed:
        """A folder with links to the files that are on this machine, and with copies of the others."""
        folder = self._run_folder / INPUTS / self._item.name
        folder.mkdir(parents=True, exist_ok=True)
        local = [file for file in files.files if is_local(file.place)]
        roots = sorted(
            {os.path.dirname(file.path) if not file.place.get("path") else _top(file.place) for file in local}
        )
        seen = {
            root: root if self._host_paths else f"{JOB_ROOT}/linked/{self._item.name}/{n}"
            for n, root in enumerate(roots)
        }
        for file in local:
            link = folder / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(link):
                root = max((root for root in roots if f"{file.path}/".startswith(f"{root}/")), key=len)
                os.symlink(posixpath.join(seen[root], os.path.relpath(file.path, root)), link)
        remote = replace(files, files=tuple(file for file in files.files if not is_local(file.place)))
        self._fetch(remote, folder, shared=not (self._host_paths or self._item.writable))
        source = folder / files.files[0].name if files.single else folder
        return Placed(str(source), linked=() if self._host_paths else tuple(seen.items()))

    def _fetch(self, files: Files, folder: Path, name: str = "", *, shared: bool = False) -> None:
        kept = shared or self._has_room_twice(files)
        for number, file in enumerate(files.files, 1):
            self._check()
            if time.monotonic() - self._told > _TOLD_EVERY_S:
                self._told = time.monotonic()
                self._phase(f"copying data '{self._item.name}': file {number} of {len(files.files)}")
            target = folder / (name or file.name)
            if target.exists():
                continue
            if kept and not is_local(file.place):
                provide(file, str(target), shared=shared, check=self._check)
            else:
                fetch(file, str(target))

    def _has_room_twice(self, files: Files) -> bool:
        """Whether the disk takes a copy for the job and one for the next run that reads the same."""
        return 2 * sum(file.size_bytes for file in files.files) < shutil.disk_usage(self._run_folder).free


def _top(place: Mapping[str, Any]) -> str:
    """The folder of this machine that a source of a data set lies in."""
    from .places import fixed_part

    path = os.path.join(place["base"], fixed_part(place["path"])).rstrip("/")
    return path if os.path.isdir(path) else os.path.dirname(path)


# --- when the job is over ------------------------------------------------------------------------------------------


def take_in(store: Store, run_id: str, data: Sequence[JobData], run_folder: Path, *, completed: bool, say: Say) -> None:
    """Upload what the job left for a datastore, and register it if all went well; never fails the run.

    Args:
        say: takes sentences for the run's control log.
    """
    kept = False
    for item in data:
        if item.role == INPUT or (item.role == REFERENCE and item.mode != UPLOAD):
            continue
        try:
            place = item.definition["sources"][0]
            if item.mode == UPLOAD or not is_local(place):
                count = _upload(item, run_folder)
                say(f"Uploaded {count} file(s) of '{item.name}' to {posixpath.join(place['base'], place['path'])}")
            if completed and item.about.get("register"):
                _register(store, run_id, item, say)
        except (AzureMLException, OSError) as error:
            kept = True
            why = getattr(error, "message", error)
            say(f"Note: '{item.name}' was not uploaded, and stays in the run's folder: {why}")
    shutil.rmtree(run_folder / INPUTS, ignore_errors=True)
    if not kept:
        shutil.rmtree(run_folder / WORK_FOLDER / DATA_FOLDER, ignore_errors=True)


def _upload(item: JobData, run_folder: Path) -> int:
    wanted = item.path_on_compute
    work = run_folder / WORK_FOLDER
    folder = work / CODE_FOLDER / wanted if wanted and not wanted.startswith("/") else work / DATA_FOLDER / item.name
    if not _stays_in(folder, work):
        raise UserErrorException("the job put a link in its place.")
    place = item.definition["sources"][0]
    pairs = list(_left_files(folder, item.definition["options"].get("globs") or [], str(place["path"])))
    # Looked at once, before the first copy: whoever goes on after a kill meets files that are this run's own.
    checked = run_folder / f"{item.name}.checked"
    if not item.definition["options"].get("overwrite") and not checked.exists():
        there = next((target for _, target in pairs if exists(place, target)), None)
        if there is not None:
            raise UserErrorException(f"there is a file {there} already, and as_upload(overwrite=True) was not said.")
    checked.touch()
    for path, target in pairs:
        put(path, place, target)
    checked.unlink()
    return len(pairs)


def _left_files(folder: Path, globs: Sequence[str], destination: str) -> Iterator[tuple[str, str]]:
    """Path of each file to upload, and its path at the destination; links may lead anywhere and are left out."""
    for below, _, names in os.walk(folder):
        for name in sorted(names):
            path = os.path.join(below, name)
            relative = os.path.relpath(path, folder)
            fits = not globs or any(fnmatch.fnmatch(relative, pattern.removeprefix("./")) for pattern in globs)
            if fits and os.path.isfile(path) and not os.path.islink(path):
                yield path, posixpath.join(destination, relative)


def _stays_in(folder: Path, work: Path) -> bool:
    return os.path.realpath(folder).startswith(os.path.realpath(work) + os.sep)


def _register(store: Store, run_id: str, item: JobData, say: Say) -> None:
    wanted = item.about["register"]
    definition = {"kind": "file", "sources": item.definition["sources"], "steps": [], "options": {}}
    made = store.add_dataset(
        wanted["name"],
        definition,
        description=wanted.get("description"),
        tags=wanted.get("tags") or {},
        run=run_id,
        request=made_by(run_id, item),
    )
    say(f"Registered '{item.name}' as data set {made['name']}:{made['version']}")
