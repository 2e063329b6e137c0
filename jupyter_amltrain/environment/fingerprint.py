"""What identifies a built image by its content. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

BUILDER_VERSION = "1"
"""Raised when the same definition is to be built differently, so that older images are not taken for it."""


def fingerprint(
    *,
    bases: Mapping[str, str],
    dockerfile: str = "",
    context: str = "",
    packages: Iterable[str] = (),
    mode: str = "",
    platform: str | None = None,
    builder_version: str = BUILDER_VERSION,
) -> str:
    """64 hexadecimal digits that are equal when, and only when, the same image would be built.

    Args:
        bases: base image references and the content ids they stand for now; {} gives the digest of the definition
            alone, which stays when a base moves.
        dockerfile: text, normalised by ``normalised_dockerfile``.
        context: digest of the files it copies.
        packages: package list, normalised by ``requirements.normalised``.
    """
    parts = {
        "bases": sorted(bases.values()),
        "dockerfile": dockerfile,
        "context": context,
        "packages": list(packages),
        "mode": mode,
        "platform": platform or "",
        "builder": builder_version,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
