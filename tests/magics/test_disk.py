"""``%aml_env --prune``, without an engine."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_amltrain.disk.items import DiskItem, DiskUsage, EnvironmentVersion
from jupyter_amltrain.magics.disk import _listing
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


def test_what_others_made_on_a_shared_engine_is_one_line() -> None:
    def image(name: str, **about: Any) -> DiskItem:
        return DiskItem("docker", f"sha256:{name}", "image", f"amltrain/{name}:1", 300, **{"own_bytes": 10, **about})

    version = EnvironmentVersion("home", "default", "used", "1", latest=True)
    others = [image(f"other{number}", ours=False) for number in range(20)]
    nobodys = [image("nobody", ours=None)]
    mine = [image("mine"), image("used", ours=False, environments=(version,))]
    rows = _listing(DiskUsage((*others, *nobodys, *mine))).rows
    assert [row[1] for row in rows] == ["amltrain/mine:1", "amltrain/nobody:1", "amltrain/used:1", "20 of them"]
    assert rows[-1][3] == "200 bytes"
    assert rows[-1][-1] == "another home folder made it; workspace.disk_usage() has each"
    few = _listing(DiskUsage((*others[:3], *mine))).rows
    assert len(few) == 5


def test_mistakes(notebook: Notebook) -> None:
    notebook.run("%%aml_env --no-build pets\nsix\n")
    assert "did you mean 'pets'?" in notebook.refusal("%aml_env --prune pest")
    assert "write 30d, 12h or 2w" in notebook.refusal("%aml_env --prune --older-than soon")
    for line in ("pets dogs", "--unused", "--older-than 3d", "--dry-run", "--prune --diff pets"):
        assert "mean nothing without --prune" in notebook.refusal(f"%aml_env {line}")


LIST_RUNS = "print(repr(get_ipython().run_line_magic('aml_runs', '--prune')))"
LEAVES = "%%aml_submit --wait\nimport os\nos.makedirs('checkpoints')\nopen('checkpoints/a.pt', 'w').write('x' * 5000)\n"


def test_what_jobs_left_is_listed_and_deleted(notebook: Notebook) -> None:
    assert "No job left anything but outputs and logs." in notebook.run(LIST_RUNS).out
    notebook.run("%%aml_env -q pets\nsix\n")
    notebook.run(LEAVES)
    lines = notebook.run(LIST_RUNS).out.splitlines()
    assert lines[0].split() == ["Run", "Experiment", "Ended", "Files", "Size", "Note"]
    assert "today" in lines[1]
    assert "--older-than 30d" in lines[-1]
    assert "Nothing is deleted." in notebook.run("%aml_runs --prune --older-than 30d").out
    assert "would delete " in notebook.run("%aml_runs --prune last --dry-run").out
    done = notebook.run("%aml_runs --prune last").out.splitlines()
    assert done[0].startswith("deleted 2 files of ")
    assert done[1].startswith("✓ Freed ")
    assert "No job left anything" in notebook.run(LIST_RUNS).out
    for options in ("last", "--dry-run", "--older-than 3d", "--beyond 1g"):
        assert "mean nothing without --prune" in notebook.refusal(f"%aml_runs {options}")
    assert "write 30d, 12h or 2w" in notebook.refusal("%aml_runs --prune --older-than soon")
