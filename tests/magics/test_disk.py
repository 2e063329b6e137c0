"""``%aml_env --prune``, without an engine."""

from __future__ import annotations

import pytest

from magics.notebook import Notebook

LIST = "print(repr(get_ipython().run_line_magic('aml_env', '--prune')))"


@pytest.fixture(autouse=True)
def without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    monkeypatch.setenv("AMLTRAIN_ENGINE", "local")


def test_it_lists_and_deletes_what_is_named(notebook: Notebook) -> None:
    shown = notebook.run(LIST).out
    assert "Images are not listed: " in shown
    assert shown.endswith("Nothing is kept on the disk yet.\n")
    notebook.run("%%aml_env -q pets\nsix\n")
    shown = notebook.run(LIST).out
    assert "--prune NAME[:VERSION]" in shown
    lines = shown.splitlines()
    assert ["What", "Name", "Size", "Frees"] in [line.split()[:4] for line in lines]
    (row,) = [line for line in lines if line.startswith("virtual environment  ")]
    assert row.split()[-2:] == ["pets:1", "today"]

    would = notebook.run("%aml_env --prune pets --dry-run").out
    assert "would delete virtual environment " in would
    assert "Nothing is deleted." in notebook.run("%aml_env --prune --unused").out
    done = notebook.run("%aml_env --prune pets").out.splitlines()
    assert done[-2].startswith("deleted virtual environment ")
    assert done[-1].startswith("✓ Freed ")
    assert "Nothing is deleted." in notebook.run("%aml_env --prune pets").out


def test_mistakes(notebook: Notebook) -> None:
    notebook.run("%%aml_env --no-build pets\nsix\n")
    assert "did you mean 'pets'?" in notebook.refusal("%aml_env --prune pest")
    assert "write 30d, 12h or 2w" in notebook.refusal("%aml_env --prune --older-than soon")
    for line in ("pets dogs", "--unused", "--older-than 3d", "--dry-run", "--prune --diff pets"):
        assert "mean nothing without --prune" in notebook.refusal(f"%aml_env {line}")
