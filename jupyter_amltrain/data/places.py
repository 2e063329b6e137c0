"""Where files are: a folder of this machine, an address that fsspec knows, or a web address.

A place is ``{"base": …, "options": …}``: ``base`` is an absolute path or an address such as ``s3://bucket/prefix``;
``options`` are those of fsspec, with ``env:NAME`` where a secret belongs.
"""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import StoreException, UserErrorException
from ..home import home_path

Place = Mapping[str, Any]

_GLOB = re.compile(r"[*?\[]")
_WEB = ("http://", "https://")


@dataclass(frozen=True)
class File:
    """One file of a place.

    Attributes:
        name: how it is called among the others.
        path: where it is.
        version: of a file behind an address what tells its content from what was there before, as :func:`version_of`
            has it.
    """

    name: str
    path: str
    place: Place
    size_bytes: int = 0
    version: str = ""


@dataclass(frozen=True)
class Found:
    """What a path in a place stands for.

    Attributes:
        kind: file, folder, or pattern.
        root: the folder that the names start at.
        files: in the order of their names.
    """

    kind: str
    root: str
    files: list[File]


def is_web(address: str) -> bool:
    """Whether it is a file on the web."""
    return address.startswith(_WEB)


def is_address(text: str) -> bool:
    """Whether a text is an address and not a path of this machine."""
    return "://" in text


def is_local(place: Place) -> bool:
    """Whether its files are files of this machine."""
    return not is_address(place["base"])


def clean_path(path: object) -> str:
    """A path inside of a place in its one form: relative, with slashes, "" for all of it.

    Raises:
        UserErrorException: it leads out of the place.
    """
    text = str(path or "").replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in text:
        raise UserErrorException(f"'{path}' leads out of the datastore; paths in it are like 'pets/train'.")
    return "/".join(parts)


def fixed_part(path: str) -> str:
    """The folders of a path before its first wildcard."""
    found = _GLOB.search(path)
    return path if found is None else path[: found.start()].rpartition("/")[0]


def local_path(place: Place, path: str) -> str:
    """Where on this machine something of a local place lies.

    Raises:
        UserErrorException: jobs write to the place, and a link in it leads out of it.
    """
    whole = os.path.join(place["base"], path).rstrip("/") if path else str(place["base"])
    if not _is_inside(whole, _fence(place)):
        raise UserErrorException(f"{whole} leads out of {place['base']} by a link, so it is not used.")
    return whole


def _fence(place: Place) -> str:
    """The folder that links in a place may not leave: a job may have left them to reach files of this machine.

    "" for folders of the user's own, where links belong to the data.
    """
    base, workspaces = os.path.realpath(place["base"]), os.path.realpath(home_path() / "workspaces")
    return base if base.startswith(workspaces + os.sep) else ""


def _is_inside(path: str, fence: str) -> bool:
    return not fence or f"{os.path.realpath(path)}/".startswith(f"{fence}/")


def files_of(place: Place, path: str) -> Found:
    """The files that a path or pattern in a place stands for.

    A folder stands for all files below it. Names are in order; hidden files belong to a folder, links to folders are
    entered where they do not lead in a circle, or out of a place that jobs write to.

    Raises:
        UserErrorException: the place cannot be read, or there is nothing at ``path``.
    """
    if is_web(place["base"]):
        address = posixpath.join(place["base"], path) if path else place["base"]
        name = posixpath.basename(urlsplit(address).path.rstrip("/"))
        name = "index.html" if name in ("", ".", "..") else name
        return Found("file", posixpath.dirname(address), [File(name, address, place)])
    if is_local(place):
        return _local_files(place, path)
    return _remote_files(place, path)


def _local_files(place: Place, path: str) -> Found:
    base, fence = local_path(place, path), _fence(place)
    if os.path.isfile(base):
        return Found("file", os.path.dirname(base), [File(os.path.basename(base), base, place)])
    if os.path.isdir(base):
        names = sorted(_walk(base, fence))
        return Found("folder", base, [File(name, os.path.join(base, name), place) for name in names])
    if not _GLOB.search(path):
        raise UserErrorException(_nothing_at(base))
    root = os.path.join(place["base"], fixed_part(path)).rstrip("/") or "/"
    pattern = os.path.join(glob.escape(place["base"]), path)
    found: set[str] = set()
    for match in glob.iglob(pattern, recursive=True):
        if not _is_inside(match, fence):
            continue
        if os.path.isdir(match) and not path.endswith("**"):
            found.update(os.path.join(match, name) for name in _walk(match, fence))
        elif os.path.isfile(match):
            found.add(match)
    if not found:
        raise UserErrorException(f"No file fits {pattern}.")
    return Found("pattern", root, [File(os.path.relpath(match, root), match, place) for match in sorted(found)])


