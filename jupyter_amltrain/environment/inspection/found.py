"""Images that are on the engine: the labels that tell what they were made from, and how one is found by them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..api import EngineApi
from ..fingerprint import fingerprint

ENVIRONMENT_LABEL = "amltrain.environment"
FINGERPRINT_LABEL = "amltrain.fingerprint"
DEFINITION_LABEL = "amltrain.definition"
BASES_LABEL = "amltrain.bases"
STACK_LABEL = "amltrain.stack"
PACKAGES_LABEL = "amltrain.packages"
STACKED_LABEL = "amltrain.stacked"
BELOW_LABEL = "amltrain.stacked-on"

REPOSITORY = "amltrain"
"""Every image of ours is named ``amltrain/<environment>:<first digits of its fingerprint>``."""

_TAG_DIGITS = 12


@dataclass(frozen=True)
class Found:
    """An image on the engine: what it is called, what the engine knows of it, and whether this call made it.

    Attributes:
        origin: what stands for it in the definition of an image that is built on it: a base's reference, or the
            definition of an image of ours; "" means its name.
    """

    name: str
    info: Mapping[str, Any]
    made: bool = False
    origin: str = ""

    @property
    def id(self) -> str:
        """Its content id."""
        return str(self.info["Id"])

    @property
    def config(self) -> Mapping[str, Any]:
        """Its user, variables and labels."""
        return self.info.get("Config") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.config.get("Labels") or {}

    @property
    def digest(self) -> str:
        """Its digest at the registry where it has one, else its content id."""
        digests = self.info.get("RepoDigests") or ()
        return str(digests[0]).partition("@")[2] if digests else self.id

    @property
    def below(self) -> str:
        """The image that it is stacked on, "" when it is built in full."""
        return self.labels.get(BELOW_LABEL, "")


def image_labels(environment: str, bases: Sequence[Found], parts: Mapping[str, Any]) -> dict[str, str]:
    """The labels of an image; ``parts`` are arguments of :func:`fingerprint`.

    The fingerprint tells the content, the definition what the person wrote: it stays when a base's name comes to mean
    another image. The bases are named with their digests, so that this can be told. The rest is empty, for an image
    inherits the labels of its base.
    """
    origins = [base.origin or base.name for base in bases]
    return {
        ENVIRONMENT_LABEL: environment,
        FINGERPRINT_LABEL: fingerprint(bases=[base.id for base in bases], **parts),
        DEFINITION_LABEL: fingerprint(bases=origins, **parts),
        BASES_LABEL: json.dumps({origin: base.digest for origin, base in zip(origins, bases, strict=True)}),
        **dict.fromkeys((STACK_LABEL, PACKAGES_LABEL, STACKED_LABEL, BELOW_LABEL), ""),
    }


def image_tag(labels: Mapping[str, str]) -> str:
    """The name of an image with these labels."""
    slug = re.sub(r"[^a-z0-9]+", "-", labels[ENVIRONMENT_LABEL].lower()).strip("-")[:64] or "environment"
    return f"{REPOSITORY}/{slug}:{labels[FINGERPRINT_LABEL][:_TAG_DIGITS]}"


def id_name(image_id: str) -> str:
    """The name that an image without one gets, to build on it."""
    return f"{REPOSITORY}/base:{image_id.removeprefix('sha256:')[:_TAG_DIGITS]}"


def find_image(api: EngineApi, labels: Mapping[str, str]) -> Found | None:
    """The image with this content: by its tag, else by its label under another environment's name."""
    tag = image_tag(labels)
    info = api.inspect_image(tag)
    if info and (info.get("Config", {}).get("Labels") or {}).get(FINGERPRINT_LABEL) == labels[FINGERPRINT_LABEL]:
        return Found(tag, info, origin=labels[DEFINITION_LABEL])
    for other in named_images(api, FINGERPRINT_LABEL, labels[FINGERPRINT_LABEL]):
        api.tag(other["Id"], tag)
        info = api.inspect_image(tag)
        if info:
            return Found(tag, info, origin=labels[DEFINITION_LABEL])
    return None


def find_older_image(api: EngineApi, labels: Mapping[str, str]) -> Found | None:
    """The newest image of this definition, whichever images its bases' names meant when it was built."""
    for other in _newest_first(api, named_images(api, DEFINITION_LABEL, labels[DEFINITION_LABEL])):
        tag = image_tag({**other["Labels"], ENVIRONMENT_LABEL: labels[ENVIRONMENT_LABEL]})
        api.tag(other["Id"], tag)
        info = api.inspect_image(tag)
        if info:
            return Found(tag, info, origin=labels[DEFINITION_LABEL])
    return None


def _newest_first(api: EngineApi, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Images that are listed newest first, also those of one second: a list has no finer time, the image has."""
    if len({image.get("Created") for image in listed}) == len(listed):
        return listed

    def made_at(image: Mapping[str, Any]) -> tuple[int, str]:
        info = api.inspect_image(image["Id"]) or {}
        # Without the Z, for digits are left out at the end: .5Z would come after .51Z.
        return image.get("Created") or 0, str(info.get("Created") or "").rstrip("Z")

    return sorted(listed, key=made_at, reverse=True)


def named_images(api: EngineApi, label: str, value: str) -> list[dict[str, Any]]:
    """Our images with this label, newest first, as the engine lists them.

    Images that somebody else builds on ours inherit the labels, but not our names; and an image that a rebuilt one has
    replaced has lost its name.
    """
    found = [image for image in api.list_images(f"{label}={value}") if own_name(image)]
    return sorted(found, key=lambda image: image.get("Created") or 0, reverse=True)


def own_name(image: Mapping[str, Any]) -> str:
    """The name that we gave to an image which the engine lists, "" when it has none that fits its labels."""
    digits = str((image.get("Labels") or {}).get(FINGERPRINT_LABEL, ""))[:_TAG_DIGITS]
    ours = re.compile(rf"(?:localhost/|docker\.io/)?({REPOSITORY}/[a-z0-9-]+:{digits or '-'})")  # Podman adds these
    names = [found[1] for name in image.get("RepoTags") or () if (found := ours.fullmatch(name))]
    return min(names, default="")


def moved_bases(older: Found, bases: Sequence[Found]) -> str:
    """Which bases are other images now than when ``older`` was built on them, as a sentence."""
    before: Mapping[str, str] = json.loads(older.labels.get(BASES_LABEL) or "{}")
    moved = [
        f"{'The image of the Dockerfile' if base.origin else base.name} is another image now"
        f" ({short_digest(before.get(base.origin or base.name, ''))} → {short_digest(base.digest)})"
        for base in bases
        if before.get(base.origin or base.name) != base.digest
    ] or ["The base image is another one now"]
    return f"{' and '.join(moved)}; the image that was built before is used. --rebuild builds on the new one."


def short_digest(digest: str) -> str:
    """The first digits of a digest, enough for a person to tell it from others."""
    return digest.rpartition(":")[2][:12]
