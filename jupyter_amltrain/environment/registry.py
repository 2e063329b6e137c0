"""Image references and registries: which registry an image comes from and which credentials it may be asked with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .element import ConfigElement

DOCKER_HUB = "docker.io"
_DOCKER_HUB_ALIASES = {"", "docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}


class ContainerRegistry(ConfigElement):
    """The registry that holds the base image (azureml-v1.md section 3.3); text forms never show the password."""

    _fields: ClassVar[tuple[str, ...]] = ("address", "username", "password", "registry_identity")
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {"address": str, "username": str, "password": str}
    _secret_fields: ClassVar[tuple[str, ...]] = ("password",)

    def __init__(self) -> None:
        self.address: str | None = None
        self.username: str | None = None
        self.password: str | None = None
        self.registry_identity: object | None = None
        self._initialized = True


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
    reference: str, address: str | None, secrets: Mapping[str, str] | None
) -> tuple[dict[str, str] | None, str]:
    """Credentials to show the registry of ``reference``, and a note when given ones are left aside.

    None means: let the engine's own credential store decide. Credentials given for one registry are never shown to
    another, so those left over from an earlier base image do no harm (azureml-v1.md section (a)).
    """
    username = (secrets or {}).get("username") or ""
    password = (secrets or {}).get("password") or ""
    if not (username or password):
        return None, ""
    wanted = registry_of(reference)
    given = canonical_registry(address or "")
    if given != wanted:
        return None, f"The registry credentials for {given} are not used: {reference} comes from {wanted}."
    return {"username": username, "password": password}, ""


def _has_tag(reference: str) -> bool:
    return "@" in reference or is_image_id(reference) or ":" in reference.rpartition("/")[2]