def _nothing_at(path: str) -> str:
    from difflib import get_close_matches

    if os.path.lexists(path):
        return f"{path} is neither a file nor a folder."
    folder = Path(path)
    while not folder.exists():
        missing, folder = folder, folder.parent
    with suppress(OSError):
        near = get_close_matches(missing.name, os.listdir(folder), n=1, cutoff=0.6)
        if near:
            return f"There is no file or folder {path}. Did you mean {folder / near[0]}?"
    return f"There is no file or folder {path}; {folder} is the last part that exists."


def _walk(folder: str, fence: str) -> Iterator[str]:
    """Files below a folder, by relative path."""
    entered = set()
    for below, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(below)
        if real in entered or not _is_inside(real, fence):
            folders.clear()
            continue
        entered.add(real)
        for name in names:
            path = os.path.join(below, name)
            if os.path.isfile(path) and (not os.path.islink(path) or _is_inside(path, fence)):
                yield os.path.relpath(path, folder)


# --- fsspec ----------------------------------------------------------------------------------------------------------


def filesystem(place: Place) -> tuple[Any, str]:
    """fsspec's file system of an address, and the path of the place in it.

    Raises:
        UserErrorException: fsspec or its part for such addresses is not installed, or the options are wrong.
    """
    try:
        fsspec: Any = import_module("fsspec.core")
    except ImportError:
        raise UserErrorException(
            f"For data at {place['base']} fsspec is needed: pip install 'jupyter_amltrain[data]' (and s3fs for s3://"
            " addresses), then restart the kernel."
        ) from None
    options = {key: _resolved(value, place) for key, value in (place.get("options") or {}).items()}
    try:
        system, path = fsspec.url_to_fs(place["base"], **options)
    except (ImportError, ValueError, TypeError) as error:
        raise UserErrorException(
            f"The address {place['base']} cannot be used: {error}", inner_exception=error
        ) from None
    return system, str(path)


def _resolved(value: Any, place: Place) -> Any:
    """An option with the secrets that it only names."""
    from ..environment.registry.references import follow_reference, is_reference

    if isinstance(value, Mapping):
        return {key: _resolved(inner, place) for key, inner in value.items()}
    if not isinstance(value, str) or not is_reference(value):
        return value
    kind, _, name = value.partition(":")
    if kind == "env" and not os.environ.get(name):
        raise UserErrorException(
            f"What opens {place['base']} is to be in the environment variable {name}, and that is not set. Set it"
            " before the submit; `import getpass, os; os.environ['"
            + name
            + "'] = getpass.getpass()` does without writing it"
            " into the notebook."
        )
    return follow_reference(value, "", str(place["base"]))[1]


@contextmanager
def remote_errors(place: Place, doing: str) -> Iterator[None]:
    """Errors of a remote file system as a sentence."""
    try:
        yield
    except (UserErrorException, StoreException):
        raise
    except Exception as error:  # each file system, and the client below it, raises what it likes
        raise UserErrorException(
            f"{place['base']} could not be {doing}: {type(error).__name__}: {error}", inner_exception=error
        ) from error


def _remote_files(place: Place, path: str) -> Found:
    with remote_errors(place, "read"):
        system, base = filesystem(place)
        system.invalidate_cache()  # fsspec keeps listings for as long as the process lives
        whole = posixpath.join(base, path) if path else base
        if _GLOB.search(path):
            kind, root = "pattern", posixpath.join(base, fixed_part(path)).rstrip("/")
            matches = system.glob(whole, detail=True)
            found = {match: facts for match, facts in matches.items() if facts["type"] != "directory"}
        elif system.isfile(whole):
            kind, root, found = "file", posixpath.dirname(whole), {whole: system.info(whole)}
        else:
            kind, root, found = "folder", whole, system.find(whole, detail=True)
    if not found:
        raise UserErrorException(f"There is no file at {posixpath.join(place['base'], path)}.")
    files = [
        File(_name_below(root, match), match, place, int(facts.get("size") or 0), version_of(facts))
        for match, facts in sorted(found.items())
    ]
    return Found(kind, root, files)


def _name_below(root: str, path: str) -> str:
    """How a file of a remote folder is called in it; in an object store any text is a name."""
    name = posixpath.relpath(path, root)
    if name.startswith("../"):
        raise UserErrorException(f"The name of {path} leads out of the folder {root}; leave it out with a pattern.")
    return name


_DIGESTS = ("ETag", "etag", "md5Hash", "md5", "checksum")
_MOMENTS = ("LastModified", "last_modified", "mtime", "modified", "modify", "updated")


def version_of(facts: Mapping[str, Any]) -> str:
    """What a storage says of a file's content, as one text: its size and a digest, or else when it was written.

    "" when the size is all it says. Moments do not stand beside a digest: storages tell them more or less exactly.
    """
    for names in (_DIGESTS, _MOMENTS):
        told = next((str(facts[name]) for name in names if facts.get(name)), "")
        if told:
            return f"{facts.get('size')} {told}"
    return ""


def exists(place: Place, path: str) -> bool:
    """Whether there is a file of that path in a place."""
    if is_local(place):
        return os.path.exists(local_path(place, path))
    with remote_errors(place, "read"):
        system, base = filesystem(place)
        return bool(system.exists(posixpath.join(base, path)))
