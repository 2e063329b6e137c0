"""A folder as a build context, as newer versions of the SDK have it (azureml-v1.md section 3.4)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..absent import Recreated
from ..errors import UserErrorException

if TYPE_CHECKING:
    from ..workspace import Workspace


class DockerBuildContext(Recreated):
    """A folder that holds a Dockerfile and the files it copies; :meth:`from_local_directory` makes one."""

    def __init__(self, folder: str, dockerfile_path: str = "Dockerfile") -> None:
        self.folder = folder
        self.dockerfile_path = dockerfile_path

    @staticmethod
    def from_local_directory(
        workspace: Workspace | None, path: str | os.PathLike[str], dockerfile_path: str = "Dockerfile"
    ) -> DockerBuildContext:
        """A folder of this machine, of any size; nothing is uploaded, and ``workspace`` is not needed.

        Args:
            dockerfile_path: where the Dockerfile is in it.

        Raises:
            UserErrorException: there is no such folder, or no such file in it.
        """
        folder = os.path.abspath(os.path.expanduser(os.fspath(path)))
        if not os.path.isdir(folder):
            raise UserErrorException(f"There is no folder {folder} to use as build context.")
        if not os.path.isfile(os.path.join(folder, dockerfile_path)):
            raise UserErrorException(f"The folder {folder} has no file {dockerfile_path}; set dockerfile_path.")
        return DockerBuildContext(folder, dockerfile_path)
