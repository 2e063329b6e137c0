"""The values that tell what is on the disk, what was deleted, and what was not and why."""

from __future__ import annotations

from dataclasses import dataclass

from ..engines.protocol import Stored

BYTECODE = "compiled modules"
SNAPSHOTS = "snapshots"
RUNS = "runs' folders"
BUILDS = "build logs"
CONDA = "conda downloads"
DATA = "downloaded data"


@dataclass(frozen=True)
class EnvironmentVersion:
    """A version of a registered environment.

    Attributes:
        home: name of its workspace's folder, which is unique where the workspace's name may not be.
        latest: whether it is the newest of its name.
    """

    home: str
    workspace: str
    name: str
    version: str
    latest: bool = False

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True)
class DiskItem:
    """One thing on the disk.

    Attributes:
        place: the engine that keeps it, or ``home`` for the home folder.
        key: what it is found by there: an image id, a folder.
        kind: what it is, in a word or two, such as ``image``.
        size_bytes: all of it.
        own_bytes: what is freed when it alone goes, the rest being shared; None when that is not known.
        ours: whether this home folder made it, None when nobody can tell.
        made_for: the environment it was first made for, "" when it is not an environment's.
        environments: the registered versions that lead to it, in all workspaces of the home folder.
        runs: ids of the runs that used it, newest first.
        last_used: when a run used it last, else when it was made; unix seconds.
        stands_on: keys of other things whose files it shares.
        passing: nobody would miss it.
        keep: why it is not deleted, whoever asks; "" when it can be.
    """

    place: str
    key: str
    kind: str
    name: str
    size_bytes: int
    own_bytes: int | None = None
    ours: bool | None = True
    made_for: str = ""
    environments: tuple[EnvironmentVersion, ...] = ()
    runs: tuple[str, ...] = ()
    last_used: float | None = None
    stands_on: tuple[str, ...] = ()
    passing: bool = False
    keep: str = ""

    def stored(self) -> Stored:
        """As its engine knows it."""
        return Stored(self.key, self.kind, self.name, self.size_bytes, self.own_bytes, self.ours, self.made_for)


@dataclass(frozen=True)
class DiskUsage:
    """What there is, with notes about what could not be looked at."""

    items: tuple[DiskItem, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pruning:
    """What was deleted, or would be.

    Attributes:
        usage: all there was before.
        chosen: what was deleted, or would be when :attr:`deleted` is False.
        kept: what was asked for and stays; ``keep`` of each says why.
        freed_bytes: by how much the engines' own counts and the home folder went down. Others who work on an engine at
            the same time are in it too. None when nothing was deleted, or an engine does not count.
        deleted: False for a dry run, and when there was nothing to delete.
    """

    usage: DiskUsage
    chosen: tuple[DiskItem, ...] = ()
    kept: tuple[DiskItem, ...] = ()
    freed_bytes: int | None = None
    deleted: bool = False
