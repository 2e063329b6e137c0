"""What the configuration files of this host say about the network, in the words of pip's and uv's variables."""

from __future__ import annotations

import configparser
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

_UV_TEXT = {
    "index-url": "UV_DEFAULT_INDEX",
    "http-proxy": "HTTP_PROXY",
    "https-proxy": "HTTPS_PROXY",
    "index-strategy": "UV_INDEX_STRATEGY",
}
_UV_LISTS = {
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "allow-insecure-host": ("UV_INSECURE_HOST", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "no-proxy": ("NO_PROXY", ","),
}
_ADDED_CERTIFICATES = (
    "usr/local/share/ca-certificates",
    "etc/pki/ca-trust/source/anchors",
    "etc/pki/trust/anchors",
    "etc/ca-certificates/trust-source/anchors",
)
_SYSTEM_BUNDLES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/ssl/ca-bundle.pem",
    "etc/ssl/cert.pem",
)


def pip_options(environ: Mapping[str, str], root: Path = Path("/")) -> dict[str, str]:
    """Option → value out of pip's configuration files, in pip's order; ``index-url`` and its like."""
    found: dict[str, str] = {}
    for path in _pip_files(environ, root):
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, configparser.Error, UnicodeDecodeError):  # absent or broken: pip itself will tell
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                for key, value in parser.items(section):
                    found[key.lower().replace("_", "-").lstrip("-")] = " ".join((value or "").split())
    return found


def pip_variables(environ: Mapping[str, str], root: Path = Path("/")) -> dict[str, str]:
    """The same by the names of the variables: ``PIP_INDEX_URL``."""
    return {f"PIP_{name.upper().replace('-', '_')}": value for name, value in pip_options(environ, root).items()}


def _pip_files(environ: Mapping[str, str], root: Path) -> list[Path]:
    """pip's configuration files, weakest first."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = _home(environ)
    user = [home / ".pip/pip.conf", _configured(environ) / "pip/pip.conf"]
    if sys.platform == "darwin":
        user.append(home / "Library/Application Support/pip/pip.conf")
    system = [folder / "pip/pip.conf" for folder in reversed(_shared(environ, root))]
    return [*system, root / "etc/pip.conf", *user, Path(sys.prefix) / "pip.conf", *([Path(named)] if named else [])]


def uv_variables(environ: Mapping[str, str], root: Path = Path("/")) -> tuple[dict[str, str], str]:
    """What uv's configuration of user and system says, by the names of its variables; and a note, or "".

    A project's ``uv.toml`` is that project's business and is not read.
    """
    paths = [path for path in _uv_files(environ, root) if path.is_file()]
    if not paths:
        return {}, ""
    try:
        # Python 3.10 has none of its own; JupyterLab brings one there.
        toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError:
        return {}, f"{paths[-1]} is not read: this Python has no module for it (pip install tomli)."
    found: dict[str, str] = {}
    note = ""
    for path in paths:
        try:
            document = toml.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            note = f"{path} is not read: {error}."
            continue
        of_pip = document.get("pip")
        # What stands under [pip] counts for `uv pip`, which is what installs here.
        for table in (document, of_pip if isinstance(of_pip, Mapping) else {}):
            found = _merged(found, _in_uvs_words(table))
    return found, note


def _merged(weak: Mapping[str, str], strong: Mapping[str, str]) -> dict[str, str]:
    """Both; of two lists of indexes the stronger comes first, as uv joins them."""
    joined = " ".join(part for part in (strong.get("UV_INDEX", ""), weak.get("UV_INDEX", "")) if part)
    return {**weak, **strong, **({"UV_INDEX": joined} if joined else {})}


def _in_uvs_words(table: Mapping[str, Any]) -> dict[str, str]:
    found = {variable: str(table[key]) for key, variable in _UV_TEXT.items() if isinstance(table.get(key), str)}
    for key, (variable, between) in _UV_LISTS.items():
        words = _texts(table.get(key))
        if words:
            found[variable] = between.join(words)
    named = table.get("index")
    for index in named if isinstance(named, Sequence) and not isinstance(named, str) else ():
        # An explicit index is for the packages of a project that name it.
        if isinstance(index, Mapping) and isinstance(index.get("url"), str) and not index.get("explicit"):
            if index.get("default"):
                found["UV_DEFAULT_INDEX"] = index["url"]
            else:
                found["UV_INDEX"] = f"{found.get('UV_INDEX', '')} {index['url']}".strip()
    return found


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [str(item) for item in value] if isinstance(value, Sequence) else []


def _uv_files(environ: Mapping[str, str], root: Path) -> list[Path]:
    """uv's configuration files, weakest first."""
    if environ.get("UV_NO_CONFIG", "").lower() in ("1", "true"):
        return []
    if environ.get("UV_CONFIG_FILE"):
        return [Path(environ["UV_CONFIG_FILE"])]
    system = [*(folder / "uv/uv.toml" for folder in _shared(environ, root)), root / "etc/uv/uv.toml"]
    return [*[path for path in system if path.is_file()][:1], _configured(environ) / "uv/uv.toml"]


def docker_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """The proxies that Docker's client configuration names for containers, by the names of the variables."""
    path = Path(environ.get("DOCKER_CONFIG") or _home(environ) / ".docker") / "config.json"
    try:
        proxies = json.loads(path.read_text(encoding="utf-8")).get("proxies") or {}
        given = proxies.get(environ.get("DOCKER_HOST", "")) or proxies.get("default") or {}
        names = {"httpProxy": "HTTP_PROXY", "httpsProxy": "HTTPS_PROXY", "ftpProxy": "FTP_PROXY"}
        names |= {"noProxy": "NO_PROXY", "allProxy": "ALL_PROXY"}
        return {variable: str(given[key]) for key, variable in names.items() if given.get(key)}
    except (OSError, ValueError, AttributeError):  # absent or not what it should be: docker itself will tell
        return {}


def system_certificates(root: Path = Path("/")) -> Path | None:
    """This host's own certificates, when somebody added some to those that every system has; else None."""
    if not any(next((root / folder).glob("*"), None) for folder in _ADDED_CERTIFICATES if (root / folder).is_dir()):
        return None
    return next((root / path for path in _SYSTEM_BUNDLES if (root / path).is_file()), None)


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _configured(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config")


def _shared(environ: Mapping[str, str], root: Path) -> list[Path]:
    """The system's configuration folders of the XDG specification, strongest first."""
    named = environ.get("XDG_CONFIG_DIRS", "")
    return [Path(folder) for folder in named.split(os.pathsep) if folder] or [root / "etc/xdg"]
