"""What a container engine keeps on the disk for us, and how it lets go of it without touching what is not ours.

An image is ours when it has our labels *and* the name that we give to images with these labels: one that somebody
built on top of ours inherits the labels, but not the name. One that lost its name to a newer build cannot be told from
that, so it is listed, and only deleted when it is asked for by its id. The label ``amltrain.home`` tells whose it is.

Deleting an image alone frees nothing on an engine with BuildKit: its build cache still holds the layers. So the cache
records are looked at before and after, and those that only the deleted images shared are deleted too, each by its id.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..environment.api import EngineApi
from ..environment.dockerfile import HOME_LABEL, MOUNT, STAGE_LABEL
from ..environment.image import images_of
from ..environment.inspection.found import DEFINITION_LABEL, ENVIRONMENT_LABEL, FINGERPRINT_LABEL, REPOSITORY
from ..environment.maker import SETTINGS_LABEL
from ..home import home_id
from .protocol import (
    BASE,
    BUILD_CACHE,
    IMAGE,
    JOB,
    NAMELESS,
    PROBE,
    SETTINGS,
    STAGE,
    Discarded,
    EnvironmentSpec,
    Stored,
)

if TYPE_CHECKING:
    from docker import DockerClient

_PASSING_S = 3600.0
"""What is needed for a moment only is left alone for so long."""

_OUR_STEP = f"{MOUNT}/settings.sh"
"""Every step that we render or add settings to begins with it, and BuildKit's records show how their step begins."""

_DIGITS = 12


def list_stored(client: DockerClient, environments: Mapping[str, EnvironmentSpec]) -> tuple[Stored, ...]:
    """See :meth:`Engine.stored`."""
    api = EngineApi(client)
    engine = _Looked.at(api)
    ours = {bare(image["Id"]): image for image in engine.images if _own_names(image)}
    details = {key: api.inspect_image(image["Id"]) or {} for key, image in ours.items()}
    known = {
        str(image["Labels"].get(label)): details[key]
        for key, image in sorted(ours.items(), key=lambda item: item[1].get("Created") or 0)
        for label in (DEFINITION_LABEL, FINGERPRINT_LABEL)
    }
    leads: dict[str, list[str]] = {}
    bases: dict[str, str] = {}
    for name, spec in environments.items():
        found_bases, found = images_of(client, spec, known)
        bases |= {bare(base): reference for reference, base in found_bases.items()}
        for key in {bare(item) for item in (*found_bases.values(), *found)}:
            leads.setdefault(key, []).append(name)
    layers = {key: tuple((info.get("RootFS") or {}).get("Layers") or ()) for key, info in details.items()}
    things = []
    for image in engine.images:
        key = bare(image["Id"])
        labels = image.get("Labels") or {}
        if key in ours:
            kind = IMAGE if FINGERPRINT_LABEL in labels else SETTINGS
            name = min(_own_names(image))
            busy = _also_named(image) or engine.used_by.get(key, "")
        elif key in bases:
            kind, name, busy = BASE, bases[key], engine.used_by.get(key, "")
        elif not image.get("RepoTags") and {FINGERPRINT_LABEL, STAGE_LABEL} & labels.keys():
            kind = STAGE if STAGE_LABEL in labels else NAMELESS
            name, busy = f"{labels.get(ENVIRONMENT_LABEL, '')} {key[:_DIGITS]}".strip(), engine.used_by.get(key, "")
        else:
            continue
        size, shared = int(image.get("Size") or 0), engine.shared.get(key, -1)
        if kind == BASE and len(image.get("RepoTags") or ()) > 1:
            shared = size  # it loses one of its names only
        used = max(float(image.get("Created") or 0), _named_at(details.get(key) or {}))
        below = [other for other, stack in layers.items() if stack and stack == layers.get(key, ())[: len(stack)]]
        things.append(
            Stored(
                key=str(image["Id"]),
                kind=kind,
                name=name,
                size_bytes=size,
                own_bytes=size - shared if shared >= 0 and engine.layers_bytes else None,
                ours=_is_ours(kind, labels),
                made_for=labels.get(ENVIRONMENT_LABEL, "") if kind == IMAGE else "",
                used_at=used,
                environments=tuple(leads.get(key, ())),
                stands_on=tuple(str(ours[other]["Id"]) for other in below if other != key),
                busy=busy,
            )
        )
    return (*_with_passing(things), *engine.left_containers(), *engine.build_cache())


