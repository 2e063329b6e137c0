from __future__ import annotations

from pathlib import Path

import pytest

from magics.notebook import Notebook

BASE = "%%aml_env plain --no-build\nFROM python-base:1\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the notebook, which is also the current one."""
    folder = tmp_path / "notebook"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return folder


@pytest.fixture
def notebook(here: Path) -> Notebook:
    return Notebook()


@pytest.fixture
def docker_notebook(notebook: Notebook, docker_host: str) -> Notebook:
    """A notebook with an environment named ``plain``, whose runs go to the Docker engine."""
    notebook.run(BASE)
    return notebook
