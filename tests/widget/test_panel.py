"""The panel, filled in as a person would, with real runs behind; how it looks is in tests/browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ipywidgets import HTML, Checkbox, Dropdown, Text

from jupyter_amltrain import AmlCompute, ComputeTarget, Environment, Workspace
from jupyter_amltrain.widget.panel import TrainingPanel
from jupyter_amltrain.widget.panel.field import Field

TRAIN = """\
import argparse
from azureml.core import Run
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3, help="how often")
parser.add_argument("--arch", choices=["small", "large"], default="small")
parser.add_argument("--amp", action="store_true")
parser.add_argument("--sizes", type=int, nargs="+", default=[64, 32])
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


def fields(panel: TrainingPanel) -> dict[str, Field]:
    """The fields by what stands above them, arguments among them."""
    return {field.widget.description: field for field in panel.form.fields}


def fill_in(panel: TrainingPanel, **values: Any) -> None:
    """Choose the script and put values into the fields of its arguments."""
    panel.form.script.widget.value = "src/train.py"
    for name, value in values.items():
        fields(panel)[f"--{name}"].widget.value = value


def finished(panel: TrainingPanel) -> Any:
    run = panel._workspace.get_run(panel._workspace.store.runs(limit=1)[0].id)
    run.wait_for_completion(raise_on_error=False)
    return run


def test_a_script_is_submitted_with_what_its_form_says(panel: TrainingPanel) -> None:
    assert panel.form.script.widget.options == ("src/train.py",)
    assert dict(panel.form.target.widget.options)["local · 1 of 1 slot free"] == "local"
    fill_in(panel, epochs="5", arch="large", amp=True)
    kinds = {name: type(field.widget) for name, field in fields(panel).items() if name.startswith("--")}
    assert kinds == {"--epochs": Text, "--arch": Dropdown, "--amp": Checkbox, "--sizes": Text}
    panel.form.tags.widget.value = "by=panel, checked"
    panel.submit()
    assert "Submitted" in panel.message.value, panel.message.value
    run = finished(panel)
    assert (
        "trained Namespace(epochs=5, arch='large', amp=True, sizes=[64, 32])"
        in run.get_details_with_logs()["logFiles"]["azureml-logs/70_driver_log.txt"]
    )
    assert (run.tags, run.experiment.name) == ({"by": "panel", "checked": None}, "panel")
    assert [view.value for view in panel.stage.children] == [run.id]
    assert panel.table.refresh()
    (row,) = panel.table.shown["runs"]
    assert (row["run_id"], row["status"], row["metric"]) == (run.id, "Completed", "loss")
    assert row["points"] == tuple(1 / (1 + epoch) for epoch in range(5))


def test_a_box_says_whether_its_flag_is_given(panel: TrainingPanel, folder: Path) -> None:
    (folder / "src" / "train.py").write_text(
        "p.add_argument('--no-shuffle', dest='shuffle', action='store_false')\n"
        "p.add_argument('--cache', action=BooleanOptionalAction, default=True)\n"
        "p.add_argument('--arch', choices=['small', 'large'], default='small')\n"
    )
    fill_in(panel)
    assert [fields(panel)[name].widget.value for name in ("--no-shuffle", "--cache", "--arch")] == [False, True, ""]
    assert panel.form.arguments.words() == []
    fill_in(panel, cache=False, **{"no-shuffle": True})
    assert panel.form.arguments.words() == ["--no-shuffle", "--no-cache"]


def test_code_runs_in_an_environment_that_is_written_here(panel: TrainingPanel, workspace: Workspace) -> None:
    form = panel.form
    form.kind.widget.value = "Code typed here"
    form.code.widget.value = "print('typed')"
    form.environment.widget.value = ""
    form.environment_text.widget.value = "FROM python-base:1\n"
    assert "This is a Dockerfile" in form.environment_text.note
    panel.submit()
    assert "Give the new environment a name" in form.environment_name.note
    form.environment_name.widget.value = "typed-env"
    panel.submit()
    assert "Submitted" in panel.message.value, panel.message.value
    assert finished(panel).status == "Completed"
    assert form.environment.widget.value == "typed-env"
    assert "typed-env" in workspace.environments


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("Script", "", "Name the script to run"),
        ("Script", "src/trian.py", "Did you mean &#x27;train.py&#x27;?"),
        ("--epochs", "five", "--epochs takes a whole number, not &#x27;five&#x27;"),
        ("--sizes", "64 wide", "--sizes takes whole numbers, not &#x27;wide&#x27;"),
        ("More arguments", "--name 'open", "No closing quotation"),
        ("Experiment", "a b", "a b"),
        ("Tags", "=value", "key=value"),
    ],
)
def test_a_mistake_is_said_below_its_field_and_nothing_is_started(
    panel: TrainingPanel, workspace: Workspace, field: str, value: str, sentence: str
) -> None:
    fill_in(panel)
    fields(panel)[field].widget.value = value
    panel.submit()
    assert sentence in fields(panel)[field].note
    assert 'role="alert"' in fields(panel)[field].note
    assert "Nothing was submitted" in panel.message.value
    assert workspace.store.runs() == []
    assert not panel.submit_button.disabled
    fields(panel)[field].widget.value = "corrected"
    assert sentence not in fields(panel)[field].note or field == "Script"


def test_a_gpu_that_is_not_there_is_said(panel: TrainingPanel, workspace: Workspace) -> None:
    configuration = AmlCompute.provisioning_configuration(vm_size="STANDARD_NC6", max_nodes=1)
    ComputeTarget.create(workspace, "gpu-cluster", configuration)
    panel.form.refresh()
    fill_in(panel)
    panel.form.target.widget.value = "gpu-cluster"
    panel.submit()
    assert "A GPU was asked for and the engine has none to give" in panel.message.value
    assert 'role="alert"' in panel.message.value
    assert workspace.store.runs() == []


def test_an_engine_that_is_not_there_is_said(panel: TrainingPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    fill_in(panel)
    panel.submit()
    assert "/nowhere/engine.sock" in panel.message.value
    assert 'role="alert"' in panel.message.value


def test_what_is_chosen_stays_when_there_is_more_to_choose(panel: TrainingPanel, workspace: Workspace) -> None:
    environments = panel.form.environment.widget
    assert environments.value == "plain"
    Environment("another").register(workspace)
    panel.form.refresh()
    assert environments.value == "plain"
    assert "another" in dict(environments.options).values()
