"""MLflow's registry of models, whose versions are those of the workspace: same names, same numbers, same files."""

import os
import threading
from contextlib import contextmanager

from mlflow.entities.model_registry.model_version_stages import STAGE_NONE
from mlflow.store.model_registry.file_store import FileModelVersion, FileStore

from .errors import AzureMLException
from .files import UPLOADS
from .mlflow_files import files_allowed, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ContextManager, Dict, Iterator, List, Optional

_IN_WORKSPACE = "models:"
"""How the addresses of versions begin whose files the job has not fetched."""


class Registry(FileStore):
    """MLflow's registry in files, which learns the versions of a workspace at every call and registers new ones there.

    Stages, aliases and models without any version are known to the files alone.
    """

    def __init__(self, root: str) -> None:
        self._this_thread = threading.local()
        with files_allowed():
            super().__init__(root)

    def _locked(self) -> "ContextManager[None]":
        """Keeps other processes from writing the files."""
        raise NotImplementedError

    def _models(self) -> "List[Dict[str, Any]]":
        """The versions of the workspace, newest first."""
        raise NotImplementedError

    def _files(self, row: "Dict[str, Any]") -> str:
        """The address of the files of a version."""
        raise NotImplementedError

    def _register(self, name: str, source: str, said: "Dict[str, Any]") -> "Optional[Dict[str, Any]]":
        """Register files in the workspace; None if they are to stay in MLflow's own files."""
        raise NotImplementedError

    def _check_root_dir(self) -> None:
        """What everything else calls first."""
        super()._check_root_dir()
        if getattr(self._this_thread, "looks", False):
            return
        self._this_thread.looks = True
        try:
            with self._locked():
                self._know_models()
        finally:
            self._this_thread.looks = False

    def _know_models(self) -> None:
        for row in reversed(self._models()):
            folder = self._get_registered_model_path(row["name"])
            if not os.path.exists(folder):
                super().create_registered_model(row["name"])
            version = os.path.join(folder, "version-%s" % row["version"])
            if not os.path.exists(os.path.join(version, FileStore.META_DATA_FILE_NAME)):
                os.makedirs(version, exist_ok=True)
                self._save_model_version_as_meta_file(self._version(row), meta_dir=version, overwrite=False)

    def _version(self, row: "Dict[str, Any]") -> "Any":
        at = round(row["created"] * 1000)
        files = self._files(row)
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
        run_id: "Optional[str]" = None,
        tags: "Any" = None,
        run_link: "Optional[str]" = None,
        description: "Optional[str]" = None,
        *arguments: "Any",
        **options: "Any",
    ) -> "Any":
        """Register files as the next version of a model of the workspace, with a copy of them."""
        said = {"tags": {tag.key: str(tag.value) for tag in tags or ()}, "description": description}
        row = self._register(name, resolved(source), said)
        if row is None:
            return super().create_model_version(
                name, source, run_id, tags, run_link, description, *arguments, **options
            )
        self.get_registered_model(name)  # knows the version from now on
        for tag in tags or ():
            self.set_model_version_tag(name, str(row["version"]), tag)
        return self.get_model_version(name, str(row["version"]))

    def rename_registered_model(self, name: str, new_name: str) -> "Any":
        """Refused: runs and data find models of a workspace by name."""
        raise refused("Models of a workspace keep their names; register the files under the new one.")


class JobRegistry(Registry):
    """The registry inside a job: what the script registers is a model of the workspace at once.

    Args:
        work: the job's work folder.
    """

    def __init__(self, work: str) -> None:
        self._work = work
        self._is_alone = False
        super().__init__(os.path.join(work, "mlflow"))

    @contextmanager
    def _locked(self) -> "Iterator[None]":
        import fcntl

        with open(os.path.join(self._work, "mlflow.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _models(self) -> "List[Dict[str, Any]]":
        from .asking import ask

        if self._is_alone:
            return []
        try:
            found: "List[Dict[str, Any]]" = ask(self._work, "models", run="", name=None, version=None)
        except AzureMLException as error:
            self._is_alone = True
            _warn("The models of the workspace are not known here: %s", error.message)
            return []
        return found

    def _files(self, row: "Dict[str, Any]") -> str:
        return "%s/%s/%s" % (_IN_WORKSPACE, row["name"], row["version"])

    def get_model_version_download_uri(self, name: str, version: "Any") -> str:
        """Where the files of a version are; the job gets its copy of the workspace's when it first asks."""
        from .model import Model

        address: str = super().get_model_version_download_uri(name, version)
        if not address.startswith(_IN_WORKSPACE):
            return address
        try:
            path = Model(name=name, version=version)._fetched()
        except AzureMLException as error:
            raise refused(error.message) from error
        return file_uri(path if os.path.isdir(path) else os.path.dirname(path))

    def _register(self, name: str, source: str, said: "Dict[str, Any]") -> "Optional[Dict[str, Any]]":
        """Training goes on whatever happens: what the workspace does not take stays in the run's files."""
        from urllib.parse import unquote, urlsplit

        from .model import Model
        from .run import Run

        path = unquote(urlsplit(source).path)
        inside = os.path.relpath(path, os.path.join(self._work, UPLOADS))
        try:
            if inside.startswith(os.pardir):
                made = Model.register(None, path, name, **said)
            else:
                made = Run.get_context().register_model(name, inside, **said)
        except AzureMLException as error:
            _warn("The model '%s' is registered for this script alone, not in the workspace: %s", name, error.message)
            return None
        return {"version": made.version}

    def delete_model_version(self, name: str, version: "Any") -> None:
        """Refused: a job deletes nothing of the workspace."""
        raise refused(
            "A job deletes no models of the workspace; Model(ws, '%s', version=%s).delete() does." % (name, version)
        )

    def delete_registered_model(self, name: str) -> None:
        """Refused: a job deletes nothing of the workspace."""
        raise refused("A job deletes no models of the workspace; Model.delete() does, in the notebook.")


def resolved(source: str) -> str:
    """The address of files that MLflow names by their run, or by the logged model that MLflow 3 made of them."""
    from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
    from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

    repository = {"models": ModelsArtifactRepository, "runs": RunsArtifactRepository}.get(source.partition(":")[0])
    return str(repository.get_underlying_uri(source)) if repository else source


def file_uri(path: str) -> str:
    """The address of a local file or folder."""
    from urllib.parse import quote

    return "file://" + quote(path)


def _warn(text: str, *values: "Any") -> None:
    import logging

    logging.getLogger("mlflow").warning(text, *values)
