"""Changes named modules of others right after they were imported, and is not noticed until then.

A patch is a module of ours with a function ``patch(module)``. It is imported only when its turn comes, so that the
frameworks that a script does not use cost it one look into a dictionary per import.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Dict, Optional, Sequence


class Finder:
    """Finds nothing itself: it lets the others find, and adds the patch to what they found."""

    def __init__(self) -> None:
        self.patches: "Dict[str, str]" = {}

    def find_spec(
        self, name: str, path: "Optional[Sequence[str]]" = None, target: "Any" = None
    ) -> "Optional[ModuleSpec]":
        """Of a module without a patch nothing, of any other the usual answer."""
        if name not in self.patches:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    self._patch_later(name, spec.loader)
                return spec  # type: ignore[no-any-return]
        return None

    def _patch_later(self, name: str, loader: "Any") -> None:
        load = loader.exec_module

        def load_and_patch(module: "ModuleType") -> None:
            try:
                load(module)
            except BaseException as error:
                if error.__traceback__ is not None:  # without this frame, from Python 3.11 on
                    error.__traceback__ = error.__traceback__.tb_next
                raise
            patch = self.patches.pop(name, None)
            if not self.patches and self in sys.meta_path:
                sys.meta_path.remove(self)
            if patch is not None:
                _apply(patch, module)

        loader.exec_module = load_and_patch


def _apply(patch: str, module: "ModuleType") -> None:
    """Whatever goes wrong with a patch, the script goes on with the module as it is."""
    from importlib import import_module

    try:
        import_module(patch).patch(module)
    except Exception as error:  # noqa: BLE001
        from .automatic.source import tell

        tell(module.__name__.partition(".")[0], error)


_finder = Finder()


def patch_after_import(patches: "Dict[str, str]") -> None:
    """Have each module (key) changed by the patch of that name (value) when it is imported."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    _finder.patches.update(patches)
