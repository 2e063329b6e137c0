"""Which of the things on the disk are meant by what was asked, and which of them stay after all. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ..engines.protocol import BUILD_CACHE, IMAGE, NAMELESS, VIRTUALENV
from ..errors import NameNotFoundException, UserErrorException
from .items import BYTECODE, DiskItem, EnvironmentVersion

_UNIT_S = {"h": 3600, "d": 86400, "w": 7 * 86400}
_SHORTEST_ID = 8


@dataclass(frozen=True)
class Asked:
    """What is to be deleted; nothing by default.

    Attributes:
        names: environments (``torch``, ``torch:2``), or things by their name or id.
        unused: what no latest version of an environment and no run that is not over needs.
        older_than_s: what no run has used for so long; together with ``unused``, both must hold.
        build_cache: what the engine's builder keeps of builds by this package, whoever's they were.
    """

    names: tuple[str, ...] = ()
    unused: bool = False
    older_than_s: float | None = None
    build_cache: bool = False


def seconds_of(text: str | float | timedelta | None) -> float | None:
    """A time span: ``30d``, ``12h``, ``2w``, a number of days, or a timedelta; in seconds.

    Raises:
        UserErrorException: it is none of these.
    """
    if text is None:
        return None
    if isinstance(text, timedelta):
        return text.total_seconds()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([hdw]?)", str(text).strip().lower())
    if not found:
        raise UserErrorException(f"{text!r} is not a time span; write 30d, 12h or 2w.")
    return float(found[1]) * _UNIT_S[found[2] or "d"]


def choose(
    items: Sequence[DiskItem], registered: Iterable[EnvironmentVersion], workspace: str, asked: Asked, now: float
) -> tuple[list[DiskItem], list[DiskItem]]:
    """What to delete, and what was asked for and stays (with ``keep`` saying why).

    Args:
        registered: all versions of environments that there are.
        workspace: name of the folder of the workspace that asks; names are those of its environments.

    Raises:
        NameNotFoundException: a name is that of nothing.
    """
    known = {version for version in registered if version.home == workspace}
    versions, things = _named(items, known, asked.names)
    chosen: list[DiskItem] = []
    kept: list[DiskItem] = []
    for item in items:
        by_name = item.key in things or _leads(item, versions, asked.names)
        by_age = _fits(item, asked, now)
        if not by_name and not by_age and not (asked.build_cache and item.kind == BUILD_CACHE):
            continue
        why = item.keep or (_others(item, versions, workspace) if by_name and item.key not in things else "")
        if by_name and item.ours is False:
            why = why or "another home folder on this engine made it"
        if not why:
            chosen.append(item)
        elif by_name:
            kept.append(replace(item, keep=why))
    images = {item.key for item in chosen}
    chosen += [
        item
        for item in items
        if item.kind == BYTECODE and not item.keep and item not in chosen and images & {*item.stands_on}
    ]
    return chosen, kept


def _named(
    items: Sequence[DiskItem], known: set[EnvironmentVersion], names: Iterable[str]
) -> tuple[set[EnvironmentVersion], set[str]]:
    """The versions of environments, and the keys of the things, that are named."""
    versions: set[EnvironmentVersion] = set()
    things: set[str] = set()
    for name in names:
        fitting = {version for version in known if name in (version.name, str(version))}
        keys = {item.key for item in items if not fitting and _is_called(item, name)}
        if not fitting and not keys and not any(name and item.made_for == name for item in items):
            there = {*map(str, known), *(version.name for version in known)}
            raise NameNotFoundException("environment or image", name, there)
        versions |= fitting
        things |= keys
    return versions, things


def _is_called(item: DiskItem, name: str) -> bool:
    bare = name.removeprefix("sha256:")
    is_id = len(bare) >= _SHORTEST_ID and item.key.removeprefix("sha256:").startswith(bare)
    return name in (item.name, item.name.removeprefix("localhost/"), item.name.removeprefix("docker.io/")) or is_id


def _leads(item: DiskItem, versions: set[EnvironmentVersion], names: Iterable[str]) -> bool:
    """Whether it is an image of these versions, or one that was made for the name and to which nothing leads now."""
    if item.kind not in (IMAGE, VIRTUALENV):
        return False
    if item.environments:
        return bool(versions.intersection(item.environments))
    return bool(item.made_for) and item.made_for in names and item.ours is True


def _others(item: DiskItem, versions: set[EnvironmentVersion], workspace: str) -> str:
    """Who else needs it, as a clause."""
    others = [version for version in item.environments if version not in versions]
    if not others:
        return ""
    first = others[0]
    if first.home != workspace:
        return f"the environment {first} of the workspace {first.workspace} has it too"
    return f"the environment {first} has it too; name that as well to delete it"


def _fits(item: DiskItem, asked: Asked, now: float) -> bool:
    """Whether age and use say that it can go."""
    if item.ours is not True or not (asked.unused or asked.older_than_s is not None):
        return False
    is_old = asked.older_than_s is None or (item.last_used or 0) < now - asked.older_than_s
    if item.kind in (IMAGE, NAMELESS, VIRTUALENV):
        return is_old and not (asked.unused and any(version.latest for version in item.environments))
    return asked.unused and item.passing and is_old
