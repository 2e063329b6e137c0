"""Which files a data set has: sources, and steps that choose among them. Plain values, as they are stored.

::

    {"kind": "file", "sources": [{"base": "/data", "path": "pets/**", "label": "workspaceblobstore"}],
     "steps": [["take", 10]], "options": {}}
"""

from __future__ import annotations

import os
import posixpath
import random
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any
from urllib.parse import urlsplit

from ..errors import UserErrorException
from .places import File, Found, files_of, is_local

Definition = Mapping[str, Any]


@dataclass(frozen=True)
class Files:
    """The files of a data set, as of now.

    Attributes:
        files: by name.
        folder: the folder of this machine that holds exactly them, None when there is no such folder.
        single: whether they were named as a single file.
    """

    files: tuple[File, ...]
    folder: str | None
    single: bool


def files_in(definition: Definition) -> Files:
    """The files of a data set, as of now.

    Raises:
        UserErrorException: one of its sources has none, or cannot be read.
    """
    found = [files_of(source, source["path"]) for source in definition["sources"]]
    only = found[0] if len(found) == 1 else None
    files = only.files if only else _named(definition["sources"], found)
    steps = (definition.get("steps") or ()) if definition["kind"] == "file" else ()
    for step in steps:
        files = chosen(files, step)
    whole = only and not steps and only.kind == "folder" and is_local(definition["sources"][0])
    return Files(
        files=tuple(files),
        folder=only.root if only and whole else None,
        single=bool(only and not steps and only.kind == "file"),
    )


def _named(sources: Sequence[Mapping[str, Any]], found: Sequence[Found]) -> list[File]:
    """The files of several sources under names that differ: relative to what their folders have in common."""
    if all(map(is_local, sources)) or len({source["base"] for source in sources}) == 1:
        common = posixpath.commonpath([one.root for one in found])
        named = {
            posixpath.relpath(os.path.join(one.root, file.name), common): file for one in found for file in one.files
        }
    else:
        named = {}
        for source, one in zip(sources, found, strict=True):
            for file in one.files:
                named[_free_name(file.name, source, named)] = file
    return [replace(file, name=name) for name, file in sorted(named.items())]


def _free_name(name: str, source: Mapping[str, Any], taken: Container[str]) -> str:
    """The file's own name, or one with where it comes from in front."""
    where = urlsplit(source["base"])
    folders = [part for part in posixpath.dirname(where.path).split("/") if part not in ("", ".", "..")]
    origin = source["label"] or "/".join([where.hostname or "here", *folders])
    names = (f"{origin}/{number}/{name}" for number in count(2))
    return next(free for free in chain((name, f"{origin}/{name}"), names) if free not in taken)


def chosen(items: Sequence[Any], step: Sequence[Any]) -> list[Any]:
    """What a step leaves of some items.

    Raises:
        UserErrorException: the step is one of a later version.
    """
    kind, *values = step
    if kind == "take":
        return list(items[: values[0]])
    if kind == "skip":
        return list(items[values[0] :])
    if kind == "between":  # by lot: the same seed gives the same numbers, so that two parts make up the whole
        low, high, seed = values
        lots = random.Random(seed)
        return [item for item in items if low <= lots.random() < high]
    raise UserErrorException(f"The step '{kind}' of the data set is not known to this version.")