def discard_stored(client: DockerClient, things: Sequence[Stored]) -> Discarded:
    """See :meth:`Engine.discard`."""
    if not things:
        return Discarded()
    api = EngineApi(client)
    before = _Looked.at(api)
    gone: list[str] = []
    refused: dict[str, str] = {}
    for thing in sorted(things, key=lambda thing: thing.kind not in (PROBE, JOB)):  # they hold on to images
        if thing.kind == BUILD_CACHE:
            continue
        why = _remove_container(api, thing) if thing.kind in (PROBE, JOB) else _remove_image(api, thing)
        if why:
            refused[thing.key] = why
        else:
            gone.append(thing.key)
    after = _Looked.at(api)
    vanished = before.ids - after.ids
    if vanished and vanished <= {bare(key) for key in gone}:  # else it cannot be told whose layers are free now
        _drop_records(api, before.records_in_images - after.records_in_images)
    for thing in things:
        if thing.kind == BUILD_CACHE:
            _drop_records(api, {str(record["ID"]) for record in after.our_records()})
            gone.append(thing.key)
    was, now = before.size_bytes, _Looked.at(api).size_bytes
    return Discarded(tuple(gone), refused, None if was is None or now is None else max(0, was - now))


def bare(image_id: str) -> str:
    """An image id without the name of its hash, which Podman leaves out at times."""
    return image_id.rpartition(":")[2]


@dataclass(frozen=True)
class _Looked:
    """The engine's own account of its disk at one moment."""

    images: Sequence[Mapping[str, Any]]
    shared: Mapping[str, int]
    containers: Sequence[Mapping[str, Any]]
    records: Sequence[Mapping[str, Any]]
    layers_bytes: int | None

    @classmethod
    def at(cls, api: EngineApi) -> _Looked:
        _, images = api.get("/images/json")
        _, usage = api.get("/system/df", timeout_s=600)
        _, containers = api.get("/containers/json", params={"all": "1"})
        usage = usage or {}
        return cls(
            images=[{**image, "RepoTags": _names(image)} for image in images or ()],
            shared={bare(str(item["Id"])): int(item.get("SharedSize", -1)) for item in usage.get("Images") or ()},
            containers=containers or (),
            records=usage.get("BuildCache") or (),
            layers_bytes=int(usage.get("LayersSize") or 0) or None,
        )

    @property
    def ids(self) -> set[str]:
        return {bare(str(image["Id"])) for image in self.images}

    @property
    def size_bytes(self) -> int | None:
        """Layers of images, and what the builder keeps beside them; None when the engine does not count."""
        if self.layers_bytes is None and self.images:
            return None
        return (self.layers_bytes or 0) + sum(int(record["Size"]) for record in self.records if not record["Shared"])

    @property
    def records_in_images(self) -> set[str]:
        return {str(record["ID"]) for record in self.records if record["Shared"]}

    @property
    def used_by(self) -> dict[str, str]:
        """Image → the container that needs it, as a clause."""
        left = {thing.key for thing in self.left_containers() if thing.passing}
        return {
            bare(str(container["ImageID"])): f"the container {_name_of(container)} uses it"
            for container in self.containers
            if container["Id"] not in left
        }

    def our_records(self) -> Iterator[Mapping[str, Any]]:
        """Records of the builder that belong to steps of ours, or of anybody who uses this package on the engine."""
        for record in self.records:
            if _OUR_STEP in record.get("Description", "") and not record["Shared"] and not record["InUse"]:
                yield record

    def build_cache(self) -> list[Stored]:
        size = sum(int(record["Size"]) for record in self.our_records())
        if not size:
            return []
        return [Stored(BUILD_CACHE, BUILD_CACHE, "steps and downloads of earlier builds", size, size)]

    def left_containers(self) -> list[Stored]:
        """Containers that nobody may take away any more: probes of a killed process, and ended jobs."""
        before = time.time() - _PASSING_S
        return [
            Stored(
                key=str(item["Id"]),
                kind=PROBE if "amltrain.probe" in item["Labels"] else JOB,
                name=str(item["Labels"].get("amltrain.run") or _name_of(item)),
                size_bytes=0,
                ours=True if "amltrain.probe" in item["Labels"] else None,
                used_at=float(item["Created"]),
                passing=item["Created"] < before,
            )
            for item in self.containers
            if {"amltrain.probe", "amltrain.run"} & (item.get("Labels") or {}).keys()
            and item.get("State") in ("created", "exited", "dead")
        ]


