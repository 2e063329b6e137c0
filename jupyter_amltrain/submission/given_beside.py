"""What is given to ``ScriptRunConfig`` beside a ``run_config``: set on it, or refused where the two contradict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import RunConfigurationException
from .distributed import distributed_of, set_distributed
from .sections import DEFAULT_SCRIPT, DockerConfiguration

if TYPE_CHECKING:
    from .config import RunConfiguration, ScriptRunConfig

_FIELDS = {"compute_target": "target", "docker_runtime_config": "docker"}


def set_on(config: RunConfiguration, name: str, value: Any) -> None:
    """Have a configuration say what one of the other arguments says."""
    if name == "distributed_job_config":
        set_distributed(config, value)
    else:
        setattr(config, _FIELDS.get(name, name), value)


def not_there_yet(config: RunConfiguration, given: dict[str, Any]) -> dict[str, Any]:
    """What was given beside ``run_config`` and is not in it.

    Raises:
        RunConfigurationException: the two say different things; Azure ML would drop one of them in silence.
    """
    set_there: dict[str, Any] = {
        "compute_target": config._target,
        "environment": config._environment,
        "distributed_job_config": distributed_of(config),
        "docker_runtime_config": None if config.docker == DockerConfiguration() else config.docker,
        "max_run_duration_seconds": config.max_run_duration_seconds,
    }
    for name, value in given.items():
        there = set_there[name]
        if there is not None and there is not value and there != value:
            raise RunConfigurationException(
                f"run_config has another {name} than the one given beside it. Give it in one of the two places."
            )
    return {name: value for name, value in given.items() if set_there[name] is None}


def both_given(names: list[str]) -> str:
    """Says that options were set on a ``run_config`` that was given beside them."""
    return (
        f"run_config was given without {', '.join(names)}, so those given beside it are used and set on it. (Azure ML"
        " ignores them.)"
    )


def shadowed(config: RunConfiguration, script_config: ScriptRunConfig) -> list[str]:
    """Which of script, arguments and command both have, with different values."""
    found = []
    for name, default in (("script", DEFAULT_SCRIPT), ("arguments", []), ("command", "")):
        there, here = getattr(config, name), getattr(script_config, name)
        if here and there and there != default and here != there:
            found.append(name)
    return found
