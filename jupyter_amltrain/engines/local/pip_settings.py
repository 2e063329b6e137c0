"""The user's pip settings in uv's words: uv itself reads neither ``pip.conf`` nor ``PIP_*`` variables.

Who needs them (an index of the company, a proxy with its own certificate, wheels in a folder) has set them for pip.
A ``UV_*`` variable that is set wins over what pip has.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...environment.network.host_config import pip_options

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
    return {name: value for name, value in pip_options(environment).items() if name in _UV_NAME and value}
