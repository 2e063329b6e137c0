"""The uv program that is copied into build contexts, so that no Dockerfile downloads a tool."""

from __future__ import annotations

import os
import platform
import sys


def uv_binary(architecture: str) -> str | None:
    """The uv of this host's own wheel when it runs on Linux of ``architecture`` (``amd64``, ``arm64``), else None."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    if sys.platform != "linux" or architecture not in ("", machine):
        return None
    try:
        import uv
    except ImportError:
        return None
    try:
        return os.fspath(uv.find_uv_bin())
    except FileNotFoundError:
        return None
