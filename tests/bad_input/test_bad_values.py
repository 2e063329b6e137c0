"""Wrong types, impossible numbers, odd names and broken workspace files, each refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.compute.amlcompute import AmlCompute
from jupyter_amltrain.compute.target import ComputeTarget
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import ComputeTargetException, UserErrorException
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.submission.config import ScriptRunConfig
from jupyter_amltrain.workspace import Workspace

from .conftest import Place, base_image

configuration = AmlCompute.provisioning_configuration


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"compute_target": 5}, "A compute target is a ComputeTarget or the name of one, not int (5)"),
        ({"compute_target": " "}, "The compute target's name is empty"),
        ({"arguments": "--x 'a b'"}, "arguments takes a list, one element per argument: arguments=['--x', 'a b']"),
        ({"arguments": {"--x": 1}}, "arguments takes a list, one element per argument, not dict"),
        ({"arguments": ["--x", None]}, "arguments[1] is None"),
        ({"arguments": [["--x"]]}, "arguments[0] is a list"),
        ({"arguments": ["a\0b"]}, "arguments[0] holds a NUL character"),
        ({"environment": 5}, "environment takes an Environment, or the name of one"),
        ({"environment": ""}, "environment takes an Environment, or the name of one"),
        ({"source_directory": 5}, "source_directory is the folder with the script, such as '.', not 5"),
        ({"source_directory": ""}, "source_directory is the folder with the script, such as '.', not ''"),
        ({"script": 5}, "script is the name of a file in source_directory, not int"),
        ({"command": 5, "script": None}, "command takes a list"),
        ({"command": "echo hello"}, "command"),
        ({"run_config": "local"}, "ScriptRunConfig.run_config takes RunConfiguration, not str ('local')"),
        ({"max_run_duration_seconds": 0}, "max_run_duration_seconds is a number of seconds above 0, not 0"),
        ({"max_run_duration_seconds": "1h"}, "max_run_duration_seconds is a number of seconds above 0, not '1h'"),
        ({"docker_runtime_config": True}, "must be a 'DockerConfiguration' object, not bool"),
        ({"distributed_job_config": "mpi"}, "must be a TensorflowConfiguration, MpiConfiguration"),
    ],
)
def test_wrong_types_in_a_run(place: Place, given: dict[str, Any], words: str) -> None:
    with place.refuses(words):
        place.submit(**given)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda ws: Experiment(ws, "x").submit("train.py"), "Experiment.submit takes a ScriptRunConfig, not str"),
        (lambda ws: Experiment("ws", "x"), "Experiment takes a Workspace and a name, not str"),
        (lambda ws: ComputeTarget("ws", "x"), "ComputeTarget takes a Workspace and a name"),
        (lambda ws: ComputeTarget.create("ws", "xx", configuration(max_nodes=1)), "takes a Workspace first, not 'ws'"),
        (lambda ws: ComputeTarget.create(ws, "xx", {"max_nodes": 1}), "takes what AmlCompute.provisioning_conf"),
        (lambda ws: ComputeTarget.create(ws, "local", configuration(max_nodes=1)), "local is a reserved name"),
        (lambda ws: Workspace.from_config(5), "from_config takes the path of a file or folder, not 5"),
        (lambda ws: Workspace.get(5), "No workspace found with name = 5"),
        (lambda ws: base_image(5), "from_docker_image takes the name of an image"),
        (lambda ws: setattr(base_image().docker, "base_image", 5), "DockerSection.base_image takes str, not int (5)"),
        (lambda ws: setattr(base_image().docker, "shm_size", 5), "DockerSection.shm_size takes str, not int (5)"),
    ],
)
def test_wrong_types_elsewhere(place: Place, act: Callable[[Workspace], object], words: str) -> None:
    with place.refuses(words):
        act(place.workspace)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "max nodes count is mandatory"),
        ({"max_nodes": -1}, "max nodes count must be greater than or equal to 0"),
        ({"max_nodes": "many"}, "max_nodes takes a whole number, not 'many' (str)"),
        ({"max_nodes": 1.5}, "max_nodes takes a whole number, not 1.5 (float)"),
        ({"max_nodes": True}, "max_nodes takes a whole number, not True (bool)"),
        ({"max_nodes": 1, "min_nodes": 2}, "greater than or equal to min nodes count"),
        ({"max_nodes": 1, "vm_size": "STANDARD_NC6x"}, "no vm_size 'STANDARD_NC6x'; did you mean 'STANDARD_NC6'?"),
        ({"max_nodes": 1, "vm_size": "huge"}, "AmlCompute.supported_vmsizes() lists the known ones"),
        ({"max_nodes": 1, "vm_size": 6}, "vm_size is a name such as 'STANDARD_NC6', not 6"),
        ({"max_nodes": 1, "memory": "lots"}, "'lots' is not a size. Write it like 2g"),
        ({"max_nodes": 1, "cpus": -1}, "cpus takes a number above 0, not -1"),
        ({"max_nodes": 1, "gpu": "prefered"}, "gpu cannot be 'prefered'; did you mean 'prefer'?"),
        ({"max_nodes": 1, "engine": 5}, "engine takes text, not 5"),
        ({"max_nodes": 1, "network_mode": 5}, "network_mode takes text, not 5"),
        ({"max_nodes": 1, "tags": "x"}, "tags are a dictionary, not 'x'"),
    ],
)
def test_clusters_that_cannot_be(place: Place, given: dict[str, Any], words: str) -> None:
    with place.refuses(words):
        configuration(**given)


def test_clusters_that_take_no_run(place: Place) -> None:
    ComputeTarget.create(place.workspace, "zero", configuration(max_nodes=0))
    with place.refuses("'zero' has at most 0", "update(max_nodes=1)", kind=ComputeTargetException):
        place.submit(compute_target="zero")
    ComputeTarget.create(place.workspace, "typo", configuration(max_nodes=1, engine="dokcer"))
    with place.refuses("The target 'typo' names its engine", "did you mean 'docker'?", kind=ComputeTargetException):
        place.submit(compute_target="typo")


@pytest.mark.parametrize(
    "name", ["", " ", "my exp", "a/b", "../x", "-x", "é", "日本", "a\nb", "x" * 201, "a\0", 5, None]
)
def test_names_of_experiments(place: Place, name: Any) -> None:
    with place.refuses("name", kind=UserErrorException):
        Experiment(place.workspace, name)


@pytest.mark.parametrize("name", ["", "my ws", "../x", "-ws", "ab", "é" * 5, "a" * 34, "a\nbc", 5, None])
def test_names_of_workspaces(place: Place, name: Any) -> None:
    with place.refuses("cannot name a workspace: a name has 3 to 33 letters", kind=UserErrorException):
        Workspace.create(name)


@pytest.mark.parametrize("name", ["", "a", "my target", "../x", "é" * 3, "a\nb", "t" * 25, 5])
def test_names_of_targets(place: Place, name: Any) -> None:
    with place.refuses("cannot name a compute target: a name has 2 to 24 letters", kind=UserErrorException):
        ComputeTarget.create(place.workspace, name, configuration(max_nodes=1))


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\tb", "a\0b", "x" * 256, 5, None])
def test_names_of_environments(place: Place, name: Any) -> None:
    with place.refuses("", kind=UserErrorException):
        Environment(name)


def test_odd_names_that_are_fine_reach_the_job_as_they_are(place: Place) -> None:
    """Blanks, quotes, newlines, dollars: nothing is split or refused; only the job's own variables are put in."""
    arguments = [
        "a b",
        "$5 of $NOT_SET",
        "'single' \"double\"",
        "two\nlines",
        "--flag=ü→",
        "",
        "*",
        "`id`",
        "-",
        "\\n",
        3.5,
        Path("p q"),
    ]
    odd = "-train 'it' \"now\" $HOME é.py"
    (place.source / odd).write_text(
        "import json, os, sys\nprint(json.dumps([sys.argv, os.environ['ODD'], os.path.basename(__file__)]))\n"
    )
    environment = base_image(name='my env/é "it\'s" $x')
    environment.environment_variables = {"ODD": "two\nlines $HOME 'x'"}
    environment.docker.base_dockerfile = "FROM python-base:1\nENV ODD_TEST=1\n"
    environment.register(place.workspace)
    tags = {"odd key $\n'": 'odd value\n"é"', "flag": ""}
    config = ScriptRunConfig(
        str(place.source), odd, arguments=[*arguments, "$AMLTRAIN_RUN_ID"], environment=environment
    )
    run = Experiment(place.workspace, place.name).submit(config, tags=tags)
    run.wait_for_completion()
    log = place.workspace.run_folder(run.id) / "azureml-logs/70_driver_log.txt"
    argv, variable, name = json.loads(log.read_text())
    assert (argv[0], name) == (odd, odd)
    assert argv[1:] == [*map(str, arguments), run.id]
    assert variable == "two\nlines $HOME 'x'"
    assert run.get_tags() == tags
    assert Environment.get(place.workspace, 'my env/é "it\'s" $x').docker.base_dockerfile == (
        "FROM python-base:1\nENV ODD_TEST=1\n"
    )


FRIENDLY = '"subscription_id": "s", "resource_group": "g"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is empty. Remove it, or write it anew"),
        (b"{bad", "is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"\xff\xfe\x00", "is not JSON: it is not UTF-8 text"),
        (b"[]", "It holds a list, not an object. Missing: subscription_id, resource_group, workspace_name"),
        (b'"ws"', "It holds a str, not an object"),
        (b'{"name": "ws"}', "Missing: subscription_id, resource_group, workspace_name"),
        (f'{{{FRIENDLY}, "workspace_name": 5}}'.encode(), "Missing: workspace_name"),
        (f'{{{FRIENDLY}, "workspace_name": "a b"}}'.encode(), "'a b' cannot name a workspace"),
        (b'{"Scope": "/subscriptions/x"}', "does not have the form /subscriptions/S/"),
    ],
)
def test_workspace_files_that_say_nothing(place: Place, tmp_path: Path, text: bytes, words: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text)
    for path in (None, str(file)):
        with place.refuses(words, str(file), kind=UserErrorException):
            Workspace.from_config(path)
