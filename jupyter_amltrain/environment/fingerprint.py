"""What identifies a built image by its content. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

BUILDER_VERSION = "2"
"""Raised when the same definition is to be built differently, so that older images are not taken for it."""


def fingerprint(
    *,
    bases: Sequence[str],
    dockerfile: str = "",
    context: str = "",
    packages: Iterable[str] = (),
    mode: str = "",
    platform: str | None = None,
    arguments: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    builder_version: str = BUILDER_VERSION,
) -> str:
    """64 hexadecimal digits that are equal when, and only when, the same image would be built.

    Args:
        bases: content ids of the base images in the order in which they are used. Their names instead give the digest
            of the definition, which stays when a name comes to mean another image.
        dockerfile: text, normalised by ``normalised_dockerfile``.
        context: digest of the files it copies.
        packages: package list, normalised by ``requirements.normalised``.
        arguments: build arguments.
        secrets: the names of what is given to the build in secret; the values never count.
    """
    parts = {
        "bases": list(bases),
        "dockerfile": dockerfile,
        "context": context,
        "packages": list(packages),
        "mode": mode,
        "platform": platform or "",
        "builder": builder_version,
        **({"arguments": dict(arguments)} if arguments else {}),
        **({"secrets": sorted(secrets)} if secrets else {}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
