from __future__ import annotations

import json
from pathlib import Path

from jupyter_amltrain import Workspace
from magics.notebook import Notebook


def test_the_nearest_config_names_it_and_it_is_said_once(notebook: Notebook, here: Path) -> None:
    config = {"subscription_id": "s", "resource_group": "r", "workspace_name": "pets"}
    (here / "config.json").write_text(json.dumps(config))
    first = notebook.run("%aml_workspace")
    assert first.value.name == "pets"
    assert str(here / "config.json") in first.out
    assert str(here / "config.json") not in notebook.run("%aml_runs").out


def test_another_one_is_used_after_the_current_folder_changed(notebook: Notebook, here: Path) -> None:
    (here / "project").mkdir()
    (here / "project" / "config.json").write_text(
        json.dumps({"subscription_id": "s", "resource_group": "r", "workspace_name": "pets"})
    )
    assert notebook.run("%aml_workspace").value.name == "default"
    notebook.run("import os; os.chdir('project')")
    assert notebook.run("%aml_workspace").value.name == "pets"


def test_a_chosen_one_stays(notebook: Notebook) -> None:
    assert "%aml_workspace" not in notebook.refusal("%aml_workspace birds")
    assert notebook.run("%aml_workspace birds --create").value == Workspace.get("birds")
    assert notebook.run("%aml_workspace").value.name == "birds"
    Workspace.create("fish", show_output=False)
    assert notebook.run("ws = %aml_workspace fish\nws").value.name == "fish"
    assert "Did you mean 'birds'?" in notebook.refusal("%aml_workspace brds")
    assert notebook.run("%aml_workspace").value.name == "fish"


def test_what_cannot_be_right_is_refused(notebook: Notebook, here: Path) -> None:
    assert "Name the workspace to make" in notebook.refusal("%aml_workspace --create")
    assert "cannot name a workspace" in notebook.refusal("%aml_workspace a/b --create")
    (here / "config.json").write_text("{")
    assert "config.json" in notebook.refusal("%aml_workspace")
