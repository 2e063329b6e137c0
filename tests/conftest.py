"""Fixtures that every test may use: real engines on private sockets, and a home folder of its own for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


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
    """URL of a Docker engine with the test images, also set as DOCKER_HOST for the session."""
    url = os.environ["AMLTRAIN_TEST_DOCKER_HOST"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", url)
        yield url
