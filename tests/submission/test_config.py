"""ScriptRunConfig and RunConfiguration: both forms of the article, wrong values refused at once, one request."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain import Dataset, OutputFileDatasetConfig
from jupyter_amltrain.data.reference import DataReferenceConfiguration
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import RunConfigurationException, UserErrorException
from jupyter_amltrain.submission.config import (
    DockerConfiguration,
    MpiConfiguration,
    PyTorchConfiguration,
    Request,
    RunConfiguration,
    ScriptRunConfig,
    TensorflowConfiguration,
)


@pytest.fixture
def environment() -> Environment:
    return Environment("fastai2")


# Read from azureml-core 1.61.0.post4 with inspect.signature.
SIGNATURES = {
    ScriptRunConfig: "source_directory script arguments run_config _telemetry_values compute_target environment"
    " distributed_job_config resume_from max_run_duration_seconds command docker_runtime_config",
    RunConfiguration: "script arguments framework communicator conda_dependencies _history_enabled _path _name command",
    DockerConfiguration: "use_docker shared_volumes arguments shm_size",
    PyTorchConfiguration: "communication_backend process_count node_count",
    MpiConfiguration: "process_count_per_node node_count",
    TensorflowConfiguration: "worker_count parameter_server_count",
}


@pytest.mark.parametrize("kind", SIGNATURES, ids=lambda kind: kind.__name__)
def test_parameters_are_those_of_the_sdk_in_its_order(kind: type) -> None:
    assert list(inspect.signature(kind).parameters) == SIGNATURES[kind].split()


def test_the_form_with_arguments(environment: Environment) -> None:
    config = ScriptRunConfig(
        source_directory="fastai-example", script="train.py", compute_target="gpu-cluster", environment=environment
    )
    assert config.request() == Request(
        source_directory=Path("fastai-example"),
        script="train.py",
        arguments=(),
        command=(),
        environment=environment,
        target="gpu-cluster",
        environment_variables={},
        node_count=1,
        max_run_duration_seconds=2592000,
        docker=None,
    )


def test_the_form_with_run_config_gives_the_same(environment: Environment) -> None:
    config = ScriptRunConfig(source_directory="fastai-example", script="train.py")
    config.run_config.environment = environment
    config.run_config.target = "gpu-cluster"
    assert (
        config.request()
        == ScriptRunConfig(
            "fastai-example", "train.py", compute_target="gpu-cluster", environment=environment
        ).request()
    )


def test_nothing_named_is_train_py_on_local_in_the_default_environment() -> None:
    request = ScriptRunConfig(".").request()
    assert (request.script, request.target, request.environment.name) == ("train.py", "local", "default-environment")


def test_an_absolute_script_in_the_source_directory_is_named_from_there(tmp_path: Path) -> None:
    assert ScriptRunConfig(tmp_path, tmp_path / "sub/a.py").request().script == "sub/a.py"
    assert ScriptRunConfig(tmp_path, "/elsewhere/a.py").request().script == "/elsewhere/a.py"


def test_numbers_and_paths_become_text() -> None:
    config = ScriptRunConfig(".", "a.py", arguments=["--lr", 0.1, "-n", 3, Path("data") / "x", True])
    assert config.request().arguments == ("--lr", "0.1", "-n", "3", "data/x", "True")


def test_arguments_can_be_added_until_the_submit() -> None:
    config = ScriptRunConfig(".", "a.py", arguments=["--n"])
    config.arguments.append(2)
    assert config.request().arguments == ("--n", "2")


def test_a_copy_is_independent(environment: Environment) -> None:
    config = ScriptRunConfig(".", "a.py", arguments=["1"], environment=environment)
    taken = copy.deepcopy(config)
    config.arguments.append("2")
    config.run_config.target = "elsewhere"
    environment.environment_variables["A"] = "1"
    request = taken.request()
    assert (request.arguments, request.target) == (("1",), "local")
    assert "A" not in request.environment.environment_variables


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"arguments": "--epochs 2"}, "arguments=['--epochs', '2']"),
        ({"arguments": "it's"}, 'arguments=["it\'s"]'),
        ({"arguments": ["--lr", None]}, "arguments[1] is None"),
        ({"arguments": [[1, 2]]}, "arguments[0] is a list"),
        ({"arguments": ["a\0b"]}, "NUL"),
        ({"arguments": 5}, "takes a list"),
        ({"compute_target": 5}, "not int (5)"),
        ({"compute_target": ["gpu"]}, "not list"),
        ({"compute_target": " "}, "is empty"),
        ({"environment": 5}, "environment takes an Environment"),
        ({"environment": ""}, "environment takes an Environment"),
        ({"script": 5}, "script is the name of a file"),
        ({"source_directory": None}, "source_directory is the folder"),
        ({"source_directory": 7}, "source_directory is the folder"),
        ({"run_config": {"target": "x"}}, "ScriptRunConfig.run_config takes RunConfiguration"),
        ({"resume_from": "x"}, "resume_from is not available yet"),
        ({"command": ["ls", None]}, "command[1] is None"),
    ],
)
def test_wrong_values_are_refused_at_once(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UserErrorException) as error:
        ScriptRunConfig(**{"source_directory": ".", **arguments})
    assert said in error.value.message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"max_run_duration_seconds": 0}, "above 0"),
        ({"max_run_duration_seconds": "1h"}, "above 0"),
        ({"distributed_job_config": "mpi"}, "'distributed_job_config' must be"),
        ({"docker_runtime_config": True}, "'docker_runtime_config' must be a 'DockerConfiguration'"),
        ({"command": "ls", "script": "a.py"}, "not both"),
        ({"command": ["ls"], "arguments": ["-l"]}, "not both"),
    ],
)
def test_options_that_cannot_be_right_are_refused_at_once(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(RunConfigurationException) as error:
        ScriptRunConfig(".", **arguments)
    assert said in error.value.message


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PyTorchConfiguration("Mpi"), "'Nccl' or 'Gloo', not 'Mpi'"),
        (lambda: PyTorchConfiguration(node_count=0), "PyTorchConfiguration.node_count is a whole number from 1 on"),
        (lambda: MpiConfiguration(1.5), "MpiConfiguration.process_count_per_node"),
        (lambda: TensorflowConfiguration(True), "TensorflowConfiguration.worker_count"),
        (lambda: DockerConfiguration(shm_size="much"), "'2g' or '512m'"),
        (lambda: RunConfiguration(framework="PySpark"), "framework is one of Python, PyTorch, TensorFlow"),
    ],
)
def test_sections_refuse_wrong_values(make: Any, said: str) -> None:
    with pytest.raises(RunConfigurationException) as error:
        make()
    assert said in error.value.message


def test_a_wrong_target_is_refused_and_the_old_one_stays() -> None:
    config = RunConfiguration()
    config.target = "cpu-cluster"
    with pytest.raises(UserErrorException, match="not int"):
        config.target = 5  # type: ignore[assignment]
    assert config.target == "cpu-cluster"


def test_typing_errors_are_refused_with_the_nearest_name() -> None:
    config = ScriptRunConfig(".")
    with pytest.raises(AttributeError, match="did you mean 'target'"):
        config.run_config.traget = "x"
    with pytest.raises(AttributeError, match="did you mean 'arguments'"):
        config.argument = ["x"]
    with pytest.raises(AttributeError, match=r"set \.run_config\.target instead"):
        config.compute_target = "x"
    with pytest.raises(AttributeError, match=r"ComputeTarget\.create"):
        config.run_config.amlcompute.vm_size = "STANDARD_NC6"


def test_run_config_with_the_target_beside_it_uses_that_and_says_so() -> None:
    run_config = RunConfiguration()
    with pytest.warns(UserWarning, match="compute_target") as caught:
        config = ScriptRunConfig(".", run_config=run_config, compute_target="gpu-cluster")
    assert caught[0].filename == __file__
    assert config.run_config is run_config
    assert config.request().target == "gpu-cluster"


def test_run_config_that_says_the_same_is_silent(environment: Environment, recwarn: pytest.WarningsRecorder) -> None:
    run_config = RunConfiguration()
    run_config.target = "gpu-cluster"
    run_config.environment = environment
    ScriptRunConfig(".", run_config=run_config, compute_target="gpu-cluster", environment=environment)
    assert not recwarn.list


@pytest.mark.parametrize("beside", [{"compute_target": "other"}, {"environment": "other"}])
def test_run_config_that_contradicts_is_refused(environment: Environment, beside: dict[str, str]) -> None:
    run_config = RunConfiguration()
    run_config.target = "gpu-cluster"
    run_config.environment = environment
    with pytest.raises(RunConfigurationException, match=f"another {next(iter(beside))}"):
        ScriptRunConfig(".", run_config=run_config, **beside)  # type: ignore[arg-type]
    assert run_config.target == "gpu-cluster"


def test_script_beside_run_config_wins_and_says_so() -> None:
    with pytest.warns(UserWarning, match="Both .* have script; those of ScriptRunConfig are used"):
        config = ScriptRunConfig(".", script="mine.py", run_config=RunConfiguration(script="other.py"))
    assert config.request().script == "mine.py"


def test_script_and_arguments_of_run_config_are_used() -> None:
    request = ScriptRunConfig(".", run_config=RunConfiguration(script="other.py", arguments=["-n", 1])).request()
    assert (request.script, request.arguments) == ("other.py", ("-n", "1"))


@pytest.mark.parametrize(
    ("command", "vector"),
    [
        (["python", "train.py", "--lr", 0.1], ("python", "train.py", "--lr", "0.1")),
        ("ls && echo $HOME", ("/bin/sh", "-c", "ls && echo $HOME")),
        (["ls", "&&", "echo", "$HOME"], ("/bin/sh", "-c", "ls && echo $HOME")),
    ],
)
def test_command(command: Any, vector: tuple[str, ...]) -> None:
    request = ScriptRunConfig(".", command=command).request()
    assert (request.command, request.script, request.arguments) == (vector, "", ())


def test_more_processes_than_one_are_refused_instead_of_ignored() -> None:
    config = ScriptRunConfig(".", "a.py", distributed_job_config=PyTorchConfiguration("gloo", process_count=4))
    assert (config.run_config.framework, config.run_config.communicator) == ("PyTorch", "Gloo")
    with pytest.raises(RunConfigurationException, match="4 process"):
        config.request()
    config = ScriptRunConfig(".", "a.py", distributed_job_config=MpiConfiguration(node_count=2))
    assert (config.run_config.framework, config.run_config.communicator) == ("Python", "IntelMpi")
    with pytest.raises(RunConfigurationException, match="2 node"):
        config.request()


def test_one_pytorch_process_finds_its_rank() -> None:
    variables = ScriptRunConfig(".", distributed_job_config=PyTorchConfiguration()).request().environment_variables
    assert {key: variables[key] for key in ("RANK", "LOCAL_RANK", "WORLD_SIZE")} == {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
    }


def test_environment_variables_are_text() -> None:
    run_config = RunConfiguration()
    run_config.environment_variables = {"N": 1}
    assert ScriptRunConfig(".", run_config=run_config).request().environment_variables == {"N": "1"}
    run_config.environment_variables["M"] = None  # type: ignore[assignment]
    with pytest.raises(UserErrorException, match="variable M takes text"):
        ScriptRunConfig(".", run_config=run_config).request()


def test_data_is_refused_instead_of_ignored() -> None:
    config = ScriptRunConfig(".")
    config.run_config.data = {"pets": object()}
    with pytest.raises(RunConfigurationException, match=r"run_config\.data\['pets'\] is a object; it takes dataset"):
        config.request()


def test_data_of_a_run_configuration_has_the_names_given_there(tmp_path: Path) -> None:
    config = ScriptRunConfig(".")
    dataset = Dataset.File.from_files(tmp_path, validate=False)
    config.run_config.data = {"pets": dataset.as_mount()}
    config.run_config.data_references = {"store": DataReferenceConfiguration("workspaceblobstore", "download", "x")}
    config.run_config.output_data = {"made": OutputFileDatasetConfig("other")}
    asked = config.request().data
    assert [(item.name, item.role, item.mode) for item in asked] == [
        ("pets", "input", "mount"),
        ("made", "output", "mount"),
        ("store", "reference", "download"),
    ]


def test_docker_options_of_the_run_are_told_from_the_defaults() -> None:
    chosen = DockerConfiguration(use_docker=True, shm_size="8g")
    assert ScriptRunConfig(".", docker_runtime_config=chosen).request().docker == chosen
    config = ScriptRunConfig(".")
    config.run_config.docker.shm_size = "8g"
    assert config.request().docker == DockerConfiguration(shm_size="8g")


def test_repr_never_shows_a_password(environment: Environment) -> None:
    environment.docker.base_image_registry.password = "tops3cret"
    config = ScriptRunConfig(".", "a.py", environment=environment)
    assert "tops3cret" not in repr(config) + str(config) + repr(config.run_config)
    assert '"target": "local"' in repr(config.run_config)
