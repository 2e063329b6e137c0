"""The panel, filled in as a person would, with real runs behind; how it looks is in tests/browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ipywidgets import HTML, Checkbox, Dropdown, Text

from jupyter_amltrain import Environment, Workspace
from jupyter_amltrain.widget.panel import TrainingPanel

TRAIN = """\
import argparse
from azureml.core import Run
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3, help="how often")
parser.add_argument("--arch", choices=["small", "large"], default="small")
parser.add_argument("--amp", action="store_true")
asked = parser.parse_args()
for epoch in range(asked.epochs):
    Run.get_context().log("loss", 1 / (1 + epoch))
print("trained", asked)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    (place / "src").mkdir(parents=True)
    (place / "src" / "train.py").write_text(TRAIN)
    return place


@pytest.fixture
def workspace(amltrain_home: Path, docker_host: str) -> Workspace:
    made = Workspace.create("panels", show_output=False)
    environment = Environment("plain")
    environment.docker.base_image = "python-base:1"
    environment.python.user_managed_dependencies = True
    environment.register(made)
    return made


@pytest.fixture
def panel(workspace: Workspace, folder: Path) -> TrainingPanel:
    return TrainingPanel(workspace, "panel", lambda _, run_id: HTML(run_id), folder)


def said(panel: TrainingPanel) -> str:
    return str(panel._message.value)


def finished(panel: TrainingPanel) -> Any:
    run = panel._workspace.get_run(panel._workspace.store.runs(limit=1)[0].id)
    run.wait_for_completion(raise_on_error=False)
    return run


def test_a_script_is_submitted_with_what_its_form_says(panel: TrainingPanel) -> None:
    assert panel._script.options == ("src/train.py",)
    assert dict(panel._target.options)["local · 1 of 1 slot free"] == "local"
    panel._script.value = "src/train.py"
    fields = panel._arguments._fields
    assert {name: type(field) for name, field in fields.items()} == {"epochs": Text, "arch": Dropdown, "amp": Checkbox}
    fields["epochs"].value = "5"
    fields["arch"].value = "large"
    fields["amp"].value = True
    panel._tag.value = "by=panel"
    panel.submit()
    assert "Submitted" in said(panel), said(panel)
    run = finished(panel)
    assert (
        "trained Namespace(epochs=5, arch='large', amp=True)"
        in run.get_details_with_logs()["logFiles"]["azureml-logs/70_driver_log.txt"]
    )
    assert (run.tags, run.experiment.name) == ({"by": "panel"}, "panel")
    assert [view.value for view in panel._stage.children] == [run.id]
    panel.refresh()
    row = panel._table.children[0].children[1].value
    assert "Completed" in row
    assert "<svg" in row
    assert "loss 0.2" in row


def test_a_box_says_whether_its_flag_is_given(panel: TrainingPanel, folder: Path) -> None:
    (folder / "src" / "train.py").write_text(
        "p.add_argument('--no-shuffle', dest='shuffle', action='store_false')\n"
        "p.add_argument('--cache', action=BooleanOptionalAction, default=True)\n"
        "p.add_argument('--arch', choices=['small', 'large'], default='small')\n"
    )
    panel._script.value = "src/train.py"
    fields = panel._arguments._fields
    assert [field.value for field in fields.values()] == [False, True, ""]
    assert panel._arguments.words() == []
    fields["shuffle"].value = True
    fields["cache"].value = False
    assert panel._arguments.words() == ["--no-shuffle", "--no-cache"]


def test_code_runs_in_an_environment_that_is_written_here(panel: TrainingPanel, workspace: Workspace) -> None:
    panel._kind.value = "Code"
    panel._code.value = "print('typed')"
    panel._environment.value = ""
    panel._environment_text.value = "FROM python-base:1\n"
    assert "Dockerfile" in panel._taken_for.value
    panel.submit()
    assert "Give the new environment a name" in said(panel)
    panel._environment_name.value = "typed-env"
    panel.submit()
    assert "Submitted" in said(panel), said(panel)
    assert finished(panel).status == "Completed"
    assert panel._environment.value == "typed-env"
    assert "typed-env" in workspace.environments


@pytest.mark.parametrize(
    ("script", "epochs", "sentence"),
    [
        ("", "", "Name the script to run"),
        ("src/missing.py", "", "missing.py"),
        ("src/train.py", "five", "--epochs takes a whole number, not &#x27;five&#x27;"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_started(
    panel: TrainingPanel, workspace: Workspace, script: str, epochs: str, sentence: str
) -> None:
    panel._script.value = script
    if epochs:
        panel._arguments._fields["epochs"].value = epochs
    panel.submit()
    assert sentence in said(panel)
    assert 'role="alert"' in said(panel)
    assert workspace.store.runs() == []
    assert not panel._submit_button.disabled


def test_names_from_elsewhere_stay_text(panel: TrainingPanel, workspace: Workspace, folder: Path) -> None:
    (folder / "src" / "train.py").write_text(
        "from azureml.core import Run\nRun.get_context().log_list('<img src=x onerror=alert(1)>', [1, 2, 3])\n"
    )
    panel._script.value = "src/train.py"
    panel.submit()
    finished(panel)
    panel.refresh()
    assert "<img" not in panel._table.children[0].children[1].value


def test_what_is_chosen_stays_when_there_is_more_to_choose(panel: TrainingPanel, workspace: Workspace) -> None:
    assert panel._environment.value == "plain"
    Environment("another").register(workspace)
    panel.refresh()
    assert panel._environment.value == "plain"
    assert "another" in dict(panel._environment.options).values()
