"""The models of a workspace as MLflow's registry sees them: the same names, versions and files as ``Model.list``."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..file_lock import locked
from ..models.model import Model
from ..models.register import model_folder, register_files, register_run_files
from ..runs.folder import files_folder
from ..runs.run_base import job_module
from .mistakes import told_to_mlflow
from .run_files import place_of
from .store import FOLDER, LOCK

if TYPE_CHECKING:
    from ..workspace import Workspace


class WorkspaceRegistry(job_module("mlflow_registry").Registry):  # type: ignore[misc]
    """The registry of a notebook's MLflow; its versions are the workspace's, wherever they were registered."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        super().__init__(str(workspace.folder / FOLDER))

    def _locked(self) -> AbstractContextManager[Any]:
        return locked(self._workspace.folder / LOCK)

    def _models(self) -> list[dict[str, Any]]:
        return self._workspace.store.models()

    def _files(self, row: dict[str, Any]) -> str:
        folder = model_folder(self._workspace.folder, row)
        files: Path = folder / row["path"]
        return (files if files.is_dir() else folder).as_uri()

    def _register(self, name: str, source: str, said: dict[str, Any]) -> dict[str, Any]:
        with told_to_mlflow():
            about = {"description": said["description"]}
            return self._registered(name, source, {"tags": said["tags"], "properties": {}, "about": about})

    def _registered(self, name: str, source: str, said: dict[str, Any]) -> dict[str, Any]:
        from mlflow.artifacts import download_artifacts

        folder, store = self._workspace.folder, self._workspace.store
        where, run_id, path = place_of(source)
        if path and where == folder:
            run_folder = files_folder(folder, store.run(run_id))
            return register_run_files(folder, store, run_id, run_folder, name, path, **said)
        if urlsplit(source).scheme in ("", "file"):
            return register_files(folder, store, name, Path(unquote(urlsplit(source).path)), **said)
        with tempfile.TemporaryDirectory(prefix="amltrain-model-") as scratch:
            copied = download_artifacts(artifact_uri=source, dst_path=scratch)
            return register_files(folder, store, name, Path(copied), **said)

    def delete_model_version(self, name: str, version: Any) -> None:
        """Delete a version, its files too; its number is not used again."""
        super().delete_model_version(name, version)
        with told_to_mlflow():
            Model(self._workspace, name, version=version).delete()

    def delete_registered_model(self, name: str) -> None:
        """Delete all versions of a model."""
        super().delete_registered_model(name)
        for model in Model.list(self._workspace, name):
            model.delete()
