"""The files of a run as MLflow's artifacts: what it lists, downloads and uploads of a run of a workspace."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from ..runs.artifacts import copy_artifact, list_artifacts
from ..runs.folder import files_folder, upload_folder
from .mistakes import told_to_mlflow

if TYPE_CHECKING:
    from ..workspace import Workspace

_FILES = "artifacts"


def address_of(workspace: Workspace, run_id: str, path: str = "") -> str:
    """The address of a file or folder of a run: ``amltrain:///<workspace>/runs/<id>/artifacts/<path>``."""
    return posixpath.join(workspace.get_mlflow_tracking_uri(), "runs", quote(run_id), _FILES, quote(path)).rstrip("/")


def place_of(address: str) -> tuple[Path, str, str]:
    """What an address of :func:`address_of` names: the folder of the workspace, the id of the run, the path."""
    folder, _, rest = urlsplit(address).path.rpartition("/runs/")
    run_id, _, below = rest.partition(f"/{_FILES}")
    return Path(unquote(folder)), unquote(run_id), unquote(below).strip("/")


class RunFilesRepository(ArtifactRepository):
    """The files of a run: what was uploaded to it, and what its job leaves in ``outputs`` and ``logs``.

    Args:
        artifact_uri: as :func:`address_of` gives it, of a run or of a folder of its files.

    Raises:
        MlflowException: there is no such run.
    """

    def __init__(self, artifact_uri: str, *arguments: Any, **options: Any) -> None:
        from . import workspace_at

        super().__init__(artifact_uri, *arguments, **options)
        workspace_folder, run_id, self._below = place_of(artifact_uri)
        with told_to_mlflow():
            run = workspace_at(workspace_folder).store.run(run_id)
        self._folder = files_folder(workspace_folder, run)

    @property
    def _uploads(self) -> LocalArtifactRepository:
        return LocalArtifactRepository((upload_folder(self._folder) / self._below).as_uri())

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Keep a copy of a file, in place of one of its name."""
        self._uploads.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Keep a copy of a folder's files."""
        self._uploads.log_artifacts(local_dir, artifact_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Remove what was uploaded; what a job wrote stays."""
        self._uploads.delete_artifacts(artifact_path)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly in a folder; none for a file."""
        folder = posixpath.normpath(path or ".")
        found: dict[str, FileInfo] = {}
        for artifact in list_artifacts(self._folder):
            name = posixpath.relpath(artifact.name, self._below or ".")
            below = posixpath.relpath(name, folder)
            if below.partition("/")[0] in ("..", "."):
                continue
            first, inside, _ = below.partition("/")
            known = posixpath.normpath(posixpath.join(folder, first))
            found[known] = FileInfo(known, bool(inside), None if inside else artifact.size_bytes)
        return list(found.values())

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        with told_to_mlflow():
            copy_artifact(self._folder, posixpath.join(self._below, remote_file_path), Path(local_path))
