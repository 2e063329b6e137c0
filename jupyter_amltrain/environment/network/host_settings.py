"""Network settings of this host that build steps and jobs need behind a company proxy: proxies, indexes, certificates.

They reach a build as predefined build arguments and as files bound for a step alone, so none of them stays in an image;
they reach a job as variables that its image and its user come before.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import UserErrorException
from ..dockerfile import MOUNT
from ..secrets import mask_url_credentials
from .host_config import docker_proxies, pip_variables, system_certificates, uv_variables

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
_PLAIN = (
    *("PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_TRUSTED_HOST"),
    *("UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_INSECURE_HOST", "UV_INDEX_STRATEGY"),
)
_MAIN_INDEX = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
_MORE_INDEXES = ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
_LINKS = ("PIP_FIND_LINKS", "UV_FIND_LINKS")
_INDEXES = (*_MAIN_INDEX, *_MORE_INDEXES, *_LINKS)
_TRUSTED = ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST")
_BUNDLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BUNDLE_READERS = (*_BUNDLES, "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE")
_SAME = (_MAIN_INDEX, _MORE_INDEXES, _LINKS, _TRUSTED, *((name, name.lower()) for name in _PROXIES))
"""Names of one and the same thing: who sets one of them means all."""

_INDEX_CREDENTIAL = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")
_NOT_THROUGH_A_PROXY = ("localhost", "127.0.0.1", "::1")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
_ADDRESS = re.compile(r"(?:[\w.-]+=)?(?:\w+://)?(?:\S*@)?(\[[^\]]*\]|[^:/\s]+)")


@dataclass(frozen=True)
class HostSettings:
    """What build steps and jobs are told about the network.

    Attributes:
        proxies: proxy variables in both cases; build arguments of these names are never kept in an image.
        variables: other variables.
        ca_bundle: certificates to trust, PEM, or empty.
        ca_origin: where those come from, for a person.
        notes: what could not be read.
    """

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_bundle: bytes = field(default=b"", repr=False)
    ca_origin: str = ""
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.variables or self.ca_bundle)

    @property
    def private(self) -> bool:
        """Whether they hold credentials of an index."""
        return any(
            mask_url_credentials(value) != value or _INDEX_CREDENTIAL.fullmatch(name)
            for name, value in self.variables.items()
        )

    @property
    def on_loopback(self) -> bool:
        """Whether a proxy or an index is at this machine's own address."""
        return bool(loopback_names({**self.proxies, **self.variables}))

    def seen_with(self, certificates: str) -> dict[str, str]:
        """All of it as variables, for a process that sees the certificates at that path."""
        trusted = certificate_variables(certificates) if self.ca_bundle else {}
        return {**self.proxies, **self.variables, **trusted}

    def files(self) -> dict[str, bytes]:
        """Files for the context folder: ``settings.sh``, which steps source, and ``ca.crt``."""
        variables = dict(self.variables)
        if self.ca_bundle:
            variables.update(certificate_variables(f"{MOUNT}/ca.crt"))
        text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
        files = {"settings.sh": text.encode()}
        if self.ca_bundle:
            files["ca.crt"] = self.ca_bundle
        return files

    def described(self) -> tuple[str, ...]:
        """What there is, in a few words each and without credentials."""
        proxies = dict.fromkeys(
            without_credentials(value) for name, value in self.proxies.items() if name.upper() != "NO_PROXY"
        )
        indexes = dict.fromkeys(
            without_credentials(word) for name in _INDEXES for word in self.variables.get(name, "").split()
        )
        return (
            *([f"proxy {', '.join(proxies)}"] if proxies else []),
            *([f"index {', '.join(indexes)}"] if indexes else []),
            *([f"certificates of {self.ca_origin}"] if self.ca_bundle else []),
        )


def certificate_variables(path: str) -> dict[str, str]:
    """The variables by which programs find the certificates at ``path``."""
    return dict.fromkeys(_BUNDLE_READERS, path)


