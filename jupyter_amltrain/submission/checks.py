"""Checks of single values of a run configuration: each returns the value to keep, or says what to give instead."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from numbers import Number
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ..errors import RunConfigurationException, UserErrorException
from .data import data_of
from .sections import Distributed, DockerConfiguration, MpiConfiguration, PyTorchConfiguration, TensorflowConfiguration

if TYPE_CHECKING:
    from ..environment.spec import Environment

_SHELL_WORDS = {"&&", "||", ";", "|", "&", ">", ">>", "<", "2>&1"}


def texts(name: str, values: list[Any]) -> tuple[str, ...]:
    """Arguments as the job gets them: numbers and paths become text.

    Raises:
        UserErrorException: one of them has no text that a script would understand.
    """
    return tuple(_text(name, position, value) for position, value in enumerate(values))


def _text(name: str, position: int, value: Any) -> str:
    if (data := data_of(value)) is not None:
        text = f"${data.variable}"
    elif isinstance(value, (str, PurePath, Number)):
        text = str(value)
    elif type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        text = str(value.item())
    elif value is None:
        raise UserErrorException(
            f"{name}[{position}] is None, and a process takes only text. Leave it out, or pass the text you mean."
        )
    else:
        raise UserErrorException(
            f"{name}[{position}] is a {type(value).__name__}; an argument is text, a number or a path. For a list, pass"
            " its elements one by one; for data, pass dataset.as_mount() or datastore.path('…').as_mount()."
        )
    if "\0" in text:
        raise UserErrorException(f"{name}[{position}] holds a NUL character, which no process can be given.")
    return text


def command_vector(command: str | list[Any]) -> tuple[str, ...]:
    """The command as an argument vector; text, and lists with shell operators in them, go through the shell."""
    if not command:
        return ()
    if isinstance(command, str):
        return ("/bin/sh", "-c", command)
    words = texts("command", command)
    return ("/bin/sh", "-c", " ".join(words)) if _SHELL_WORDS & set(words) else words


def variable_texts(variables: dict[Any, Any]) -> dict[str, str]:
    """Environment variables as a process gets them."""
    for key, value in variables.items():
        if not isinstance(key, str) or not key or "=" in key or "\0" in key:
            raise UserErrorException(f"{key!r} cannot be the name of an environment variable.")
        if not isinstance(value, (str, Number)) or "\0" in str(value):
            raise UserErrorException(f"The environment variable {key} takes text, not {type(value).__name__}.")
    return {key: str(value) for key, value in variables.items()}


def target_name(value: Any) -> str:
    """The name of a target that is given by object or by name."""
    if isinstance(value, str):
        if not value.strip():
            raise UserErrorException("The compute target's name is empty; leave it out to use 'local'.")
        return value
    from ..compute.target import ComputeTarget

    if isinstance(value, ComputeTarget):
        return str(value.name)
    raise UserErrorException(
        f"A compute target is a ComputeTarget or the name of one, not {type(value).__name__} ({value!r:.80})."
    )


def environment(value: Any) -> Environment | str:
    """An environment, or the name of one."""
    from ..environment.spec import Environment

    if isinstance(value, Environment) or (isinstance(value, str) and value.strip()):
        return value
    raise UserErrorException(
        "environment takes an Environment, or the name of one that is registered in the workspace,"
        f" not {type(value).__name__} ({value!r:.80})."
    )


def distributed(value: Any) -> Distributed | None:
    """A distributed training configuration, or None."""
    if value is None or isinstance(value, (MpiConfiguration, TensorflowConfiguration, PyTorchConfiguration)):
        return value
    raise RunConfigurationException(
        "'distributed_job_config' must be a TensorflowConfiguration, MpiConfiguration or PyTorchConfiguration object,"
        f" not {type(value).__name__}."
    )


def docker(value: Any) -> DockerConfiguration | None:
    """A Docker configuration, or None."""
    if value is None or isinstance(value, DockerConfiguration):
        return value
    raise RunConfigurationException(
        f"'docker_runtime_config' must be a 'DockerConfiguration' object, not {type(value).__name__}."
    )


def seconds(name: str, value: Any) -> float | None:
    """A duration above zero, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise RunConfigurationException(f"{name} is a number of seconds above 0, not {value!r}.")
    return value


def argument_list(name: str, value: Any) -> list[Any] | None:
    """A list of what :func:`texts` takes."""
    if value is None or isinstance(value, list):
        texts(name, value or [])
        return value
    if isinstance(value, tuple):
        return argument_list(name, list(value))
    if isinstance(value, str):
        raise UserErrorException(f"{name} takes a list, one element per argument: {name}={_split(value)!r}.")
    raise UserErrorException(f"{name} takes a list, one element per argument, not {type(value).__name__}.")


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote that does not end
        return text.split()


def command_value(name: str, value: Any) -> Any:
    """Text, or a list like that of arguments."""
    return value if value is None or isinstance(value, str) else argument_list(name, value)


def script_name(name: str, value: Any) -> Any:
    """A file name."""
    if value is None or isinstance(value, (str, PurePath)):
        return value
    raise UserErrorException(f"{name} is the name of a file in source_directory, not {type(value).__name__}.")


def folder(name: str, value: Any) -> Any:
    """A path, which need not exist yet."""
    if isinstance(value, (str, os.PathLike)) and os.fspath(value):
        return value
    raise UserErrorException(f"{name} is the folder with the script, such as '.', not {value!r}.")


def one_of(*choices: str) -> Callable[[str, Any], str]:
    """A check for one of some words, whatever their case."""

    def check(name: str, value: Any) -> str:
        for choice in choices:
            if isinstance(value, str) and value.lower() == choice.lower():
                return choice
        raise RunConfigurationException(f"{name} is one of {', '.join(choices)} here, not {value!r}.")

    return check
