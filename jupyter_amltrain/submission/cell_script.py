"""A notebook cell as the script of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UserErrorException
from .snapshot import Snapshot, file_snapshot, take_snapshot

CELL_HEAD = "# %%aml_submit\n"
"""Stands where the magic stood, so that line numbers of a traceback are those of the cell."""


@dataclass(frozen=True)
class CellScript:
    """A script that is no file.

    Attributes:
        name: the file it becomes in the job, such as ``cell.py``.
        text: what is in it.
        with_folder: whether the files of the source directory come along; one of the same name is replaced.
    """

    name: str
    text: str
    with_folder: bool = False

    def __post_init__(self) -> None:
        if not self.name.endswith(".py") or self.name == ".py" or set(self.name) & set("/\\\0"):
            raise UserErrorException(f"'{self.name}' cannot name a cell's script; take a file name such as cell.py.")

    def snapshot(self, source: Path, objects: Path, cache: Path) -> Snapshot:
        """Keep what the job will see; see :func:`~jupyter_amltrain.submission.snapshot.take_snapshot`."""
        folder = take_snapshot(source, objects, cache) if self.with_folder else None
        return file_snapshot({self.name: self.text.encode()}, objects, onto=folder)