def read_host_settings(
    environ: Mapping[str, str] | None = None, over: Mapping[str, Any] | None = None, root: Path = Path("/")
) -> HostSettings:
    """The settings of this process and of the configuration files of pip, uv and Docker's client.

    Variables win over files, as in pip and uv; only proxies that are named for containers win over the variables.

    Args:
        over: a workspace's setting (:func:`~jupyter_amltrain.network_setting.checked_network`), which wins over all.
        root: where the system's files are.
    """
    environ = os.environ if environ is None else environ
    from_uv, note = uv_variables(environ, root)
    from_pip = pip_variables(environ, root)
    of_uv = [name for name, value in environ.items() if value and name.startswith("UV_")]
    if any(environ.get(name) for name in _BUNDLES):
        from_pip.pop("PIP_CERT", None)  # all programs are to trust one file, and a variable is nearer than pip's file
    given = {**from_pip, **not_overridden(from_uv, of_uv), **environ}
    proxies = _proxies(docker_proxies(environ), environ, from_uv, _pips_proxy(given))
    given.update(_in_variables(over or {}, environ))
    return _settings(given, _changed_proxies(proxies, over or {}, environ), root, (note,) if note else ())


def workspace_settings(over: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> HostSettings:
    """The workspace's setting alone, for jobs that have this host's settings anyway."""
    environ = os.environ if environ is None else environ
    return _settings(_in_variables(over, environ), _changed_proxies({}, over, environ), None, ())


def _settings(
    given: Mapping[str, str], proxies: Mapping[str, str], root: Path | None, notes: tuple[str, ...]
) -> HostSettings:
    variables = {name: given[name] for name in _PLAIN if given.get(name)}
    for name in _INDEXES:
        # Folders of this host mean nothing in a container.
        words = re.split(r"[,\s]+" if name == "UV_FIND_LINKS" else r"\s+", given.get(name, ""))
        remote = [word for word in words if "://" in word and "file://" not in word]
        if remote:
            variables[name] = ("," if name == "UV_FIND_LINKS" else " ").join(remote)
    variables.update({name: value for name, value in given.items() if value and _INDEX_CREDENTIAL.fullmatch(name)})
    _tell_each_other(variables)
    bundle, origin = _ca_bundle(given, root)
    both = {case: value for name, value in proxies.items() for case in (name, name.lower())}
    return HostSettings(both, variables, bundle, origin, notes)


def _tell_each_other(variables: dict[str, str]) -> None:
    """pip and uv do not read each other's variables: say the same to both, unless one was told otherwise."""
    for pip, names in (
        ("PIP_INDEX_URL", ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
        ("PIP_EXTRA_INDEX_URL", ("UV_INDEX", "UV_EXTRA_INDEX_URL")),
        ("PIP_FIND_LINKS", ("UV_FIND_LINKS",)),
        ("PIP_TRUSTED_HOST", ("UV_INSECURE_HOST",)),
        ("PIP_DEFAULT_TIMEOUT", ("UV_HTTP_TIMEOUT",)),
        ("PIP_RETRIES", ("UV_HTTP_RETRIES",)),
    ):
        uvs = next((name for name in names if name in variables), "")
        if pip in variables and not uvs:
            between = "," if pip == "PIP_FIND_LINKS" else " "
            variables[names[0]] = between.join(variables[pip].split())
        elif uvs and pip not in variables:
            # An index may have a name in front, which pip does not know.
            words = variables[uvs].replace(",", " ").split()
            variables[pip] = " ".join(re.sub(r"^[\w.-]+=(?=\w+://)", "", word) for word in words)


def _pips_proxy(given: Mapping[str, str]) -> dict[str, str]:
    """Where only pip is told of a proxy, everything else needs it as well."""
    proxy = given.get("PIP_PROXY", "")
    return {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy} if proxy else {}


def _proxies(*sources: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables of the first source that names a proxy, whatever source says where none is needed."""
    for source in sources:
        found = {name: source.get(name) or source.get(name.lower(), "") for name in _PROXIES}
        if any(value for name, value in found.items() if name != "NO_PROXY"):
            others = (other.get("NO_PROXY") or other.get("no_proxy") for other in sources)
            found["NO_PROXY"] = found["NO_PROXY"] or next((value for value in others if value), "")
            return {name: value for name, value in found.items() if value}
    return {}


def _changed_proxies(proxies: Mapping[str, str], over: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """The proxies after the workspace's word, with what no proxy can know left out of their care."""
    changed = dict(proxies)
    if over.get("proxy") is not None:
        proxy = resolved(over["proxy"], environ)
        kept = {"NO_PROXY": changed["NO_PROXY"]} if "NO_PROXY" in changed else {}
        changed = {**kept, "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy} if proxy else {}
    if over.get("no_proxy") is not None and changed:
        changed["NO_PROXY"] = over["no_proxy"]
    if changed and changed.get("NO_PROXY") != "*":
        # A job talks to itself: rendezvous of its processes, a server that it started.
        words = [word.strip() for word in changed.get("NO_PROXY", "").split(",") if word.strip()]
        changed["NO_PROXY"] = ",".join([*words, *(name for name in _NOT_THROUGH_A_PROXY if name not in words)])
    return changed


def _in_variables(over: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """A workspace's setting as variables; what it sets, it sets under all names, and empty is "none"."""
    changed: dict[str, str] = {}
    for key, names in (
        ("index_url", _MAIN_INDEX),
        ("extra_index_urls", _MORE_INDEXES),
        ("trusted_hosts", _TRUSTED),
        ("ca_bundle", _BUNDLES),
    ):
        if over.get(key) is not None:
            value = over[key]
            words = [value] if isinstance(value, str) else list(value)
            changed.update(dict.fromkeys(names, ""))
            changed[names[0]] = " ".join(resolved(word, environ) for word in words)
    if over.get("index_url") is not None and over.get("extra_index_urls") is None:
        # The packages come from there and from nowhere else, unless the workspace says so.
        changed.update(dict.fromkeys(_MORE_INDEXES, ""))
    return changed


def resolved(value: str, environ: Mapping[str, str]) -> str:
    """The value, or that of the variable that ``env:NAME`` refers to.

    Raises:
        UserErrorException: there is no such variable.
    """
    if not value.startswith("env:"):
        return value
    name = value[len("env:") :]
    if not environ.get(name):
        raise UserErrorException(
            f"The network setting of the workspace refers to the variable {name}, which is not set. Set it where the"
            " notebook server starts (or with %env), or change the setting with set_network."
        )
    return environ[name]


def _ca_bundle(given: Mapping[str, str], root: Path | None) -> tuple[bytes, str]:
    """The certificates to trust and where they are from; never a key that lies with them."""
    own = [] if any(given.get(name) == "" for name in _BUNDLES[:1]) else [root and system_certificates(root)]
    named = [Path(given[name]).expanduser() for name in _BUNDLES if given.get(name)]
    for path in (*named, *own):
        if path:
            try:
                content = path.read_bytes()
            except OSError:  # a variable that names nothing is as good as none
                continue
            return b"".join(_CERTIFICATE.findall(content)) if b"PRIVATE KEY" in content else content, str(path)
    return b"", ""


def not_overridden(settings: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The settings without those that somebody else has set, under whichever name."""
    taken = set(names)
    for same in _SAME:
        if taken.intersection(same):
            taken.update(same)
    return {name: value for name, value in settings.items() if name not in taken}


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, which in a container with a network of its own is another."""
    found = _ADDRESS.match(address)
    host = found[1].strip("[]").lower() if found else ""
    return host == "localhost" or host.endswith(".localhost") or host == "::1" or host.startswith("127.")


def loopback_names(settings: Mapping[str, str]) -> list[str]:
    """The settings that name this machine's own address."""
    names = [name for name in (*_PROXIES, *(name.lower() for name in _PROXIES), *_INDEXES) if "NO_" not in name.upper()]
    return [name for name in names if any(map(is_loopback, re.split(r"[,\s]+", settings.get(name, ""))))]


def without_credentials(address: str) -> str:
    """An address as it may be shown."""
    return re.sub(r"^(\w+://)?\S*@", r"\1***@", re.sub(r"^[\w.-]+=(?=\w+://)", "", address))
