"""What to run, where and in which environment: ``ScriptRunConfig`` and ``RunConfiguration`` of the SDK.

Both are what the user fills in and may change until the submit; :meth:`ScriptRunConfig.request` turns them into one
checked value, which is all that a submit reads.
"""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from ..absent import INTERNAL
from ..environment.element import ConfigElement
from ..errors import RunConfigurationException, UserErrorException
from . import checks
from .data import JobData, data_of_run
from .distributed import check_single_process, pytorch_variables
from .given_beside import both_given, not_there_yet, set_on, shadowed
from .sections import (
    DEFAULT_SCRIPT,
    Distributed,
    DockerConfiguration,
    HistoryConfiguration,
    MpiConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
    count,
)

if TYPE_CHECKING:
    from ..compute.target import ComputeTarget
    from ..environment.conda.dependencies import CondaDependencies
    from ..environment.spec import Environment

__all__ = [
    "DockerConfiguration",
    "HistoryConfiguration",
    "MpiConfiguration",
    "PyTorchConfiguration",
    "Request",
    "RunConfiguration",
    "ScriptRunConfig",
    "TensorflowConfiguration",
]

LOCAL = "local"
"""The target of a run whose configuration names none."""


@dataclass(frozen=True)
class Request:
    """What a submit was asked for, complete and checked; made by :meth:`ScriptRunConfig.request`.

    Attributes:
        script: relative to ``source_directory`` or absolute; "" when there is a command.
        command: the whole command instead of script and arguments, or ().
        environment: an Environment, or the name of one in the workspace.
        target: name of the compute target, ``local`` when none was named.
        environment_variables: those of the run alone; they come before the environment's.
        docker: Docker options set for this run, None when the environment's apply.
        data: what it reads and writes, under the names that its arguments and variables use.
    """

    source_directory: Path
    script: str
    arguments: tuple[str, ...]
    command: tuple[str, ...]
    environment: Environment | str
    target: str
    environment_variables: dict[str, str]
    node_count: int
    max_run_duration_seconds: float | None
    docker: DockerConfiguration | None
    framework: str = "Python"
    communicator: str = "None"
    data: tuple[JobData, ...] = ()


