"""Experiment: names, runs newest first, submit's copy of the configuration."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from jupyter_amltrain.errors import NameNotFoundException, UserErrorException
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.runs.run import Run, ScriptRun
from jupyter_amltrain.submission.config import ScriptRunConfig
from jupyter_amltrain.workspace import Workspace


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.create("test-ws", show_output=False)


# Parameter names of azureml-core 1.61.0.post4, read with inspect.signature.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("submit", "self config tags kwargs"),
        ("get_runs", "self type tags properties include_children"),
        ("list", "workspace experiment_name view_type tags"),
    ],
)
def test_parameters_are_those_of_the_sdk_in_its_order(name: str, parameters: str) -> None:
    assert list(inspect.signature(getattr(Experiment, name)).parameters) == parameters.split()


@pytest.mark.parametrize("name", ["a", "fastai-custom-image", "9_lives", "e" * 200, "aé"])
def test_good_names(workspace: Workspace, name: str) -> None:
    assert Experiment(workspace, name).name == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "take letters"),
        ("my exp.v1", "such as 'my-exp-v1'"),
        ("-a", "such as 'a'"),
        ("../up", "such as 'up'"),
        ("é", "beginning with a letter or digit."),
        ("e" * 201, "has 201 bytes"),
        ("a\n", "such as 'a'"),
        (None, "take letters"),
    ],
)
def test_bad_names_are_refused_with_a_better_one(workspace: Workspace, name: Any, said: str) -> None:
    with pytest.raises(UserErrorException) as error:
        Experiment(workspace, name)
    assert said in error.value.message


def test_swapped_arguments_are_explained(workspace: Workspace) -> None:
    with pytest.raises(UserErrorException, match=r"Experiment\(ws, 'my-name'\)"):
        Experiment("pets", workspace)  # type: ignore[arg-type]


def test_identity_and_looks(workspace: Workspace) -> None:
    experiment = Experiment(workspace, "pets")
    assert str(experiment) == repr(experiment) == "Experiment(Name: pets,\nWorkspace: test-ws)"
    assert experiment.workspace is experiment.workspace_object is workspace
    assert re.search("<td[^>]*>pets</td><td[^>]*>test-ws</td>", experiment._repr_html_())
    assert Experiment(workspace, "pets").id == experiment.id
    assert {experiment} == {Experiment(workspace, "pets")}


def test_list(workspace: Workspace) -> None:
    for name in ("pets", "cars"):
        assert Experiment(workspace, name).id
    assert [experiment.name for experiment in Experiment.list(workspace)] == ["pets", "cars"]
    assert [experiment.name for experiment in Experiment.list(workspace, "cars")] == ["cars"]
    with pytest.raises(NameNotFoundException, match="did you mean 'pets'"):
        Experiment.list(workspace, "pest")


def test_runs_are_newest_first_and_of_this_experiment_alone(workspace: Workspace, new_run: Any) -> None:
    for number in (1, 2, 3):
        new_run(f"pets_{number}_a")
    new_run("cars_1_a", experiment="cars")
    runs = Experiment(workspace, "pets").get_runs()
    assert next(runs).id == "pets_3_a"
    assert [(run.id, type(run)) for run in runs] == [("pets_2_a", ScriptRun), ("pets_1_a", ScriptRun)]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"tags": "model"}, ["pets_2_a", "pets_1_a"]),
        ({"tags": {"model": "resnet"}}, ["pets_1_a"]),
        ({"tags": {"model": "resnet", "epochs": 2}}, ["pets_1_a"]),
        ({"tags": {"model": "resnet", "epochs": 3}}, []),
        ({"properties": {"ContentSnapshotId": "55555555"}}, ["pets_3_a", "pets_2_a", "pets_1_a"]),
        ({"properties": "author"}, []),
        ({"type": "azureml.scriptrun"}, ["pets_3_a", "pets_2_a", "pets_1_a"]),
        ({"type": "hyperdrive"}, []),
        ({"status": "Completed"}, ["pets_3_a"]),
    ],
)
def test_filters(workspace: Workspace, new_run: Any, filters: dict[str, Any], found: list[str]) -> None:
    new_run("pets_1_a", tags={"model": "resnet", "epochs": "2"})
    new_run("pets_2_a", tags={"model": None})
    new_run("pets_3_a", status="Completed")
    assert [run.id for run in Run.list(Experiment(workspace, "pets"), **filters)] == found


def test_submit_gives_a_copy_and_returns_the_run(
    workspace: Workspace, new_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def submit(
        workspace: Workspace, experiment: str, config: ScriptRunConfig, tags: dict[str, str | None], parent: str
    ) -> Any:
        seen.update(config=config, tags=tags)
        return workspace.store.run(new_run().id)

    monkeypatch.setattr("jupyter_amltrain.submission.submit.submit", submit)
    config = ScriptRunConfig(".", "train.py", arguments=["1"])
    run = Experiment(workspace, "pets").submit(config, tags={"n": 1})
    config.arguments.append("2")
    assert (run.id, type(run)) == ("pets_1_a", ScriptRun)
    assert (seen["config"].arguments, seen["tags"]) == (["1"], {"n": "1"})


@pytest.mark.parametrize(
    ("config", "options", "said"),
    [
        ("train.py", {}, "takes a ScriptRunConfig, not str"),
        (ScriptRunConfig("."), {"snapshot": 1}, "does not know snapshot"),
        (ScriptRunConfig("."), {"tags": ["a"]}, "tags are a dictionary"),
    ],
)
def test_submit_refuses_what_it_cannot_do(workspace: Workspace, config: Any, options: Any, said: str) -> None:
    with pytest.raises(UserErrorException, match=said):
        Experiment(workspace, "pets").submit(config, **options)
    assert workspace.store.runs() == []
