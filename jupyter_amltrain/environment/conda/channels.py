"""Names of conda channels → addresses, as conda resolves them with the configuration files of this host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import UserErrorException
from ..network.host_settings import HostSettings

DEFAULTS = "defaults"
_NO_DEFAULTS = "nodefaults"
_ALIAS = "https://conda.anaconda.org"
# What conda has built in for `defaults` and for names such as `pkgs/main`.
_OWN = "https://repo.anaconda.com"
_DEFAULT_CHANNELS = ("pkgs/main", "pkgs/r")


@dataclass(frozen=True)
class CondaSettings:
    """What conda's configuration files (``.condarc``) say about channels and how to reach them.

    Attributes:
        channels: channels for specifications that name none.
        channel_alias: where channels that are only a name lie.
        default_channels: what ``defaults`` stands for.
        custom_channels: places of single channels, by the beginning of their name.
        custom_multichannels: names that stand for several channels.
        proxies: proxy addresses by scheme.
        ssl_verify: False, or the path of a file with certificates, or None.
        host: proxies and certificates of everything else on this host, for where conda's files say nothing.
    """

    channels: tuple[str, ...] = ()
    channel_alias: str = _ALIAS
    default_channels: tuple[str, ...] = _DEFAULT_CHANNELS
    custom_channels: Mapping[str, str] = field(default_factory=dict)
    custom_multichannels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict)
    ssl_verify: bool | str | None = None
    host: HostSettings = field(default_factory=HostSettings)


def read_conda_settings(paths: Sequence[Path] | None = None) -> CondaSettings:
    """The settings of conda's configuration files, weakest first; a stronger file replaces what it names again.

    Raises:
        UserErrorException: a file is not YAML, or a value is not what conda takes.
    """
    found: dict[str, Any] = {}
    for path in _condarc_files(os.environ) if paths is None else paths:
        found.update(_read(path))
    default = CondaSettings()
    multichannels = _mapping(found, "custom_multichannels")
    return CondaSettings(
        channels=_texts(found, "channels"),
        channel_alias=str(found.get("channel_alias") or default.channel_alias),
        default_channels=_texts(found, "default_channels") or default.default_channels,
        custom_channels={str(name): str(value) for name, value in _mapping(found, "custom_channels").items()},
        custom_multichannels={str(name): _texts(multichannels, name) for name in multichannels},
        proxies={str(name): str(value) for name, value in _mapping(found, "proxy_servers").items()},
        ssl_verify=found.get("ssl_verify"),
    )


def channel_addresses(names: Iterable[str], settings: CondaSettings) -> tuple[str, ...]:
    """The addresses of channels, in order, each once; those of the settings, or ``defaults``, when none is named."""
    asked = [name.strip() for name in names if name.strip() != _NO_DEFAULTS]
    found: list[str] = []
    for name in asked or settings.channels or (DEFAULTS,):
        found += _addresses(name, settings)
    return tuple(dict.fromkeys(found))


def _addresses(name: str, settings: CondaSettings, within: tuple[str, ...] = ()) -> list[str]:
    several = settings.custom_multichannels.get(name)
    if several is None and name == DEFAULTS:
        several = settings.default_channels
    if several is not None and name not in within:
        return [address for part in several for address in _addresses(part, settings, (*within, name))]
    return [_address(name.rstrip("/"), settings)]


def _address(name: str, settings: CondaSettings) -> str:
    if "://" in name:
        return name
    if name.startswith(("/", "./", "../", "~")):
        return Path(os.path.abspath(Path(name).expanduser())).as_uri()
    for start, place in settings.custom_channels.items():
        if name == start or name.startswith(f"{start}/"):
            return f"{place.rstrip('/')}/{name}"
    if name.startswith("pkgs/"):
        return f"{_OWN}/{name}"
    return f"{settings.channel_alias.rstrip('/')}/{name}"


def short_name(address: str) -> str:
    """What to call the channel at an address in front of a person: without the place where most of them lie."""
    return address.rstrip("/").removeprefix(f"{_ALIAS}/").removeprefix(f"{_OWN}/")


def _condarc_files(environ: Mapping[str, str]) -> list[Path]:
    """The files that conda reads for a user on Linux, weakest first."""
    home = Path.home()
    configured = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    paths = [
        *(Path("/etc/conda", name) for name in (".condarc", "condarc")),
        *(configured / "conda" / name for name in (".condarc", "condarc")),
        *(home / ".conda" / name for name in (".condarc", "condarc")),
        home / ".condarc",
    ]
    if environ.get("CONDA_PREFIX"):
        paths.append(Path(environ["CONDA_PREFIX"], ".condarc"))
    if environ.get("CONDARC"):
        paths.append(Path(environ["CONDARC"]).expanduser())
    return paths


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # absent, or not ours to read
        return {}
    import yaml

    try:
        found = yaml.safe_load(os.path.expandvars(text))
    except yaml.YAMLError as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise UserErrorException(f"conda's configuration file {path} is not YAML: {reason}.") from error
    if found is not None and not isinstance(found, dict):
        raise UserErrorException(f"conda's configuration file {path} must have 'name: value' lines.")
    return found or {}


def _texts(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name) or ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, (list, tuple)):
        raise UserErrorException(f"'{name}' in conda's configuration must be a list, one '- item' a line.")
    return tuple(str(item) for item in value)


def _mapping(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name) or {}
    if not isinstance(value, dict):
        raise UserErrorException(f"'{name}' in conda's configuration must have 'name: value' lines.")
    return value
