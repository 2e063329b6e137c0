"""The build context: which files a Dockerfile needs, their digest, and the tar body that carries them."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import IO

from ..errors import UserErrorException
from .instructions import context_sources

_WILDCARD = re.compile(r"[*?\[$]")


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
