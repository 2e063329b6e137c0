"""Fixtures that every test may use: real engines on private sockets, and a home folder of its own for each test.

A part that is missing and cannot be installed fails the test that needs it; nothing is skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import shared
from engine.daemon import DockerDaemon, PodmanService, short_folder
from engine.images import load_base_image
from engine.registry import Registry
from engine.shared import cache_folder


@pytest.fixture(autouse=True)
def amltrain_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh AMLTRAIN_HOME; no other AMLTRAIN_* setting of the caller reaches the test."""
    for name in [name for name in os.environ if name.startswith("AMLTRAIN_") and not name.startswith("AMLTRAIN_TEST_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "amltrain-home"
    monkeypatch.setenv("AMLTRAIN_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def docker_host() -> Iterator[str]:
    """URL of a Docker engine with the test images, also set as DOCKER_HOST until the session ends.

    It is the engine of AMLTRAIN_TEST_DOCKER_HOST when that is set, else the private one of ``tests/engine``.
    """
    with shared.docker_host() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", url)
        yield url


@pytest.fixture(scope="session")
def podman_host() -> Iterator[str]:
    """URL of a real Podman service with the base image; DOCKER_HOST stays as it is."""
    service = PodmanService(short_folder())
    try:
        service.start()
        load_base_image(service, cache_folder())
        yield service.url
    finally:
        service.destroy()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An empty image registry that wants its ``username`` and ``password``."""
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def private_engine() -> Iterator[Callable[..., DockerDaemon]]:
    """A function that starts a Docker engine for this test alone, which it may stop, start and kill.

    Its arguments are those of :class:`DockerDaemon` after the folder; the base image is loaded.
    """
    daemons: list[DockerDaemon] = []

    def started(*options: str, gpu_stub: bool = False) -> DockerDaemon:
        daemon = DockerDaemon(short_folder(), options, gpu_stub=gpu_stub)
        daemons.append(daemon)
        daemon.start()
        load_base_image(daemon, cache_folder())
        return daemon

    yield started
    for daemon in daemons:
        daemon.destroy()
