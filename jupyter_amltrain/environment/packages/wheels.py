"""Wheels of this machine in package lists: ``./dist/x.whl``, ``x @ file:///…/x.whl`` or a mere ``file:`` address."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ...errors import UserErrorException
from ..conda.dependencies import package_name

if TYPE_CHECKING:
    from ...workspace import Workspace

WHEELS_FOLDER = "wheels"

_LOCAL = re.compile(
    r"(?:(?P<name>[\w.-]+(?:\[[^\]]*\])?)\s*@\s*)?file:(?://(?:localhost)?)?(?P<path>/\S+\.whl)(?=\s*(?:;|$))"
)
_PATH = re.compile(r"(?!\w+:|\w[\w.-]*\s*@)(?P<path>[^\s;\[]+\.whl)(?P<extras>\[[^\]]*\])?(?P<rest>\s*;.*)?")


def wheel_path(line: str) -> str:
    """The file of this machine that a requirement line names, "" when it names none."""
    found = _LOCAL.match(line.strip())
    return unquote(found["path"]) if found else ""


def with_address(line: str, folder: str | os.PathLike[str] | None = None) -> str:
    """A requirement line that is the path of a wheel, as one with an address; any other line as it is.

    Args:
        folder: what a relative path starts from; None for the current folder.

    Raises:
        UserErrorException: there is no such file, or its name is not that of a wheel.
    """
    found = _PATH.fullmatch(line)
    if found:
        path = Path(folder or ".", Path(found["path"]).expanduser()).absolute()
        line = f"{_name(path)}{found['extras'] or ''} @ {path.as_uri()}{found['rest'] or ''}"
    path_text = wheel_path(line)
    if path_text and not os.path.isfile(path_text):
        raise UserErrorException(f"There is no wheel {path_text}.")
    return line


def wheel_files(lines: Iterable[str]) -> dict[str, str]:
    """The wheels that requirement lines name: the name under which each goes along with a build, and its path."""
    return {f"{WHEELS_FOLDER}/{os.path.basename(path)}": path for line in lines if (path := wheel_path(line))}


def moved(line: str, folder: str) -> str:
    """A requirement line whose wheel is in another folder; any other line as it is."""
    path = wheel_path(line)
    if not path:
        return line
    found = _LOCAL.match(line.strip())
    assert found
    name = found["name"] or package_name(path)
    return f"{name} @ file://{folder}/{WHEELS_FOLDER}/{os.path.basename(path)}{line.strip()[found.end() :]}"


def content_line(line: str) -> str:
    """A requirement line that names a wheel's content in place of its path; any other line as it is.

    Raises:
        UserErrorException: the wheel is not there any more.
    """
    path = wheel_path(line)
    if not path:
        return line
    try:
        status = os.stat(path)
        return moved(line, _digest(path, status.st_mtime_ns, status.st_size))
    except OSError as error:
        raise UserErrorException(
            f"The wheel {path} cannot be read: {error.strerror}. Build it again, or correct the package list.",
            inner_exception=error,
        ) from error


def add_wheel(workspace: Workspace, file_path: str | os.PathLike[str], exist_ok: bool) -> str:
    """What ``Environment.add_private_pip_wheel`` does."""
    path = Path(file_path).expanduser()
    if not path.is_file():
        raise UserErrorException(f"There is no wheel {path.absolute()}.")
    _name(path)
    kept = workspace.folder / WHEELS_FOLDER / path.name
    if kept.exists() and not exist_ok:
        raise UserErrorException(
            f"The workspace has a wheel {path.name} already. Give the new one another version, or set exist_ok=True to"
            " use it in place of the other."
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(f".{path.name}.{os.getpid()}")
    shutil.copyfile(path, partial)
    partial.replace(kept)
    return kept.as_uri()


@lru_cache(maxsize=256)
def _digest(path: str, _changed_ns: int, _size: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _name(path: Path) -> str:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return str(parse_wheel_filename(path.name)[0])
    except InvalidWheelFilename as error:
        raise UserErrorException(
            f"'{path.name}' is not the name of a wheel, which is like name-1.0-py3-none-any.whl.", inner_exception=error
        ) from error
