"""The parts of a run configuration that are plain values: Docker options, distributed training, history."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from ..environment.element import ConfigElement
from ..errors import RunConfigurationException

DEFAULT_SCRIPT = "train.py"
"""The script of a run whose configuration names none (azureml-v1.md section 6.2)."""


class Section(ConfigElement):
    """A configuration element some of whose fields are whole numbers, from 1 on or from 0 on."""

    _counts: ClassVar[tuple[str, ...]] = ()
    _counts_from_0: ClassVar[tuple[str, ...]] = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._counts and value is not None:
            value = count(f"{type(self).__name__}.{name}", value, least=0 if name in self._counts_from_0 else 1)
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._fields)

    __hash__ = None  # type: ignore[assignment]


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number from ``least`` on, as int.

    Raises:
        RunConfigurationException: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RunConfigurationException(f"{name} is a whole number from {least} on, not {value!r}.")
    return value


class DockerConfiguration(Section):
    """Docker options of one run; they come before those of its environment (azureml-v1.md section 6.2).

    Args:
        use_docker: whether to run in a container; targets other than ``local`` always do.
        shared_volumes: kept for scripts that set it.
        arguments: further options for the engine.
        shm_size: size of ``/dev/shm``, such as ``2g``.
    """

    _fields = ("use_docker", "shared_volumes", "arguments", "shm_size")
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {
        "use_docker": bool,
        "shared_volumes": bool,
        "arguments": list,
        "shm_size": str,
    }

    def __init__(
        self,
        use_docker: bool = False,
        shared_volumes: bool = True,
        arguments: list[str] | None = None,
        shm_size: str | None = "2g",
    ) -> None:
        self.use_docker = use_docker
        self.shared_volumes = shared_volumes
        self.arguments = [] if arguments is None else arguments
        self.shm_size = shm_size
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "shm_size" and isinstance(value, str) and not re.fullmatch(r"\d+(\.\d+)?[bkmg]?b?", value.lower()):
            raise RunConfigurationException(f"shm_size is a number with a unit, such as '2g' or '512m', not {value!r}.")
        super().__setattr__(name, value)


class MpiConfiguration(Section):
    """Distributed training started by MPI (azureml-v1.md section 6.1)."""

    _fields = ("process_count_per_node", "node_count")
    _counts = _fields

    def __init__(self, process_count_per_node: int = 1, node_count: int = 1) -> None:
        self.process_count_per_node = process_count_per_node
        self.node_count = node_count
        self._initialized = True


class TensorflowConfiguration(Section):
    """Distributed TensorFlow with workers and parameter servers (azureml-v1.md section 6.1)."""

    _fields = ("worker_count", "parameter_server_count")
    _counts = _fields
    _counts_from_0 = ("parameter_server_count",)

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 1) -> None:
        self.worker_count = worker_count
        self.parameter_server_count = parameter_server_count
        self._initialized = True


class PyTorchConfiguration(Section):
    """Distributed PyTorch (azureml-v1.md section 6.1); ``process_count`` None is one process per node."""

    _fields = ("communication_backend", "process_count", "node_count")
    _counts = ("process_count", "node_count")

    def __init__(
        self, communication_backend: str = "Nccl", process_count: int | None = None, node_count: int = 1
    ) -> None:
        self.communication_backend = communication_backend
        self.process_count = process_count
        self.node_count = node_count
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "communication_backend":
            known = {"nccl": "Nccl", "gloo": "Gloo"}
            if not isinstance(value, str) or value.lower() not in known:
                raise RunConfigurationException(f"communication_backend is 'Nccl' or 'Gloo', not {value!r}.")
            value = known[value.lower()]
        super().__setattr__(name, value)


class HistoryConfiguration(Section):
    """What is kept of a run. Everything always is, so the switches only remember what was set."""

    _fields = ("output_collection", "snapshot_project", "directories_to_watch")
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {
        "output_collection": bool,
        "snapshot_project": bool,
        "directories_to_watch": list,
    }

    def __init__(self) -> None:
        self.output_collection = True
        self.snapshot_project = True
        self.directories_to_watch = ["logs"]
        self._initialized = True


Distributed = MpiConfiguration | TensorflowConfiguration | PyTorchConfiguration
