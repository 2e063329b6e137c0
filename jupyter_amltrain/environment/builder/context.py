"""The build context: which files a Dockerfile needs, their digest, and the tar body that carries them."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import IO

from ...errors import UserErrorException
from .instructions import context_sources

_WILDCARD = re.compile(r"[*?\[$]")
_MOST_NAMES = 5_000


def needed_paths(dockerfile: str, folder: str | None) -> tuple[str, ...]:
    """The parts of the context that a Dockerfile reads: relative paths, "" for all of it.

    Raises:
        UserErrorException: it copies files but has no folder, or copies from above the folder.
    """
    needed: list[str] = []
    for line, source in context_sources(dockerfile):
        if folder is None:
            raise UserErrorException(
                f"Dockerfile line {line} copies {source!r}, but a Dockerfile given as text has no folder to copy from."
                " Name the folder, with --context DIR in a cell or docker.build_context in Python, or give the path of"
                " a Dockerfile, which copies from its own folder."
            )
        parts = [part for part in PurePosixPath(source.lstrip("/")).parts if part != "."]
        if ".." in parts:
            raise UserErrorException(
                f"Dockerfile line {line} copies {source!r}, which lies above the build context {folder};"
                " builders refuse that. Move the file below it."
            )
        # A wildcard or variable may match anything below the part in front of it.
        plain = next((number for number, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
        needed.append("/".join(parts[:plain]))
    return tuple(dict.fromkeys(needed))


def check_sources(dockerfile: str, folder: str | None, listed: Callable[[str], list[str]]) -> None:
    """Refuse, before anything is built, a Dockerfile that copies what its context does not have.

    Args:
        listed: gives the paths of a folder that its ``.dockerignore`` lets through; asked only where there is one.

    Raises:
        UserErrorException: a file is missing, left out or out of reach; its line and the nearest name are given.
    """
    if not needed_paths(dockerfile, folder) or folder is None or not os.path.isdir(folder):
        return
    ignoring = os.path.isfile(os.path.join(folder, ".dockerignore"))
    sent: list[str] | None = None
    for line, source in context_sources(dockerfile):
        path = os.path.normpath(source.lstrip("/") or ".")
        if path == "." or any(mark in path for mark in "$\"'\\"):
            continue
        found = _matching(folder, path)
        if not found:
            nearest = _nearest(folder, path)
            hint = f"; did you mean {nearest!r}?" if nearest else "."
            what = "which fits no file" if _WILDCARD.search(path) else "which is not there"
            raise UserErrorException(
                f"Dockerfile line {line} copies {source!r}, {what} in the build context {folder}{hint}"
            )
        if ignoring:
            sent = listed(folder) if sent is None else sent
            if not selected(sent, found):
                raise UserErrorException(
                    f"Dockerfile line {line} copies {source!r}, which the file .dockerignore of the build context"
                    f" {folder} leaves out. Take it out of there, or add the line '!{found[0]}' to it."
                )


def _matching(folder: str, path: str) -> list[str]:
    """The paths below ``folder`` that ``path`` means; its wildcards stay within a part, as Go's do."""
    found = [""]
    for part in path.split("/"):
        if _WILDCARD.search(part):
            fits = re.compile(fnmatch.translate(part.replace("[^", "[!"))).match
            found = [os.path.join(above, name) for above in found for name in _names(folder, above) if fits(name)]
        else:
            found = [os.path.join(above, part) for above in found if os.path.lexists(os.path.join(folder, above, part))]
    return found


def _names(folder: str, path: str) -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(folder, path)))
    except OSError:  # a file, or a folder that may not be read: nothing in it fits
        return []


def _nearest(folder: str, path: str) -> str:
    """A path of the context that ``path`` may have meant: of the same name elsewhere, else one that reads alike."""
    paths: list[str] = []
    for above, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [os.path.relpath(os.path.join(above, name), folder) for name in [*names, *folders]]
        if len(paths) > _MOST_NAMES:
            break
    name = os.path.basename(path)
    same = [found for found in paths if os.path.basename(found) == name]
    return next(iter([*same, *get_close_matches(path, paths, n=1, cutoff=0.6)]), "")


def selected(paths: Iterable[str], needed: Iterable[str]) -> list[str]:
    """Those of ``paths`` (relative) that are, or lie in, one of ``needed``, or are folders above it; sorted."""
    wanted = list(needed)
    kept = []
    for path in paths:
        relative = path.replace(os.sep, "/")
        if any(
            part == "" or relative == part or relative.startswith(f"{part}/") or part.startswith(f"{relative}/")
            for part in wanted
        ):
            kept.append(relative)
    return sorted(kept)


def context_digest(folder: str, paths: Iterable[str]) -> str:
    """Digest of the named files: names, kinds, permissions and content; times and owners do not count."""
    digest = hashlib.sha256()
    for path in paths:
        full = os.path.join(folder, path)
        status = os.lstat(full)
        digest.update(f"{path}\0{status.st_mode:o}\0".encode())
        if stat.S_ISLNK(status.st_mode):
            digest.update(os.readlink(full).encode())
        elif stat.S_ISREG(status.st_mode):
            with open(full, "rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
        digest.update(b"\0")
    return digest.hexdigest()


def write_context(
    target: IO[bytes], folder: str | None, paths: Iterable[str], added: Mapping[str, bytes | str]
) -> None:
    """Write the context as tar: the added files (bytes, or the path of a file) and the named files of ``folder``.

    The added ones come first, in the plain format: BuildKit tells a tar by its first header, and takes a body that
    begins with an extended one for a Dockerfile.
    """
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in added.items():
            info = tarfile.TarInfo(name)
            info.mode = 0o755 if isinstance(content, str) else 0o644
            info.size = os.path.getsize(content) if isinstance(content, str) else len(content)
            if isinstance(content, str):
                _add(archive, info, content)
            else:
                archive.addfile(info, io.BytesIO(content))
        for path in paths if folder else ():
            found = archive.gettarinfo(os.path.join(str(folder), path), arcname=path)
            if found is not None:
                _add(archive, found, os.path.join(str(folder), path))


def _add(archive: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> None:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = int(info.mtime)
    if info.isreg():
        with open(path, "rb") as file:
            archive.addfile(info, file)
    else:
        archive.addfile(info)
