"""For images that have the real azureml-core: makes its ``Run.get_context()`` return the run of this job."""

import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Optional, Sequence

MODULE = "azureml.core.run"


class RunPatcher:
    """Import hook for one module, which it lets the usual machinery find and run."""

    def find_spec(self, name: str, path: "Optional[Sequence[str]]", target: "Any" = None) -> "Optional[ModuleSpec]":
        """Of any other module nothing, of this one the usual answer with the patch added after loading."""
        if name != MODULE:
            return None
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_patch(module: "ModuleType") -> None:
                load(module)
                patch(module)

            spec.loader.exec_module = load_and_patch  # type: ignore[method-assign]
        return spec


def patch(module: "ModuleType") -> None:
    """Put our context in the place of the one that would call the service."""
    from .run import Run

    module.Run.get_context = Run.get_context
