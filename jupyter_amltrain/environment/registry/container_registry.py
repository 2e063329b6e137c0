"""Image references and registries: which registry an image comes from and which credentials it may be asked with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from ...errors import UserErrorException
from ..element import ConfigElement
from .references import check_reference, is_reference

DOCKER_HUB = "docker.io"

_UNREACHABLE = (
    (
        r"no such host|server misbehaving|temporary failure in name resolution",
        "the engine's machine knows no host {host}. Is the name right, and is the network (or the VPN) up?",
    ),
    (r"connection refused", "nothing listens at {registry}. Is it running, and is the port right?"),
    (
        r"server gave HTTP response to HTTPS client",
        "{registry} speaks HTTP without encryption, which the engine refuses. If that is meant, name it in"
        " insecure-registries of Docker's daemon.json and restart Docker; or in registries.conf of Podman, with"
        " insecure = true.",
    ),
    (
        r"x509|certificate|tls:|handshake",
        "the engine does not trust the certificate of {registry}. Put the certificate of its authority into"
        " /etc/docker/certs.d/{registry}/ca.crt on the engine's machine.",
    ),
    (
        r"i/o timeout|timeout exceeded|timed out|deadline exceeded",
        "{registry} did not answer in time. Is the network (or the VPN, or the proxy of the engine) up?",
    ),
    (
        r"no route to host|network is unreachable|connection reset|broken pipe|dial tcp|\bEOF\b",
        "the engine's connection to {registry} failed. Is the network (or the VPN, or the proxy of the engine) up?",
    ),
)
_DOCKER_HUB_ALIASES = {"", "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}


class ContainerRegistry(ConfigElement):
    """The registry that holds the base image (azureml-v1.md section 3.3); text forms never show the password.

    ``password`` may say where the password is, instead of being it: ``env:NAME``, an environment variable, or
    ``keyring:SERVICE``, an entry of the keyring. Such a reference is kept with the environment, a password is not.
    """

    _fields: ClassVar[tuple[str, ...]] = ("address", "username", "password", "registry_identity")
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {"address": str, "username": str, "password": str}
    _secret_fields: ClassVar[tuple[str, ...]] = ("password",)

    def __init__(self) -> None:
        self.address: str | None = None
        self.username: str | None = None
        self.password: str | None = None
        self.registry_identity: object | None = None
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "password" and isinstance(value, str) and is_reference(value):
            check_reference(value)
        if name == "address" and isinstance(value, str) and "@" in value:
            raise UserErrorException(
                "docker.base_image_registry.address takes the registry alone, such as registry.example.com; what"
                " stands before the @ belongs into .username and .password, where it is kept out of sight."
            )
        super().__setattr__(name, value)

    def _to_spec(self) -> dict[str, str | None]:
        """What may be stored: everything but the password, unless that only says where it is."""
        stored = {"address": self.address, "username": self.username}
        return {**stored, "password": self.password} if is_reference(self.password) else stored

    def _secrets(self) -> dict[str, str]:
        """What :meth:`_to_spec` leaves out, and the user with it."""
        password = None if is_reference(self.password) else self.password
        return {name: value for name, value in (("username", self.username), ("password", password)) if value}

    def _to_plain(self) -> dict[str, Any]:
        plain = super()._to_plain()
        if is_reference(self.password):
            plain["password"] = self.password
        return plain


def registry_of(image: str) -> str:
    """The registry that ``image`` would be pulled from: ``docker.io`` unless the reference starts with another."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return canonical_registry(first)
    return DOCKER_HUB


def canonical_registry(address: str) -> str:
    """``address`` without scheme and path, lower case; all names of Docker Hub are one."""
    host = address.strip().lower().partition("://")[2] or address.strip().lower()
    host = host.partition("/")[0]
    return DOCKER_HUB if host in _DOCKER_HUB_ALIASES else host


def image_reference(image: str, address: str | None = None) -> str:
    """The full reference of ``image``, with ``address`` in front unless the image already names a registry.

    >>> image_reference("team/fastai:2", "registry.example.com")
    'registry.example.com/team/fastai:2'
    >>> image_reference("registry.example.com/team/fastai", "https://registry.example.com")
    'registry.example.com/team/fastai:latest'
    """
    reference = image.strip()
    if address and canonical_registry(address) != DOCKER_HUB:
        first, slash, _ = reference.partition("/")
        names_registry = slash and ("." in first or ":" in first or first == "localhost")
        if not names_registry:
            # The address may carry a path, as in registry.example.com/team.
            prefix = address.strip().partition("://")[2] or address.strip()
            reference = f"{prefix.rstrip('/')}/{reference}"
    return reference if _has_tag(reference) else f"{reference}:latest"


def split_reference(reference: str) -> tuple[str, str]:
    """Repository and tag (or digest) of a full reference, as the engine's pull call takes them.

    >>> split_reference("localhost:5000/a/b:1")
    ('localhost:5000/a/b', '1')
    """
    repository, at, digest = reference.partition("@")
    if at:
        return repository, digest
    repository, _, tag = reference.rpartition(":")
    return repository, tag


def is_image_id(reference: str) -> bool:
    """Whether ``reference`` is an image id (``sha256:…``), which no registry knows."""
    return reference.startswith("sha256:")


def credentials_for(
    reference: str, registry: Mapping[str, Any] | None, secrets: Mapping[str, str] | None
) -> tuple[dict[str, str] | None, str]:
    """Credentials given for the registry of ``reference``, and a note when given ones are left aside.

    ``registry`` is that of the environment's specification; the password may be a reference (see :mod:`.references`).
    None means that none were given, so that ``docker login`` decides. Credentials given for one registry are never
    shown to another, so those left over from an earlier base image do no harm (azureml-v1.md section (a)).
    """
    known = registry or {}
    username = (secrets or {}).get("username") or known.get("username") or ""
    password = (secrets or {}).get("password") or known.get("password") or ""
    if not (username or password):
        return None, ""
    wanted = registry_of(reference)
    given = canonical_registry(known.get("address") or "")
    if given == wanted:
        return {"username": username, "password": password}, ""
    if known.get("address"):
        return None, f"The registry credentials for {given} are not used: {reference} comes from {wanted}."
    return None, (
        f"The registry credentials are not used: docker.base_image_registry.address is empty, which is {DOCKER_HUB},"
        f" and {reference} comes from {wanted}."
    )


def why_unreachable(registry: str, message: str) -> str:
    """What an engine's message about a registry that it did not reach means, and what to do; "" for other messages."""
    for words, sentence in _UNREACHABLE:
        if re.search(words, message, re.I):
            return sentence.format(registry=registry, host=registry.rpartition(":")[0] or registry)
    return ""


def _has_tag(reference: str) -> bool:
    return "@" in reference or is_image_id(reference) or ":" in reference.rpartition("/")[2]
