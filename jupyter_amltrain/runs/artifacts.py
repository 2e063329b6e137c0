"""The files of a run that a user may have: its logs, uploads, and what the job left in ``outputs`` and ``logs``.

The job writes there, symbolic links included, and it may do so while we read. So a name is resolved first, must lie
in the run's folder, and is then opened step by step without following any link.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ..errors import NameNotFoundException, UserErrorException
from .folder import upload_folder

FOLDERS = ("azureml-logs", "logs", "outputs")
"""What of a run's folder belongs to its user, besides what was uploaded; the rest is ours."""


@dataclass(frozen=True)
class Artifact:
    """One file of a run. ``name`` is relative to the run's folder, with slashes: ``outputs/model.pkl``."""

    name: str
    size_bytes: int


def list_artifacts(run_folder: Path) -> list[Artifact]:
    """All files of a run, by name. Links that lead out of its folder are not among them."""
    root = os.path.realpath(run_folder)
    uploads = upload_folder(run_folder)
    found: dict[str, int] = {}
    for base, tops in ((run_folder, FOLDERS), (uploads, [entry.name for entry in _entries(uploads)])):
        for top in tops:
            for path in _files(base / top, root):
                with suppress(OSError):  # the job has removed it meanwhile
                    found[path[len(str(base)) + 1 :]] = os.stat(path).st_size
    return [Artifact(name, found[name]) for name in sorted(found) if not name.endswith(".partial")]


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _files(top: Path, root: str) -> Iterator[str]:
    """Paths of the regular files below one of :data:`FOLDERS`, or itself; links to folders are not entered."""
    if not _inside(top, root) or top.name.endswith(".partial"):
        return
    if top.is_file():
        yield str(top)
    folders = [str(top)]
    while folders:
        for entry in _entries(folders.pop()):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            # Only a link leads out of the folder, and to ask of each of many files where it lies takes long.
            elif _is_file_inside(entry.path, root) if entry.is_symlink() else entry.is_file():
                yield entry.path


def _is_file_inside(link: str, root: str) -> bool:
    return os.path.isfile(link) and _inside(link, root)


def _inside(path: str | Path, root: str) -> bool:
    return os.path.realpath(path).startswith(root + os.sep)


def open_artifact(run_folder: Path, name: str) -> IO[bytes]:
    """A file of the run, open for reading.

    Raises:
        NameNotFoundException: the run has no such file; the message suggests the nearest name.
        UserErrorException: the name does not stay in the run's folder.
    """
    clean = _clean(name)
    root = os.path.realpath(run_folder)
    path = _path_of(run_folder, clean) or _path_of(run_folder, clean.replace("\\", "/"))
    if path is None:
        raise _missing(run_folder, clean.replace("\\", "/"))
    resolved = os.path.realpath(path)
    if not resolved.startswith(root + os.sep):
        raise UserErrorException(f"'{name}' leads out of the run's folder, so it is not opened.")
    try:
        return os.fdopen(_open_below(root, os.path.relpath(resolved, root)), "rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise _missing(run_folder, clean) from None
    except OSError as error:
        raise UserErrorException(f"'{name}' cannot be read: {error.strerror}.", inner_exception=error) from error


def _path_of(run_folder: Path, name: str) -> Path | None:
    paths = [upload_folder(run_folder) / name]
    if name.partition("/")[0] in FOLDERS:
        paths.append(run_folder / name)
    return next((path for path in paths if os.path.exists(path)), None)


def _open_below(root: str, relative: str) -> int:
    """A descriptor of a regular file, reached from ``root`` without following links."""
    *folders, last = relative.split(os.sep)
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        # Without O_NONBLOCK a named pipe would wait for a writer for ever.
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise IsADirectoryError
    return file


def _clean(name: str) -> str:
    """The name in its one form: ``./outputs//a`` is ``outputs/a``.

    Raises:
        UserErrorException: it is no name of a file.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise UserErrorException(f"The name of a run's file is text such as 'outputs/model.pkl', not {name!r}.")
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise UserErrorException(f"'{name}' leads out of the run's folder; names are like 'outputs/model.pkl'.")
    return str(PurePosixPath(name))


def _missing(run_folder: Path, name: str) -> NameNotFoundException:
    names = [artifact.name for artifact in list_artifacts(run_folder)]
    below = [known for known in names if known.startswith(f"{name}/")]
    hint = f"It is a folder of {len(below)} file(s): use download_files(prefix='{name}')." if below else ""
    return NameNotFoundException("file", name, names, hint)


def names_below(run_folder: Path, prefix: str) -> tuple[str, list[str]]:
    """A folder such as ``outputs`` in its one form, and the names of all files in it; "" is all files.

    Raises:
        NameNotFoundException: there is no file in it; the message suggests the nearest folder.
    """
    folder = prefix.replace("\\", "/").rstrip("/")
    known = [artifact.name for artifact in list_artifacts(run_folder)]
    names = [name for name in known if not folder or name.startswith(f"{folder}/")]
    if folder and not names:
        raise NameNotFoundException("folder", folder, {name.rpartition("/")[0] for name in known})
    return folder, names


def copy_artifact(run_folder: Path, name: str, destination: Path) -> Path:
    """Copy a file of the run; an existing file is replaced, and only by a whole one.

    Raises:
        NameNotFoundException: the run has no such file.
        UserErrorException: it cannot be read, or the destination cannot be written.
    """
    with open_artifact(run_folder, name) as source:
        partial = destination.with_name(f".{destination.name}.{os.getpid()}.partial")
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            partial.replace(destination)
        except OSError as error:
            why = f"{destination.parent} is not a folder" if destination.parent.is_file() else error.strerror
            raise UserErrorException(
                f"{destination} cannot be written: {why}. Give another output_file_path.", inner_exception=error
            ) from error
        finally:
            with suppress(OSError):  # it is gone when all went well
                partial.unlink()
    return destination
