"""What environments and runs take on the disk, and how some of it is deleted: only what is asked, nothing in use."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data import downloads
from ..engines.protocol import JOB, NAMELESS, Discarded, Stored
from ..engines.registry import default_engine_name, docker_problem, get_engine
from ..errors import EngineException, StoreException
from ..home import home_folder
from ..runs import status as states
from ..runs.store import Store
from ..submission.unneeded import find_unneeded, remove_unneeded
from ..workspace_settings import all_settings, folder_of_settings
from .choice import Asked, choose
from .items import BUILDS, BYTECODE, CONDA, DATA, RUNS, SNAPSHOTS, DiskItem, DiskUsage, EnvironmentVersion, Pruning
from .size import folder_size

if TYPE_CHECKING:
    from ..runs.record import RunUse

_HOME = "home"
_LIVE = "run:"


@dataclass(frozen=True)
class _Known:
    """What the workspaces of the home folder know: which environments there are, and what runs use."""

    folders: Mapping[Path, str]
    environments: Mapping[str, EnvironmentVersion]
    specs: Mapping[str, Mapping[str, Any]]
    uses: Sequence[RunUse]

    @classmethod
    def of_home(cls) -> _Known:
        folders = {folder_of_settings(settings): str(settings["name"]) for settings in all_settings()}
        environments: dict[str, EnvironmentVersion] = {}
        specs: dict[str, Mapping[str, Any]] = {}
        uses: list[RunUse] = []
        for folder, workspace in folders.items():
            store = Store(folder)
            latest = {name: found["version"] for name, found in store.list_environments().items()}
            for spec in store.all_environments():
                name, version = str(spec["name"]), str(spec["version"])
                key = f"{folder.name}/{name}:{version}"
                environments[key] = EnvironmentVersion(folder.name, workspace, name, version, latest[name] == version)
                specs[key] = spec
            uses += store.uses()
            for run in store.runs(status=(*states.ACTIVE, *states.WAITING)):
                specs[_LIVE + run.id] = run.definition["environment"]
        return cls(folders, environments, specs, uses)

    @property
    def live(self) -> list[RunUse]:
        return [use for use in self.uses if use.status not in states.TERMINAL]


def disk_usage(workspace_folder: Path) -> DiskUsage:
    """All there is, as one workspace sees it: of the home folder and the engines, and this workspace's own files."""
    return _look(_Known.of_home(), workspace_folder)


def prune(workspace_folder: Path, asked: Asked, dry_run: bool) -> Pruning:
    """Delete what is asked for, unless it is in use.

    Raises:
        NameNotFoundException: a name is that of nothing.
        EngineException: an engine stopped answering half-way; what is deleted by then is whole and gone.
    """
    known = _Known.of_home()
    usage = _look(known, workspace_folder)
    while True:
        chosen, kept = choose(usage.items, known.environments.values(), workspace_folder.name, asked, time.time())
        now = known if dry_run else _Known.of_home()
        if {use.id for use in now.live} <= {use.id for use in known.live}:
            break
        known, usage = now, _look(now, workspace_folder)  # a run came in while we looked
    if dry_run or not chosen:
        return Pruning(usage, tuple(chosen), tuple(kept), None, deleted=False)
    done = [_discard(place, [item for item in chosen if item.place == place]) for place in _places(chosen)]
    refused = {key: why for discarded in done for key, why in discarded.refused.items()}
    freed = [discarded.freed_bytes for discarded in done]
    return Pruning(
        usage,
        tuple(item for item in chosen if item.key not in refused),
        (*kept, *(replace(item, keep=refused[item.key]) for item in chosen if item.key in refused)),
        None if None in freed else sum(filter(None, freed)),
        deleted=True,
    )


# --- looking -------------------------------------------------------------------------------------------------------


def _look(known: _Known, workspace_folder: Path) -> DiskUsage:
    items: list[DiskItem] = []
    notes = []
    problem = docker_problem()
    names = dict.fromkeys([default_engine_name(), *([] if problem else ["docker"]), "local"])
    if problem:
        notes.append(f"Images are not listed: {problem}")
    for name in names:
        try:
            items += [_item(name, thing, known) for thing in get_engine(name).stored(known.specs)]
        except EngineException as error:
            notes.append(f"What the engine {name} keeps is not listed: {error.message}")
    items += _bytecode(items, known, images_known=not notes)
    items += _snapshots(known)
    items += _downloads()
    items += _listed_only(workspace_folder)
    return DiskUsage(tuple(items), tuple(notes))


