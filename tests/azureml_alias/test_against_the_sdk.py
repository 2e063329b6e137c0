"""Ours side by side with azureml-core 1.61.0.post4, whose behaviour ``record.py`` wrote into ``recorded/``."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain import (
    AmlCompute,
    ComputeTarget,
    Environment,
    Experiment,
    RunConfiguration,
    ScriptRunConfig,
    Workspace,
)
from jupyter_amltrain.absent import why_absent
from jupyter_amltrain.azureml.names import TARGETS
from jupyter_amltrain.errors import ActivityFailedException, UserErrorException
from jupyter_amltrain.runs.record import Point
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.runs.values import metrics
from runs.by_hand import enter_run

from . import sdk_cases

RECORDED = Path(__file__).with_name("recorded")
CASES = sdk_cases.read_cases()


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


THEIRS = recorded("cases")
MEMBERS = recorded("members")
METRICS = recorded("metrics")
OBJECTS = recorded("objects")
SIGNATURES = recorded("signatures")
TRANSCRIPTS = recorded("transcripts")


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.create("test-ws", subscription_id="s", resource_group="g", show_output=False)


def test_all_cases_are_recorded() -> None:
    assert {name: len(statements) for name, statements in CASES.items()} == {
        name: len(results) for name, results in THEIRS.items()
    }, "run record.py again"


@pytest.mark.parametrize("name", CASES)
def test_statements_do_the_same_unless_marked(name: str) -> None:
    ours = sdk_cases.run_case(CASES[name])
    wrong = [
        {"code": statement.code, "mark": statement.mark, "SDK": theirs, "ours": result}
        for statement, theirs, result in zip(CASES[name], THEIRS[name], ours, strict=True)
        if sdk_cases.agree(theirs, result) == bool(statement.mark)
    ]
    assert wrong == []


def kind_of(name: str) -> Any:
    module, _, attribute = TARGETS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def method_of(name: str) -> Any:
    """A method by class and name, None where ours has none."""
    kind, _, member = name.partition(".")
    return getattr(kind_of(kind), member, None)


def example(name: str, workspace: Workspace) -> object:
    """An object whose constructor sets attributes; None for a class that has all of them itself."""
    objects = {
        "Workspace": lambda: workspace,
        "Environment": lambda: Environment("x"),
        "RunConfiguration": RunConfiguration,
        "ScriptRunConfig": lambda: ScriptRunConfig("."),
        "DockerSection": lambda: Environment("x").docker,
        "PythonSection": lambda: Environment("x").python,
        "SparkSection": lambda: Environment("x").spark,
        "DatabricksSection": lambda: Environment("x").databricks,
    }
    make = objects.get(name)
    return make() if make else None


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_is_here_or_says_why_not(name: str, workspace: Workspace) -> None:
    kind = kind_of(name)
    held = example(name, workspace)
    for member in MEMBERS[name]:
        if hasattr(kind, member) or hasattr(held, member):
            continue
        with pytest.raises(AttributeError, match=f"{name}.{member} cannot be used here: \\w+"):
            getattr(kind, member)
        assert "cannot be used here" in why_absent(kind, member)


# Parameters that the SDK has and ours not, or not in that place.
OTHER_PARAMETERS = {
    "Workspace.__init__": "sku and tags are read from the workspace; taken by name",
    "Workspace.create": "1.61 put new ones between those of 1.16; all are taken by name",
    "Workspace.get": "those that 1.61 added are taken by name",
    "AmlComputeProvisioningConfiguration.__init__": "made by provisioning_configuration, whose names it keeps",
    "AzureMLException.__init__": "the SDK's own way to build messages is taken by name and not used",
    "Dataset.__init__": "nobody makes one: it is for Dataset.File and Dataset.Tabular",
    **dict.fromkeys(
        [name for name in SIGNATURES if re.match(r"Datastore\.register_(azure|hdfs)", name)],
        "refused, whatever is given",
    ),
    **dict.fromkeys(
        [f"{name}.__init__" for name in MEMBERS if name.endswith("Authentication")], "anything is taken, nothing kept"
    ),
}
OTHER_DEFAULTS = {
    "AmlCompute.provisioning_configuration": "None as in 1.16, which the service took as 120 s",
    "AmlComputeProvisioningConfiguration.__init__": "None as in 1.16, which the service took as 120 s",
    "CondaDependencies.create": "the Python of 1.16",
    "DockerConfiguration.__init__": "None for the empty list",
}


@pytest.mark.parametrize("name", [name for name in SIGNATURES if method_of(name)])
def test_parameters_have_the_names_and_defaults_of_the_sdk(name: str) -> None:
    ours = {item.name: item for item in inspect.signature(method_of(name)).parameters.values() if item.name != "self"}
    positional = [item.name for item in ours.values() if item.kind is item.POSITIONAL_OR_KEYWORD]
    theirs = [parameter for parameter, _ in SIGNATURES[name] if not parameter.startswith("_") or parameter in ours]
    assert (positional[: len(theirs)] != theirs) == (name in OTHER_PARAMETERS), (positional, theirs)
    different = [
        (parameter, default)
        for parameter, default in SIGNATURES[name]
        if parameter in ours and default not in ("required", ours[parameter].default, repr(ours[parameter].default))
    ]
    assert bool(different) == (name in OTHER_DEFAULTS), different


@pytest.mark.parametrize("entry", METRICS, ids=lambda entry: str(entry["logged"]))
def test_metrics_have_the_shapes_of_the_sdk(entry: dict[str, Any]) -> None:
    points = (Point(n, "m", kind, value, None, 0.0, 0) for n, (kind, value) in enumerate(entry["logged"]))
    ours, theirs = metrics(points)["m"], entry["value"]
    if theirs == [1, None]:  # the SDK drops what is not of the first value's type
        assert ours == [value for _, value in entry["logged"]]
    else:
        assert ours == theirs


def test_texts_and_columns(workspace: Workspace) -> None:
    run = enter_run(workspace, status="Running")
    experiment = run.experiment
    texts = OBJECTS["repr"]
    assert (repr(workspace), repr(experiment), repr(run)) == (texts["workspace"], texts["experiment"], texts["run"])
    assert (str(experiment), str(run)) == (OBJECTS["str"]["experiment"], OBJECTS["str"]["run"])
    for ours, theirs in ((experiment, "experiment"), (run, "run")):
        columns = re.findall("<th(?: [^>]*)?>(.*?)</th>", ours._repr_html_())
        assert columns == [name for name in OBJECTS["columns"][theirs] if name != "Docs Page"]


def test_details_of_a_run_that_has_not_begun(workspace: Workspace) -> None:
    assert sorted(enter_run(workspace).get_details()) == OBJECTS["details of a queued run"]


def keys(value: Any) -> Any:
    return {key: keys(inner) for key, inner in sorted(value.items())} if isinstance(value, dict) else None


def test_a_cluster_has_the_attributes_and_keys_of_the_sdk(workspace: Workspace) -> None:
    configuration = AmlCompute.provisioning_configuration("STANDARD_NC6", max_nodes=4)
    target = ComputeTarget.create(workspace, "gpu-cluster", configuration)
    for name in OBJECTS["cluster"]["attributes"]:
        assert hasattr(target, name) or "cannot be used here" in why_absent(AmlCompute, name)
    assert keys(target.serialize()) == OBJECTS["cluster"]["dictionary"]
    assert keys(target.get_status().serialize()) == OBJECTS["cluster"]["status"]


@pytest.mark.parametrize(("name", "taken"), OBJECTS["experiment names"].items())
def test_experiment_names(workspace: Workspace, name: str, taken: bool) -> None:
    if taken:
        assert Experiment(workspace, name).name == name
    else:
        with pytest.raises(UserErrorException):
            Experiment(workspace, name)


def finished(workspace: Workspace, ending: str) -> ScriptRun:
    status = {"completed": "Completed", "canceled": "Canceled"}.get(ending.split()[0].strip(","), "Failed")
    notes = ("careful", "twice") if "warnings" in ending else ()
    run = enter_run(workspace, status=status, log=b"epoch 1\nepoch 2", notes=notes)
    Path(run._folder, "azureml-logs/60_control_log.txt").write_text("prepared\n")
    return run


@pytest.mark.parametrize("ending", TRANSCRIPTS)
def test_transcript(
    workspace: Workspace, ending: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"error": {"code": "UserError", "message": "boom", "details": []}}
    run = finished(workspace, ending)
    monkeypatch.setattr(run, "get_portal_url", lambda: "URL")
    monkeypatch.setattr("jupyter_amltrain.runs.description.error", lambda *_: error)
    raised = None
    try:
        run.wait_for_completion(show_output=True, raise_on_error="not raised" not in ending)
    except ActivityFailedException as failure:
        raised = f"ActivityFailedException: {failure.message}"
    assert {"printed": capsys.readouterr().out, "raised": raised} == TRANSCRIPTS[ending]
