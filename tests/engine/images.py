"""Base images made from Debian packages, since a test machine may not reach an image registry."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from .daemon import Daemon, PodmanService
from .parts import program

SUITE = "bookworm"
DEBIAN_PACKAGES = ("python3", "python3-pip", "python3-venv", "python-is-python3", "ca-certificates")

NAMES = (
    "python-base:1",
    "python:3.11-slim",
    "debian:bookworm-slim",
    "fastdotai/fastai2:latest",
    "mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04",
)
"""Names under which tests find the base image: their own, and those that the article uses."""

RECIPE_LABEL = "amltrain.test.recipe"


def recipe_digest() -> str:
    """Digest of everything that decides what is in the base image."""
    return hashlib.sha256(" ".join((SUITE, *DEBIAN_PACKAGES)).encode()).hexdigest()[:16]


def base_archive(folder: Path) -> Path:
    """The base image's files as a tar archive in ``folder``, made once per recipe."""
    archive = folder / f"base-{recipe_digest()}.tar"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print("test engine: making the base image from Debian packages (about a minute)", flush=True)
        part = archive.with_suffix(".part.tar")
        command = [program("mmdebstrap"), "--quiet", "--variant=minbase", f"--include={','.join(DEBIAN_PACKAGES)}"]
        done = subprocess.run([*command, SUITE, str(part)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            part.unlink(missing_ok=True)
            raise RuntimeError(f"mmdebstrap could not make the base image:\n{done.stderr[-3000:]}")
        part.rename(archive)
    return archive


def load_base_image(daemon: Daemon, folder: Path) -> None:
    """See to it that ``daemon`` has the base image under all of :data:`NAMES`."""
    from docker.errors import ImageNotFound

    with daemon.client(timeout_s=300) as client:
        try:
            image = client.images.get(NAMES[0])
        except ImageNotFound:
            image = None
        if image is None or image.labels.get(RECIPE_LABEL) != recipe_digest():
            _import(daemon, base_archive(folder))
            image = client.images.get(NAMES[0])
        for name in NAMES:
            repository, _, tag = name.rpartition(":")
            image.tag(repository, tag)


def _import(daemon: Daemon, archive: Path) -> None:
    changes = [f"LABEL {RECIPE_LABEL}={recipe_digest()}"]
    if isinstance(daemon, PodmanService):
        options = [f"--change={change}" for change in changes]
        command = [*daemon.podman(), "import", "--quiet", *options, str(archive), f"localhost/{NAMES[0]}"]
        subprocess.run(command, env=daemon.environment(), check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return
    repository, _, tag = NAMES[0].rpartition(":")
    with daemon.client(timeout_s=300) as client:
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag, changes=changes)
