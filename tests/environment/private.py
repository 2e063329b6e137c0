"""A private image on the tests' registry, and what a Docker configuration with logins looks like."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker

from engine.registry import Registry


@contextmanager
def private_image(client: docker.DockerClient, registry: Registry) -> Iterator[str]:
    """The name of a small image with a file ``/private`` that only the registry has, also afterwards."""
    repository = f"{registry.address}/team/{uuid.uuid4().hex[:8]}"
    put(client, registry, repository, repository)
    try:
        yield f"{repository}:1"
    finally:
        forget(client, repository)


def put(client: docker.DockerClient, registry: Registry, repository: str, content: str) -> None:
    """Have the registry hand out ``content`` in ``/private`` as tag ``1``; the engine keeps what it has."""
    made, _ = client.images.build(fileobj=_context(content), custom_context=True, rm=True)
    before = [image.id for image in client.images.list(name=f"{repository}:1")]
    made.tag(repository, "1")
    credentials = {"username": registry.username, "password": registry.password}
    answer = client.api.push(repository, tag="1", auth_config=credentials, stream=True, decode=True)
    assert not [line for line in answer if "error" in line]
    client.images.remove(f"{repository}:1")
    for image_id in before:
        client.api.tag(image_id, repository, "1")


def forget(client: docker.DockerClient, repository: str) -> None:
    """Take the names of a repository from the engine's images; those that have no other are gone then."""
    for image in client.images.list(name=repository):
        for name in [*image.tags, *image.attrs["RepoDigests"]]:
            if name.startswith((f"{repository}:", f"{repository}@")):
                with suppress(docker.errors.ImageNotFound):
                    client.images.remove(name, force=True)


def remove_made(client: docker.DockerClient, name: str) -> None:
    """Remove the images of an environment from the engine, under all their names."""
    for image in client.images.list(filters={"label": f"amltrain.environment={name}"}):
        with suppress(docker.errors.ImageNotFound):
            client.images.remove(image.id, force=True)


def _context(content: str) -> io.BytesIO:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        for name, text in (("Dockerfile", "FROM scratch\nCOPY private /\n"), ("private", content)):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    body.seek(0)
    return body


def logged_in(folder: Path, registry: Registry, password: str = "") -> dict[str, Any]:
    """Write a Docker configuration with a login, as ``docker login`` does."""
    login = base64.b64encode(f"{registry.username}:{password or registry.password}".encode()).decode()
    return write_config(folder, {"auths": {registry.address: {"auth": login}}})


def write_config(folder: Path, config: Any) -> Any:
    """Write a Docker configuration."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return config
