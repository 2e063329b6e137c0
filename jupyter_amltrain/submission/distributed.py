"""Distributed training in a run configuration: what asks for it, and what a run of one process has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import RunConfigurationException
from .sections import Distributed, MpiConfiguration, TensorflowConfiguration

if TYPE_CHECKING:
    from .config import RunConfiguration


def pytorch_variables(config: RunConfiguration) -> dict[str, str]:
    """What ``torch.distributed`` reads in the only process of a run (azureml-v1.md section 6.1)."""
    if config.framework != "PyTorch":
        return {}
    return {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29500",
        **dict.fromkeys(("RANK", "LOCAL_RANK", "NODE_RANK"), "0"),
        "WORLD_SIZE": "1",
    }


def check_single_process(config: RunConfiguration) -> None:
    """Refuse what a run cannot have yet.

    Raises:
        RunConfigurationException: more than one node or process is asked for.
    """
    processes = {
        "IntelMpi": config.mpi.process_count_per_node,
        "OpenMpi": config.mpi.process_count_per_node,
        "ParameterServer": max(config.tensorflow.worker_count, config.tensorflow.parameter_server_count),
    }.get(config.communicator, (config.pytorch.process_count or 1) if config.framework == "PyTorch" else 1)
    if config.node_count > 1 or processes > 1:
        raise RunConfigurationException(
            f"The run asks for {config.node_count} node(s) and {processes} process(es); a run has one of each for now."
            " Leave distributed_job_config out, or let one command start them: command=['torchrun', …]."
        )


def set_distributed(config: RunConfiguration, value: Distributed) -> None:
    """Have a configuration say what ``distributed_job_config`` says."""
    if isinstance(value, TensorflowConfiguration):
        config.tensorflow, config.node_count = value, value.worker_count
        config.framework, config.communicator = "TensorFlow", "ParameterServer"
    elif isinstance(value, MpiConfiguration):
        config.mpi, config.node_count = value, value.node_count
        config.framework, config.communicator = "Python", "IntelMpi"
    else:
        config.pytorch, config.node_count = value, value.node_count
        config.framework, config.communicator = "PyTorch", value.communication_backend


def distributed_of(config: RunConfiguration) -> Distributed | None:
    """What a configuration says of distributed training, None when it says nothing."""
    if (config.framework, config.communicator, config.node_count) == ("Python", "None", 1):
        return None
    if config.framework == "PyTorch":
        return config.pytorch
    return config.tensorflow if config.framework == "TensorFlow" else config.mpi
