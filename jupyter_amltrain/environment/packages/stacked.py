"""One package more on a list that was installed before: built as a single layer on the image that has the list.

Only where the result is the same as that of a full build: the whole list is resolved anew, and what the image below has
otherwise is changed (see ``dockerfile.render_stacked``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ..api import EngineApi
from ..fingerprint import fingerprint
from ..inspection.found import BELOW_LABEL, PACKAGES_LABEL, STACK_LABEL, STACKED_LABEL, Found, named_images, own_name
from .requirements import Packages, normalised

HIGHEST = 5
"""How many images may stand on a full one before the next is built in full: an image has at most 127 layers."""


def stack_labels(base: Found, packages: Packages, platform: str | None) -> dict[str, str]:
    """The labels by which an image of packages that uv installed in isolation is found to stack another on it.

    The first is the same for images that differ in their list of packages alone, the second is that list.
    """
    if not _are_plain(packages.pip):
        return {}
    rest = [line for line in normalised(packages) if not line.startswith("pip ")]
    return {
        STACK_LABEL: fingerprint(bases=[base.id], packages=rest, mode="isolated", platform=platform),
        PACKAGES_LABEL: json.dumps(_lines(packages)),
    }


def stacked_labels(below: Found) -> dict[str, str]:
    """The labels of an image that stands on ``below``."""
    return {STACKED_LABEL: str(_height(below.labels) + 1), BELOW_LABEL: below.name}


def find_below(api: EngineApi, labels: Mapping[str, str]) -> Found | None:
    """The image to stack on: with as many of the packages as there is, and none besides; None for a full build."""
    if not labels.get(STACK_LABEL):
        return None
    wanted = set(json.loads(labels[PACKAGES_LABEL]))
    best, most = None, 0
    for image in named_images(api, STACK_LABEL, labels[STACK_LABEL]):
        has = set(json.loads(image["Labels"].get(PACKAGES_LABEL) or "[]"))
        if most < len(has) and has < wanted and _height(image["Labels"]) < HIGHEST:
            best, most = image, len(has)
    info = api.inspect_image(best["Id"]) if best else None
    return Found(own_name(best), info) if best and info else None


def added_lines(labels: Mapping[str, str], below: Found) -> list[str]:
    """The requirements that the image below does not have."""
    return sorted(set(json.loads(labels[PACKAGES_LABEL])).difference(json.loads(below.labels[PACKAGES_LABEL])))


def _lines(packages: Packages) -> list[str]:
    return [line.partition(" ")[2] for line in normalised(packages) if line.startswith("pip ")]


def _are_plain(lines: Iterable[str]) -> bool:
    """Whether they are names and versions: an address may bring something else the next time."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return all(Requirement(line).url is None for line in lines)
    except InvalidRequirement:
        return False


def _height(labels: Mapping[str, str]) -> int:
    return int(labels.get(STACKED_LABEL) or 0)
