"""Files of a data set shown below a folder in the notebook."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ..errors import UserErrorException
from .copying import fetch
from .definition import Files
from .places import is_local


class Mounted:
    """Files of a data set below a folder of this machine, until :meth:`stop`."""

    def __init__(self, files: Files, mount_point: str | os.PathLike[str] | None) -> None:
        self._files = files
        self._own = mount_point is None
        point = Path(mount_point).expanduser().absolute() if mount_point else Path(tempfile.mkdtemp(prefix="data-"))
        if point.exists() and (not point.is_dir() or any(point.iterdir())):
            raise UserErrorException(f"{point} is not an empty folder. Give another mount_point.")
        self._point = point

    @property
    def mount_point(self) -> str:
        """The folder, or the file when the data set is a single one."""
        return str(self._point / self._files.files[0].name) if self._files.single else str(self._point)

    def start(self) -> None:
        """Make the files appear."""
        for file in self._files.files:
            target = self._point / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if is_local(file.place):
                target.symlink_to(file.path)
            else:
                fetch(file, str(target))

    def stop(self) -> None:
        """Make them disappear; the originals stay."""
        shutil.rmtree(self._point, ignore_errors=True)

    def __enter__(self) -> Mounted:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
