"""The models of a workspace as MLflow's registry sees them: the same names, versions and files as ``Model.list``."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mlflow.entities.model_registry.model_version_stages import STAGE_NONE
from mlflow.store.model_registry.file_store import FileModelVersion, FileStore

from ..file_lock import locked
from ..models.model import Model
from ..models.register import model_folder, register_files, register_run_files
from ..runs.folder import files_folder
from ..runs.run_base import job_module
from .mistakes import refused, told_to_mlflow
from .run_files import place_of
from .store import FOLDER, LOCK

if TYPE_CHECKING:
    from ..workspace import Workspace


class WorkspaceRegistry(FileStore):
    """MLflow's registry in files; its versions are the workspace's, wherever they were registered.

    Stages, aliases and models without any version are known to MLflow alone.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._this_thread = threading.local()
        with job_module("mlflow_files").files_allowed():
            super().__init__(str(workspace.folder / FOLDER))

    def _check_root_dir(self) -> None:
        """What everything else calls first."""
        super()._check_root_dir()
        if getattr(self._this_thread, "looks", False):
            return
        self._this_thread.looks = True
        try:
            with locked(self._workspace.folder / LOCK):
                self._know_models()
        finally:
            self._this_thread.looks = False

    def _know_models(self) -> None:
        for row in reversed(self._workspace.store.models()):
            name, folder = str(row["name"]), Path(self._get_registered_model_path(row["name"]))
            if not folder.exists():
                super().create_registered_model(name)
            version = folder / f"version-{row['version']}"
            if not (version / FileStore.META_DATA_FILE_NAME).exists():
                version.mkdir(exist_ok=True)
                self._save_model_version_as_meta_file(self._version(row), meta_dir=str(version), overwrite=False)

    def _version(self, row: Any) -> Any:
        at = round(row["created"] * 1000)
        files = (model_folder(self._workspace.folder, row) / row["path"]).as_uri()
        return FileModelVersion(
            name=row["name"],
            version=row["version"],
            creation_timestamp=at,
            last_updated_timestamp=at,
            description=(row["about"] or {}).get("description"),
            current_stage=STAGE_NONE,
            source=files,
            run_id=row["run"] or None,
            tags=[],
            aliases=[],
            storage_location=files,
        )

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Any = None,
        run_link: str | None = None,
        description: str | None = None,
        *arguments: Any,
        **options: Any,
    ) -> Any:
        """Register files as the next version of a model of the workspace, with a copy of them."""
        said: dict[str, Any] = {"tags": {tag.key: str(tag.value) for tag in tags or ()}, "properties": {}}
        said["about"] = {"description": description}
        with told_to_mlflow():
            row = self._register(name, source, said)
        self.get_registered_model(name)  # knows the version from now on
        for tag in tags or ():
            self.set_model_version_tag(name, str(row["version"]), tag)
        return self.get_model_version(name, str(row["version"]))

    def _register(self, name: str, source: str, said: dict[str, Any]) -> dict[str, Any]:
        from mlflow.artifacts import download_artifacts

        folder, store = self._workspace.folder, self._workspace.store
        source = _resolved(source)
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

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Refused: runs and data find models of a workspace by name."""
        raise refused("Models of a workspace keep their names; register the files under the new one.")


def _resolved(source: str) -> str:
    """The address of files that MLflow names by their run, or by the logged model that MLflow 3 made of them."""
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
    from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

    repository = {"models": ModelsArtifactRepository, "runs": RunsArtifactRepository}.get(urlsplit(source).scheme)
    return str(repository.get_underlying_uri(source)) if repository else source