class RunConfiguration(ConfigElement):
    """Target, environment and options of a run (azureml-v1.md section 6.2).

    Unknown attributes and values of a wrong type are refused when they are assigned.
    """

    _absent = {
        "amlcompute": "make the cluster with ComputeTarget.create and name it in .target",
        "datacaches": "there are no data caches",
        "delete": "files *.runconfig are not kept",
        "hdi": "there are no HDInsight clusters",
        "kubernetescompute": "Kubernetes targets are not available yet",
        "paralleltask": "there are no parallel tasks",
        "services": "there are no applications beside a run",
        "spark": "there is no Spark",
    }
    _fields = (
        "script",
        "arguments",
        "command",
        "target",
        "framework",
        "communicator",
        "node_count",
        "priority",
        "max_run_duration_seconds",
        "auto_prepare_environment",
        "environment",
        "environment_variables",
        "history",
        "docker",
        "tensorflow",
        "mpi",
        "pytorch",
        "data_references",
        "data",
        "output_data",
        "source_directory_data_store",
    )
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {
        "priority": int,
        "auto_prepare_environment": bool,
        "environment_variables": dict,
        "history": HistoryConfiguration,
        "docker": DockerConfiguration,
        "tensorflow": TensorflowConfiguration,
        "mpi": MpiConfiguration,
        "pytorch": PyTorchConfiguration,
        "data_references": dict,
        "data": dict,
        "output_data": dict,
        "source_directory_data_store": str,
    }

    def __init__(
        self,
        script: str | PurePath | None = None,
        arguments: list[Any] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: CondaDependencies | None = None,
        _history_enabled: bool | None = None,
        _path: str | None = None,
        _name: str | None = None,
        command: str | list[Any] | None = None,
    ) -> None:
        self.script = script or DEFAULT_SCRIPT
        self.arguments = arguments or []
        self.command = command or ""
        self._target: str | None = None
        self._environment: Environment | str | None = None
        self.framework = framework or "Python"
        self.communicator = communicator or "None"
        self.node_count = 1
        self.priority: int | None = None
        self.max_run_duration_seconds: float | None = None
        self.auto_prepare_environment = True
        self.environment_variables: dict[str, str] = {}
        self.history = HistoryConfiguration()
        self.docker = DockerConfiguration()
        self.tensorflow = TensorflowConfiguration()
        self.mpi = MpiConfiguration()
        self.pytorch = PyTorchConfiguration()
        self.data_references: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.output_data: dict[str, Any] = {}
        self.source_directory_data_store: str | None = None
        if conda_dependencies is not None:
            environment = self.environment
            assert not isinstance(environment, str)
            environment.python.conda_dependencies = conda_dependencies
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        check = _CHECKS.get(name)
        super().__setattr__(name, check(name, value) if check else value)

    @property
    def target(self) -> str:
        """Name of the compute target; a target object or a name can be assigned."""
        return self._target or LOCAL

    @target.setter
    def target(self, value: str | ComputeTarget) -> None:
        self._target = checks.target_name(value)

    @property
    def environment(self) -> Environment | str:
        """The environment; the name of one that is registered in the workspace can be assigned too."""
        if self._environment is None:
            from ..environment.spec import Environment

            self._environment = Environment("default-environment")
        return self._environment

    @environment.setter
    def environment(self, value: Environment | str) -> None:
        self._environment = checks.environment(value)

    @staticmethod
    def load(path: str, name: str | None = None) -> RunConfiguration:
        """Not available: ``.runconfig`` files are not read.

        Raises:
            RunConfigurationException: always.
        """
        raise RunConfigurationException("Files *.runconfig cannot be read yet; fill in a RunConfiguration() instead.")

    def save(self, path: str | None = None, name: str | None = None, separate_environment_yaml: bool = False) -> None:
        """Not available: ``.runconfig`` files are not written.

        Raises:
            RunConfigurationException: always.
        """
        raise RunConfigurationException("Files *.runconfig cannot be written yet; keep the cell that fills it in.")


