"""The user's pip settings in uv's words: uv itself reads neither ``pip.conf`` nor ``PIP_*`` variables.

Who needs them (an index of the company, a proxy with its own certificate, wheels in a folder) has set them for pip.
A ``UV_*`` variable that is set wins over what pip has.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path

_UV_NAME = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "no-index": "UV_NO_INDEX",
}
_OLDER_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}


def uv_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What to add to ``environment`` so that uv finds packages where pip finds them."""
    settings = {**_from_files(environment), **_from_variables(environment)}
    added: dict[str, str] = {}
    for name, value in settings.items():
        variable = _UV_NAME[name]
        if variable in environment or _OLDER_NAMES.get(variable, variable) in environment:
            continue
        added[variable] = (",".join if name == "find-links" else " ".join)(value.split())
    if "UV_INDEX" in added:
        # pip takes the best version of all its indexes; uv would take the first index that has the package.
        added.setdefault("UV_INDEX_STRATEGY", environment.get("UV_INDEX_STRATEGY", "unsafe-best-match"))
    return added


def _from_variables(environment: Mapping[str, str]) -> dict[str, str]:
    named = {name: environment.get("PIP_" + name.upper().replace("-", "_"), "") for name in _UV_NAME}
    return {name: value for name, value in named.items() if value}


def _from_files(environment: Mapping[str, str]) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(_files(environment), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):  # pip itself will tell the user
        return {}
    found: dict[str, str] = {}
    for section in ("global", "install"):
        for name in _UV_NAME:
            value = parser.get(section, name, fallback="")
            if value:
                found[name] = value
    return found


def _files(environment: Mapping[str, str]) -> list[Path]:
    """pip's configuration files, a later one winning over an earlier one."""
    named = environment.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = Path.home()
    configured = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), home / ".pip/pip.conf", configured / "pip/pip.conf"]
    if sys.platform == "darwin":
        files.append(home / "Library/Application Support/pip/pip.conf")
    return [*files, Path(sys.prefix) / "pip.conf", *([Path(named)] if named else [])]
