"""Makes ``from azureml.core import …`` resolve to this package where the real SDK is not installed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class Finder:
    """The import hook; stands behind all others on ``sys.meta_path``, so that an installed SDK always wins."""

    serves = "azureml from jupyter_amltrain"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that is served here; None for all others."""
        if fullname != "azureml" and not fullname.startswith("azureml."):
            return None
        from .serving import spec_of

        return spec_of(fullname, others=[finder for finder in sys.meta_path if finder is not self])


def install() -> None:
    """Serve ``azureml`` from here wherever nothing else does; done by ``import jupyter_amltrain``, so it is cheap."""
    if not any(getattr(finder, "serves", "") == Finder.serves for finder in sys.meta_path):
        sys.meta_path.append(Finder())
