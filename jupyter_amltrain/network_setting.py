"""A workspace's network setting: what it may hold, refused where it cannot be right. No credentials are stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import UserErrorException

_REFERENCE = re.compile(r"env:[A-Za-z_]\w*")


def checked_network(
    *,
    proxy: str | None = None,
    no_proxy: str | Iterable[str] | None = None,
    index_url: str | None = None,
    extra_index_urls: str | Iterable[str] | None = None,
    trusted_hosts: str | Iterable[str] | None = None,
    ca_bundle: str | None = None,
    jobs: bool = True,
) -> dict[str, Any]:
    """The setting as it is stored: only what is said, None being "as on this host" and "" being "none".

    Raises:
        UserErrorException: an address or a file cannot be right, or an address holds credentials.
    """
    setting: dict[str, Any] = {}
    if proxy is not None:
        setting["proxy"] = proxy and _address("proxy", proxy, ("http", "https", "socks5", "socks5h"))
    if no_proxy is not None:
        setting["no_proxy"] = ",".join(_texts("no_proxy", no_proxy))
    if index_url is not None:
        setting["index_url"] = index_url and _address("index_url", index_url, ("http", "https"))
    if extra_index_urls is not None:
        words = _texts("extra_index_urls", extra_index_urls)
        setting["extra_index_urls"] = [_address("extra_index_urls", word, ("http", "https")) for word in words]
    if trusted_hosts is not None:
        setting["trusted_hosts"] = _texts("trusted_hosts", trusted_hosts)
    if ca_bundle is not None:
        setting["ca_bundle"] = ca_bundle and _certificates(ca_bundle)
    if not jobs:
        setting["jobs"] = False
    return setting


def _address(name: str, value: object, schemes: tuple[str, ...]) -> str:
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return value
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        good = bool(parts and parts.scheme in schemes and parts.hostname and parts.port != 0)
    except ValueError:  # a port that is no number
        good = False
    if isinstance(value, str) and "@" in value:
        # Nothing of it is repeated: it may be a password.
        raise UserErrorException(
            f"{name} holds credentials, and a workspace stores none. Put the whole address into an environment"
            f' variable of the notebook server and name that: {name}="env:COMPANY_{name.upper()}"'
        )
    if not good:
        raise UserErrorException(
            f"{name} is an address like {schemes[0]}://server.example.com:3128, or env:NAME for the environment"
            f" variable that holds it, not {value!r}."
        )
    return str(value)


def _texts(name: str, value: object) -> list[str]:
    words = re.split(r"[,\s]+", value) if isinstance(value, str) else value
    if not isinstance(words, (list, tuple, set, frozenset)) or not all(isinstance(word, str) for word in words):
        raise UserErrorException(f"{name} is a list of texts, not {value!r}.")
    return [word.strip() for word in words if word.strip()]


def _certificates(value: object) -> str:
    if not isinstance(value, (str, Path)):
        raise UserErrorException(f"ca_bundle is the path of a file with certificates (PEM), not {value!r}.")
    path = Path(value).expanduser().absolute()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserErrorException(
            f"ca_bundle: {path} cannot be read: {error.strerror}.", inner_exception=error
        ) from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise UserErrorException(
            f"ca_bundle: {path} holds no certificate in PEM form (a block that begins with -----BEGIN"
            " CERTIFICATE-----). A DER file is turned into one by: openssl x509 -inform der -in FILE -out FILE.pem"
        )
    if b"PRIVATE KEY" in content:
        raise UserErrorException(f"ca_bundle: {path} holds a private key; jobs get certificates only.")
    return str(path)
