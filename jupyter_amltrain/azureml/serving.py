"""Which ``azureml`` modules are served, and what is said about names that are not here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .names import PLACES, TARGETS

_ROOT = "azureml"
_CORE = "azureml.core"
_ORIGIN = "jupyter_amltrain"


def spec_of(fullname: str, others: Iterable[Any]) -> ModuleSpec | None:
    """The spec of a served module, or None where this is not ours to answer.

    Nothing is served once the real ``azureml.core`` can be imported: a mixture of both would not work together. Real
    packages that come without it (``azureml-mlflow``, say) keep what they have, and the rest is served.

    Args:
        others: the finders of ``sys.meta_path`` that find real packages.

    Raises:
        ModuleNotFoundError: a module or name of the SDK that is not in this package, with a sentence.
    """
    if _real_core_exists(others):
        return None
    if fullname in PLACES:
        # The loader does what importlib.abc.Loader asks for, without importing that.
        spec = ModuleSpec(fullname, Loader(), origin=_ORIGIN, is_package=True)  # type: ignore[arg-type]
        # Without a place to search, every import below it comes here.
        spec.submodule_search_locations = []
        return spec
    parent, _, name = fullname.rpartition(".")
    if name.startswith("__"):
        return None
    # `from azureml.core import Dataset` arrives here as the module azureml.core.Dataset, and an error that is named
    # exactly so would be dropped for one that says less (importlib._bootstrap._handle_fromlist).
    raise ModuleNotFoundError(explain(parent, name), name=f"{fullname} (not in jupyter_amltrain)")


def _real_core_exists(others: Iterable[Any]) -> bool:
    core = sys.modules.get(_CORE)
    if core is not None:
        return not is_served(core)
    root = sys.modules.get(_ROOT)
    if root is None or is_served(root):
        return False
    return any(finder.find_spec(_CORE, root.__path__) for finder in others)


class Loader:
    """Fills a served module: its names are looked up when they are first used."""

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an ordinary module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its names."""
        names = PLACES[module.__name__].split()
        module.__doc__ = f"{module.__name__} of the Azure ML SDK, re-created by jupyter_amltrain."
        namespace = vars(module)
        namespace["__all__"] = names
        namespace["__getattr__"] = _attribute_of(module, names)
        namespace["__dir__"] = lambda: sorted({*namespace, *names})


def is_served(module: ModuleType) -> bool:
    """Whether the module was made here."""
    return getattr(getattr(module, "__spec__", None), "origin", None) == _ORIGIN


def explain(module: str, name: str) -> str:
    """What to tell somebody who asked for a name that is not there."""
    elsewhere = next((place for place in sorted(PLACES, key=len) if name in PLACES[place].split()), None)
    nearest = get_close_matches(name, PLACES.get(module, "").split(), n=1, cutoff=0.88)
    if elsewhere:
        advice = f"It can be imported from {elsewhere}."
    elif nearest:
        advice = f"Did you mean '{nearest[0]}'?"
    else:
        advice = (
            "Where Microsoft's own SDK is installed (pip install azureml-core), that one is used instead, after a"
            " restart of the kernel."
        )
    return f"jupyter_amltrain re-creates a part of the Azure ML SDK, and {module}.{name} is not in it. {advice}"


def _attribute_of(module: ModuleType, names: Sequence[str]) -> Callable[[str], Any]:
    def attribute(name: str) -> Any:
        if name == "__version__" and "VERSION" in names:
            name = "VERSION"
        if name in names:
            source, _, attribute = TARGETS[name].partition(":")
            value = getattr(import_module(source), attribute)
            vars(module)[name] = value
            return value
        if f"{module.__name__}.{name}" in PLACES:
            return import_module(f"{module.__name__}.{name}")
        if name.startswith("__"):
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        raise AttributeError(explain(module.__name__, name))

    return attribute
