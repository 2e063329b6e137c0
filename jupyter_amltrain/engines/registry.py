"""Engines by name: ours, and those that other packages announce under the entry point group."""

from __future__ import annotations

import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import EngineUnavailableException, NameNotFoundException
from .docker_address import docker_url, find_docker

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from .protocol import Engine

__all__ = ["default_engine_name", "docker_problem", "docker_url", "engine_names", "get_engine"]

GROUP = "jupyter_amltrain.engines"

# Known without installed metadata (a source checkout), and found without reading the metadata of every package.
_OURS = {
    "docker": ("docker", "DockerEngine"),
    "local": ("local", "LocalEngine"),
    "scripted": ("scripted", "ScriptedEngine"),
}

_instances: dict[str, Engine] = {}
_lock = threading.Lock()


def get_engine(name: str) -> Engine:
    """The engine of that name; one object per process.

    Raises:
        NameNotFoundException: there is no such engine.
    """
    with _lock:
        if name not in _instances:
            _instances[name] = _make(name)
        return _instances[name]


def _make(name: str) -> Engine:
    if name in _OURS:
        module, attribute = _OURS[name]
        made: Engine = getattr(import_module(f".{module}", __package__), attribute)()
        return made
    announced = _announced()
    if name not in announced:
        raise NameNotFoundException("engine", name, engine_names())
    made = announced[name].load()()
    return made


def engine_names() -> list[str]:
    """All engines there are, sorted."""
    return sorted({*_OURS, *_announced()})


def _announced() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def default_engine_name() -> str:
    """The engine of a target that names none: ``AMLTRAIN_ENGINE``, else ``docker`` where one answers, else ``local``.

    Raises:
        NameNotFoundException: ``AMLTRAIN_ENGINE`` names no engine.
    """
    chosen = os.environ.get("AMLTRAIN_ENGINE", "")
    if chosen:
        if chosen not in _OURS and chosen not in _announced():
            raise NameNotFoundException("engine", chosen, engine_names(), hint="AMLTRAIN_ENGINE says so.")
        return chosen
    return "local" if docker_problem() else "docker"


def docker_problem() -> str:
    """Why no Docker engine can be used, as a sentence; empty when one answers."""
    try:
        return find_docker().problem()
    except EngineUnavailableException as error:
        return error.message