def _names(image: Mapping[str, Any]) -> list[str]:
    return [name for name in image.get("RepoTags") or () if name != "<none>:<none>"]


def _name_of(container: Mapping[str, Any]) -> str:
    return str((container.get("Names") or ["?"])[0]).lstrip("/")


def _own_names(image: Mapping[str, Any]) -> list[str]:
    """The names that we give to images with the labels of this one, of those that it has."""
    labels = image.get("Labels") or {}
    digits = str(labels.get(FINGERPRINT_LABEL, ""))[:_DIGITS]
    settings = str(labels.get(SETTINGS_LABEL, ""))[:_DIGITS]
    patterns = [f"[a-z0-9-]+:{digits}"] * bool(digits) + [f"settings:{settings}"] * bool(settings)
    ours = re.compile(rf"(?:localhost/|docker\.io/)?{REPOSITORY}/(?:{'|'.join(patterns)})")  # Podman adds these
    return [name for name in image.get("RepoTags") or () if patterns and ours.fullmatch(name)]


def _also_named(image: Mapping[str, Any]) -> str:
    other = min({*(image.get("RepoTags") or ())} - {*_own_names(image)}, default="")
    return f"it also has the name {other}, from a push or by hand; docker rmi {other} takes that away" if other else ""


def _is_ours(kind: str, labels: Mapping[str, str]) -> bool | None:
    if kind in (BASE, NAMELESS) or HOME_LABEL not in labels:
        return None
    return labels[HOME_LABEL] == home_id()


def _named_at(info: Mapping[str, Any]) -> float:
    """When an image was last named, unix seconds; 0 when the engine does not say."""
    text = str((info.get("Metadata") or {}).get("LastTagTime") or "")
    found = re.fullmatch(r"([\d-]+T[\d:]+)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if not found or text.startswith("0001"):
        return 0.0
    return datetime.fromisoformat(found[1] + found[2].replace("Z", "+00:00")).timestamp()


def _with_passing(things: Iterable[Stored]) -> Iterator[Stored]:
    """The same, with those marked that were needed for a moment; the newest settings image is likely needed again."""
    before = time.time() - _PASSING_S
    things = list(things)
    newest = max((thing.used_at for thing in things if thing.kind == SETTINGS and thing.ours), default=0.0)
    for thing in things:
        moment = thing.kind == STAGE or (thing.kind == SETTINGS and thing.used_at < newest)
        yield replace(thing, passing=moment and thing.used_at < before)


def _remove_image(api: EngineApi, thing: Stored) -> str:
    """Take an image of ours away; why it is still there, a clause."""
    info = api.inspect_image(thing.key)
    if info is None:
        return ""
    image = {"RepoTags": info.get("RepoTags"), "Labels": (info.get("Config") or {}).get("Labels")}
    names = [thing.name] if thing.kind == BASE else _own_names(image)
    others = {*(info.get("RepoTags") or ())} - {*names}
    if others and thing.kind != BASE:
        return _also_named(image) or f"it is named {min(others)} now"
    # Never by force, so the engine itself keeps what a container uses; and without the nameless images below, which
    # may be another tool's.
    for name in names or [thing.key]:
        status, why = api.remove("/images/{0}", name, params={"noprune": "1"})
        if status >= 400 and status != 404:
            return f"the engine refuses: {why}"
    return "" if others or api.inspect_image(thing.key) is None else "other images stand on it"


def _remove_container(api: EngineApi, thing: Stored) -> str:
    status, why = api.remove("/containers/{0}", thing.key, params={"v": "1"})
    return f"the engine refuses: {why}" if status >= 400 and status != 404 else ""


def _drop_records(api: EngineApi, ids: Iterable[str]) -> None:
    """Delete these records of the builder; one that others stand on goes after them, and one in use stays."""
    left = set(ids)
    while left:
        done = {record for record in left if _drop_record(api, record)}
        if not done:
            return
        left -= done


def _drop_record(api: EngineApi, record: str) -> bool:
    status, answer = api.post("/build/prune", params={"filters": json.dumps({"id": [record]})})
    return status == 200 and bool((answer or {}).get("CachesDeleted"))
