"""Data of a run in the options of ``%aml_submit``: ``--input NAME=PATH`` and ``--mount PATH:TARGET``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import UserErrorException

if TYPE_CHECKING:
    from ..workspace import Workspace


def read_inputs(workspace: Workspace, inputs: list[str], mounts: list[str]) -> dict[str, Any]:
    """Name → what the job gets under it.

    Args:
        inputs: ``NAME=PATH``; the path is one of this machine, or the name of a registered data set.
        mounts: ``PATH:TARGET``, as ``docker run -v`` has it.

    Raises:
        UserErrorException: an option has another form, or there is no such data.
    """
    found: dict[str, Any] = {}
    for text in inputs:
        name, equals, path = text.partition("=")
        if not equals or not path:
            raise UserErrorException(f"--input takes NAME=PATH, such as --input pets=/data/pets, not '{text}'.")
        if name in found:
            raise UserErrorException(f"--input names '{name}' twice.")
        found[name] = _dataset(workspace, path).as_named_input(name).as_mount()
    for text in mounts:
        path, _, target = text.rpartition(":")
        if not path or not target:
            raise UserErrorException(f"--mount takes PATH:TARGET, such as --mount /data/pets:/data, not '{text}'.")
        shown = _dataset(workspace, path).as_mount(target)
        found[shown.name] = shown
    return found


def _dataset(workspace: Workspace, path: str) -> Any:
    from .dataset import AbstractDataset
    from .factory import FileDatasetFactory

    name, _, version = path.partition(":")
    if "/" not in path and workspace.store.datasets(name=name):
        return AbstractDataset.get_by_name(workspace, name, version or "latest")
    return FileDatasetFactory.from_files(path)