class ScriptRunConfig(ConfigElement):
    """What to run, where, and in which environment (azureml-v1.md section 6.1).

    Args:
        source_directory: folder whose files the run gets a copy of; it must exist at submit.
        script: file to run, relative to ``source_directory``.
        arguments: one list element per argument; numbers become text, no shell is involved.
        run_config: a configuration to use; a target, environment or option given here as well must not contradict it.
        compute_target: target object or name; ``local`` when neither is given.
        environment: Environment object, or the name of one that is registered in the workspace.
        distributed_job_config: MPI, TensorFlow or PyTorch options.
        max_run_duration_seconds: the run is stopped after that time; 30 days unless given.
        command: instead of script and arguments: text for the shell, or a list.
        docker_runtime_config: Docker options of this run.
    """

    MAX_DURATION_SECONDS_DEFAULT = 2592000
    _absent = dict.fromkeys(("DELIM", "identity"), INTERNAL) | {
        name: f"it is set with .run_config.{place}"
        for name, place in (
            ("compute_target", "target"),
            ("docker", "docker"),
            ("environment", "environment"),
            ("node_count", "node_count"),
            ("target", "target"),
        )
    }

    _fields = ("source_directory", "script", "arguments", "command", "run_config")
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {"run_config": RunConfiguration}

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        script: str | PurePath | None = None,
        arguments: list[Any] | None = None,
        run_config: RunConfiguration | None = None,
        _telemetry_values: Any = None,
        compute_target: str | ComputeTarget | None = None,
        environment: Environment | str | None = None,
        distributed_job_config: Distributed | None = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = MAX_DURATION_SECONDS_DEFAULT,
        command: str | list[Any] | None = None,
        docker_runtime_config: DockerConfiguration | None = None,
    ) -> None:
        if resume_from is not None:
            raise UserErrorException("resume_from is not available yet: pass the path of the checkpoint in arguments.")
        self.source_directory = source_directory
        self.script = script
        self.arguments = arguments
        self.command = command
        self.run_config = RunConfiguration() if run_config is None else run_config
        self._telemetry_values = _telemetry_values
        _check_exclusive(self.script, self.arguments, self.command)
        given = {
            "compute_target": checks.target_name(compute_target) if compute_target is not None else None,
            "environment": checks.environment(environment) if environment is not None else None,
            "distributed_job_config": checks.distributed(distributed_job_config),
            "docker_runtime_config": checks.docker(docker_runtime_config),
            "max_run_duration_seconds": checks.seconds("max_run_duration_seconds", max_run_duration_seconds),
        }
        if run_config is not None and max_run_duration_seconds == self.MAX_DURATION_SECONDS_DEFAULT:
            del given["max_run_duration_seconds"]
        given = {name: value for name, value in given.items() if value is not None}
        if run_config is not None:
            given = not_there_yet(run_config, given)
            if given:
                warnings.warn(both_given(sorted(given)), UserWarning, stacklevel=2)
            for name in shadowed(run_config, self):
                warnings.warn(
                    f"Both ScriptRunConfig and its run_config have {name}; those of ScriptRunConfig are used.",
                    UserWarning,
                    stacklevel=2,
                )
        for name, value in given.items():
            set_on(self.run_config, name, value)
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in ("target", "compute_target", "environment", "docker", "node_count"):
            field = "target" if name == "compute_target" else name
            raise AttributeError(f"ScriptRunConfig has no attribute '{name}'; set .run_config.{field} instead.")
        check = _SCRIPT_CHECKS.get(name)
        super().__setattr__(name, check(name, value) if check else value)

    def request(self) -> Request:
        """Everything that was asked for, as one checked value; nothing is read from disk.

        Raises:
            UserErrorException: an argument or variable cannot be passed to a process.
            RunConfigurationException: values contradict each other, or ask for what is not available.
        """
        config = self.run_config
        command = self.command or ("" if self.script else config.command)
        source = Path(self.source_directory)
        script = "" if command else _relative(os.fspath(self.script or config.script), source)
        arguments = self.arguments or ([] if command else config.arguments)
        _check_exclusive(self.script, arguments, command)
        check_single_process(config)
        return Request(
            source_directory=source,
            script=script,
            arguments=checks.texts("arguments", arguments),
            command=checks.command_vector(command),
            environment=config.environment,
            target=config.target,
            environment_variables={**pytorch_variables(config), **checks.variable_texts(config.environment_variables)},
            node_count=config.node_count,
            max_run_duration_seconds=config.max_run_duration_seconds,
            docker=None if config.docker == DockerConfiguration() else config.docker,
            framework=config.framework,
            communicator=config.communicator,
            data=data_of_run([*arguments, *(command if isinstance(command, list) else [])], config),
        )


def _relative(script: str, source: Path) -> str:
    """A script below the source directory as a name in it, for the job runs a copy."""
    absolute = Path(script).expanduser()
    if absolute.is_absolute():
        with suppress(ValueError):  # it lies elsewhere; the submit refuses it
            return absolute.relative_to(source.expanduser().absolute()).as_posix()
    return script


def _check_exclusive(script: Any, arguments: Any, command: Any) -> None:
    if command and (script or arguments):
        other = "script" if script else "arguments"
        raise RunConfigurationException(
            f"Give either command or {other}, not both: command=['python', 'train.py', '--epochs', '1'] has them all."
        )


_CHECKS = {
    "script": checks.script_name,
    "arguments": checks.argument_list,
    "command": checks.command_value,
    "node_count": count,
    "max_run_duration_seconds": checks.seconds,
    "framework": checks.one_of("Python", "PyTorch", "TensorFlow"),
    "communicator": checks.one_of("None", "Nccl", "Gloo", "IntelMpi", "OpenMpi", "ParameterServer"),
}
_SCRIPT_CHECKS = {
    "source_directory": checks.folder,
    "script": checks.script_name,
    "arguments": checks.argument_list,
    "command": checks.command_value,
}
