"""``%aml_env --check``: what was looked at, with a sign and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from magics.notebook import Notebook


def checked(notebook: Notebook, name: str = "") -> list[str]:
    """The lines of the table."""
    shown = notebook.run(f"print(repr(get_ipython().run_line_magic('aml_env', '--check {name}')))").out
    return [line for line in str(shown).splitlines() if line[:1] in "✓!✗"]


def subjects(lines: list[str]) -> list[str]:
    return [f"{line.split()[0]} {line.split()[1]}" for line in lines]


def test_the_engine_and_an_image(docker_notebook: Notebook) -> None:
    assert [subject[2:] for subject in subjects(checked(docker_notebook))] == ["engine", "disk", "network", "GPU"]
    lines = checked(docker_notebook, "python-base:1")
    assert "✓ Python" in subjects(lines)
    assert any("Python 3.11.2 (python) in python-base:1" in line for line in lines)
    docker_notebook.run("%%aml_env --no-build pets --base python-base:1\nsix\n")
    assert "✓ /bin/sh" in subjects(checked(docker_notebook, "pets"))
    assert "takes one environment or image" in docker_notebook.refusal("%aml_env --check a b")


def test_an_engine_that_is_not_there(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    (line,) = checked(notebook)
    assert line.startswith("✗  engine")
    assert "there is no such socket" in line