def _item(place: str, thing: Stored, known: _Known) -> DiskItem:
    uses = [use for use in known.uses if use.image == thing.key]
    live = [use.id for use in uses if use.status not in states.TERMINAL]
    live += [key.removeprefix(_LIVE) for key in thing.environments if key.startswith(_LIVE)]
    ours, passing = thing.ours, thing.passing
    if thing.kind == JOB:
        run = next((use for use in known.uses if use.id == thing.name), None)
        ours = run is not None or None
        live = [run.id] if run and run.status not in states.TERMINAL else []
    elif thing.kind == NAMELESS and uses:
        ours = True
    return DiskItem(
        place=place,
        key=thing.key,
        kind=thing.kind,
        name=thing.name,
        size_bytes=thing.size_bytes,
        own_bytes=thing.own_bytes,
        ours=ours,
        made_for=thing.made_for,
        environments=tuple(known.environments[key] for key in thing.environments if key in known.environments),
        runs=tuple(use.id for use in uses),
        last_used=max([thing.used_at, *(use.at for use in uses)]),
        stands_on=thing.stands_on,
        passing=passing,
        keep=f"the run {live[0]} is not over" if live else thing.busy,
    )


def _bytecode(items: Sequence[DiskItem], known: _Known, images_known: bool) -> Iterator[DiskItem]:
    """The modules that jobs compiled, one folder per image; they are of no use without it."""
    images = {_bytecode_name(item.key): item for item in items if item.key.startswith("sha256:")}
    live = {_bytecode_name(use.image): use.id for use in known.live if use.image}
    for folder in sorted((home_folder() / "bytecode").glob("*")):
        image = images.get(folder.name)
        size = folder_size(folder).bytes
        yield DiskItem(
            place=_HOME,
            key=str(folder),
            kind=BYTECODE,
            name=f"of {image.name if image else folder.name[:12]}",
            size_bytes=size,
            own_bytes=size,
            ours=True,
            last_used=image.last_used if image else folder.stat().st_mtime,
            stands_on=(image.key,) if image else (),
            passing=image is None and images_known,
            keep=f"the run {live[folder.name]} is not over" if folder.name in live else "",
        )


def _bytecode_name(image_id: str) -> str:
    return image_id.rpartition(":")[2][:32]


def _snapshots(known: _Known) -> Iterator[DiskItem]:
    """What lies in the object stores although no run refers to it."""
    for folder, name in known.folders.items():
        try:
            found = find_unneeded(folder / "objects", _snapshots_of(folder))
        except StoreException as error:
            yield DiskItem(_HOME, str(folder), SNAPSHOTS, f"in workspace {name}", 0, keep=error.message)
            continue
        if found.size_bytes:
            count = len(found.manifests)
            yield DiskItem(
                place=_HOME,
                key=str(folder),
                kind=SNAPSHOTS,
                name=f"{count} that no run in workspace {name} refers to",
                size_bytes=found.size_bytes,
                own_bytes=found.size_bytes,
                ours=True,
                passing=True,
            )


def _snapshots_of(workspace_folder: Path) -> list[str]:
    return [use.snapshot for use in Store(workspace_folder).uses()]


def _downloads() -> Iterator[DiskItem]:
    """What runs were given from behind addresses, by storage; runs have it under names of their own."""
    for storage in downloads.storages():
        size = folder_size(storage.folder)
        yield DiskItem(
            place=_HOME,
            key=str(storage.folder),
            kind=DATA,
            name=storage.name,
            size_bytes=size.bytes,
            own_bytes=size.own_bytes,
            ours=True,
            last_used=storage.last_used,
            passing=True,
        )


def _listed_only(workspace_folder: Path) -> Iterator[DiskItem]:
    wrote = "only listed; %aml_runs --prune deletes what jobs wrote elsewhere than in outputs and logs"
    loaded = "only listed; its folder may be deleted by hand while nothing is built"
    for kind, folder, keep in (
        (RUNS, workspace_folder / "runs", wrote),
        (BUILDS, workspace_folder / "builds", "only listed; the newest 100 logs are kept"),
        (CONDA, home_folder() / "conda", loaded),
    ):
        size = folder_size(folder)
        if size.bytes:
            count = sum(1 for _ in folder.iterdir())
            yield DiskItem(_HOME, str(folder), kind, f"{count} in {folder}", size.bytes, size.own_bytes, keep=keep)


# --- deleting ------------------------------------------------------------------------------------------------------


def _places(items: Sequence[DiskItem]) -> list[str]:
    """Engines first: what the home folder keeps for an image is of no use once that is gone, and not before."""
    return sorted({item.place for item in items}, key=lambda place: place == _HOME)


def _discard(place: str, items: Sequence[DiskItem]) -> Discarded:
    if place != _HOME:
        return get_engine(place).discard([item.stored() for item in items])
    gone, refused, freed = [], {}, 0
    for item in items:
        try:
            freed += _delete(item)
        except (OSError, StoreException) as error:
            refused[item.key] = error.message if isinstance(error, StoreException) else str(error)
        else:
            gone.append(item.key)
    return Discarded(tuple(gone), refused, freed)


def _delete(item: DiskItem) -> int:
    folder = Path(item.key)
    if item.kind == SNAPSHOTS:
        return remove_unneeded(folder / "objects", partial(_snapshots_of, folder))
    size = folder_size(folder).bytes
    if item.kind != DATA:
        shutil.rmtree(folder)
        return size
    downloads.forget(folder, time.time())
    return size - folder_size(folder).bytes
