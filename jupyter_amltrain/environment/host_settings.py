"""Network settings of this host that build steps need, as behind a company proxy: proxies, indexes, certificates.

They reach a build as predefined build arguments and as files bound for a step alone, so none of them stays in an image.
"""

from __future__ import annotations

import configparser
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .dockerfile import MOUNT
from .secrets import mask_url_credentials

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
_PIP_PLAIN = ("PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_TRUSTED_HOST")
_PLAIN = (*_PIP_PLAIN, "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_INSECURE_HOST")
_INDEXES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
)
_BUNDLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BUNDLE_READERS = (*_BUNDLES, "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE")
_PIP_KEYS = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "trusted-host": "PIP_TRUSTED_HOST",
    "cert": "PIP_CERT",
    "timeout": "PIP_DEFAULT_TIMEOUT",
}


@dataclass(frozen=True)
class HostSettings:
    """What build steps are told about the network.

    Attributes:
        proxies: proxy variables in both cases; build arguments of these names are never kept in an image.
        variables: other variables, for the settings file.
        ca_bundle: certificates to trust, PEM, or empty.
    """

    proxies: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: bytes = b""

    def __bool__(self) -> bool:
        return bool(self.variables or self.ca_bundle)

    @property
    def private(self) -> bool:
        """Whether an index address holds credentials."""
        return any(mask_url_credentials(value) != value for value in self.variables.values())

    def files(self) -> dict[str, bytes]:
        """Files for the context folder: ``settings.sh``, which steps source, and ``ca.crt``."""
        variables = dict(self.variables)
        if self.ca_bundle:
            variables.update(dict.fromkeys(_BUNDLE_READERS, f"{MOUNT}/ca.crt"))
        text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
        files = {"settings.sh": text.encode()}
        if self.ca_bundle:
            files["ca.crt"] = self.ca_bundle
        return files


def read_host_settings(
    environ: Mapping[str, str] | None = None, pip_files: Sequence[Path] | None = None
) -> HostSettings:
    """The settings of this process and of pip's configuration files; variables win over files, as in pip."""
    environ = os.environ if environ is None else environ
    given = {**_pip_configuration(_pip_files(environ) if pip_files is None else pip_files), **environ}
    proxies = {}
    for name in _PROXIES:
        value = given.get(name) or given.get(name.lower())
        if value:
            proxies.update({name: value, name.lower(): value})
    variables = {name: given[name] for name in _PLAIN if given.get(name)}
    for name in _INDEXES:
        # Folders of this host mean nothing inside a build.
        remote = " ".join(word for word in given.get(name, "").split() if not word.startswith(("file:", "/", ".")))
        if remote:
            variables[name] = remote
    _tell_uv(variables)
    return HostSettings(proxies, variables, _ca_bundle(given))


def _tell_uv(variables: dict[str, str]) -> None:
    """uv does not read pip's variables: say the same to it, unless it was told otherwise."""
    for pip, names in (
        ("PIP_INDEX_URL", ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
        ("PIP_EXTRA_INDEX_URL", ("UV_INDEX", "UV_EXTRA_INDEX_URL")),
        ("PIP_TRUSTED_HOST", ("UV_INSECURE_HOST",)),
        ("PIP_DEFAULT_TIMEOUT", ("UV_HTTP_TIMEOUT",)),
        ("PIP_RETRIES", ("UV_HTTP_RETRIES",)),
    ):
        if pip in variables and not any(name in variables for name in names):
            variables[names[0]] = variables[pip]


def _ca_bundle(given: Mapping[str, str]) -> bytes:
    for name in _BUNDLES:
        path = given.get(name)
        if path:
            try:
                return Path(path).expanduser().read_bytes()
            except OSError:  # a variable that names nothing is as good as none
                continue
    return b""


def _pip_files(environ: Mapping[str, str]) -> list[Path]:
    """pip's configuration files on Unix, weakest first."""
    home = Path.home()
    configured = environ.get("XDG_CONFIG_HOME") or str(home / ".config")
    paths = [Path("/etc/pip.conf"), home / ".pip/pip.conf", Path(configured) / "pip/pip.conf"]
    paths.append(Path(sys.prefix) / "pip.conf")
    if environ.get("PIP_CONFIG_FILE"):
        paths.append(Path(environ["PIP_CONFIG_FILE"]))
    return paths


def _pip_configuration(paths: Sequence[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, configparser.Error, UnicodeDecodeError):  # absent or broken: pip itself will tell
            continue
        for section in ("global", "install"):
            for key, variable in _PIP_KEYS.items():
                if parser.has_option(section, key):
                    found[variable] = " ".join(parser.get(section, key).split())
    return found
