"""``Model`` of the SDK: registered files by name and version (azureml-v1.md section 10.3)."""

from __future__ import annotations

import builtins
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..absent import NOT_YET, Recreated
from ..errors import ModelNotFoundException, UserErrorException
from ..runs.run_base import job_module
from .register import model_folder, register_files

if TYPE_CHECKING:
    from ..workspace import Workspace

_NO_SERVICE = "nothing is deployed here; the files of the model and the environment's image are what a service needs"


class Model(Recreated):
    """A registered model.

    Args:
        workspace: the workspace that has it.
        name: its name; the newest version unless ``version`` says otherwise.
        id: ``name:version`` in place of both.
        tags: only one that has these: names, or ``[name, value]``.
        properties: the same for properties.
        version: its version.
        run_id: only one that this run left.
        model_framework: only one of this framework.

    Raises:
        ModelNotFoundException: there is none; the message names those that there are.
    """

    _absent = {
        "add_dataset_references": NOT_YET,
        "deploy": _NO_SERVICE,
        "deserialize": NOT_YET,
        "get_sas_urls": "there is no storage service; download() copies the files",
        "package": _NO_SERVICE,
        "print_configuration": _NO_SERVICE,
        "profile": _NO_SERVICE,
    }
    Framework = job_module("model").Model.Framework

    def __init__(
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,
        tags: Sequence[Any] | Mapping[str, Any] | None = None,
        properties: Sequence[Any] | Mapping[str, Any] | None = None,
        version: int | str | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        expand: bool = True,
        **kwargs: Any,
    ) -> None:
        if not name and not id:
            raise UserErrorException("Name a model: Model(ws, 'pets'), or Model(ws, id='pets:1').")
        if id:
            name, _, version = str(id).partition(":")
        number = _number(version)
        found = _found(workspace, name, number, tags, properties, run_id, model_framework)
        if not found:
            raise ModelNotFoundException(_nothing(workspace, str(name), number))
        self._take(workspace, found[0])

    @classmethod
    def _of(cls, workspace: Workspace, row: Mapping[str, Any]) -> Model:
        model = cls.__new__(cls)
        model._take(workspace, row)
        return model

    def _take(self, workspace: Workspace, row: Mapping[str, Any]) -> None:
        about = row["about"] or {}
        self.workspace = workspace
        self.name: str = row["name"]
        self.version: int = row["version"]
        self.id = f"{self.name}:{self.version}"
        self.url = f"aml://asset/{hashlib.sha256(self.id.encode()).hexdigest()[:32]}"
        self.tags: dict[str, Any] = dict(row["tags"])
        self.properties: dict[str, Any] = dict(row["properties"])
        self.run_id: str | None = row["run"] or None
        self.description: str | None = about.get("description")
        self.model_framework: str | None = about.get("model_framework")
        self.model_framework_version: str | None = about.get("model_framework_version")
        self.created_time = datetime.fromtimestamp(row["created"], timezone.utc)
        self._about = dict(about)
        self._path: str = row["path"]

    @property
    def experiment_name(self) -> str | None:
        """The experiment of the run that left it, None when no run did."""
        return self.run.experiment.name if self.run_id else None

    @property
    def run(self) -> Any:
        """The run that left it, or None."""
        return self.workspace.get_run(self.run_id) if self.run_id else None

    @property
    def _file(self) -> Path:
        """The file or folder that was registered, in the workspace."""
        return model_folder(self.workspace.folder, {"name": self.name, "version": self.version}) / self._path

    # --- registering and finding -------------------------------------------------------------------------------------

    @staticmethod
    def register(
        workspace: Workspace,
        model_path: str | os.PathLike[str],
        model_name: str,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        description: str | None = None,
        datasets: Any = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: Sequence[str] | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
    ) -> Model:
        """Keep a copy of a file or folder as the next version of a model; prints which model that is.

        Args:
            child_paths: only these files of the folder.

        Raises:
            UserErrorException: there is no such file, or the name cannot be a model's.
        """
        print(f"Registering model {model_name}")
        row = register_files(
            workspace.folder,
            workspace.store,
            model_name,
            Path(model_path).expanduser(),
            child_paths=child_paths,
            tags=_texts(tags),
            properties=_texts(properties),
            about={
                "description": description,
                "model_framework": None if model_framework is None else str(model_framework),
                "model_framework_version": model_framework_version,
            },
        )
        return Model._of(workspace, row)

    @staticmethod
    def list(
        workspace: Workspace,
        name: str | None = None,
        tags: Sequence[Any] | Mapping[str, Any] | None = None,
        properties: Sequence[Any] | Mapping[str, Any] | None = None,
        run_id: str | None = None,
        latest: bool = False,
        dataset_id: str | None = None,
        expand: bool = True,
        page_count: int = 255,
        model_framework: str | None = None,
    ) -> builtins.list[Model]:
        """The models that fit everything that is given, newest first.

        Args:
            tags: names, or ``[name, value]`` of tags that they must have.
            latest: only the newest version of each name.
        """
        rows = _found(workspace, name, None, tags, properties, run_id, model_framework)
        if latest:
            newest: dict[str, Any] = {}
            for row in rows:
                if row["version"] >= newest.get(row["name"], row)["version"]:
                    newest[row["name"]] = row
            rows = [row for row in rows if newest[row["name"]] is row]
        return [Model._of(workspace, row) for row in rows]

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: Workspace | None = None) -> str:
        """The path of a model's file or folder on this machine.

        Looks below ``AZUREML_MODEL_DIR`` first, then in the workspace.

        Raises:
            ModelNotFoundException: there is none.
        """
        below = os.environ.get("AZUREML_MODEL_DIR")
        if below:
            from ..runs.run_base import job_module

            found = job_module("model").find_below(below, model_name, version)
            if found:
                return str(found)
        if _workspace is None:
            raise ModelNotFoundException(
                f"The model '{model_name}' is in no folder AZUREML_MODEL_DIR, and no workspace was named to look in:"
                f" Model.get_model_path('{model_name}', _workspace=ws)."
            )
        return str(Model(_workspace, model_name, version=version)._file)

    def download(
        self, target_dir: str | os.PathLike[str] = ".", exist_ok: bool = False, exists_ok: bool | None = None
    ) -> str:
        """Copy it to a folder; returns the path of the copy.

        Raises:
            UserErrorException: there is something of its name already, and ``exist_ok`` is False.
        """
        target = Path(target_dir).expanduser() / self._path
        if os.path.lexists(target) and not (exist_ok or exists_ok):
            raise UserErrorException(
                f"{target} exists already. Pass exist_ok=True to replace it, or give another target_dir."
            )
        if not self._file.exists():
            raise ModelNotFoundException(f"The files of the model {self.id} are not in {self._file.parent} any more.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if self._file.is_dir():
                shutil.copytree(self._file, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(self._file, target)
        except OSError as error:
            raise UserErrorException(
                f"The model cannot be copied to {target}: {error.filename or target}: {error.strerror}.",
                inner_exception=error,
            ) from error
        return str(target)

    # --- what is said of it ------------------------------------------------------------------------------------------

    def add_tags(self, tags: Mapping[str, Any]) -> None:
        """Add tags, or change them."""
        self._change(tags={**self.tags, **_texts(tags)})

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove tags by name; missing ones are no error."""
        gone = [tags] if isinstance(tags, str) else tags
        self._change(tags={key: value for key, value in self.tags.items() if key not in gone})

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties, which never change again.

        Raises:
            UserErrorException: one of them is there already.
        """
        there = set(properties) & set(self.properties)
        if there:
            raise UserErrorException(f"The model has the property '{min(there)}' already, and properties never change.")
        self._change(properties={**self.properties, **_texts(properties)})

    def update_tags_properties(
        self,
        add_tags: Mapping[str, Any] | None = None,
        remove_tags: Sequence[str] | None = None,
        add_properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Several of these at once."""
        self.add_properties(add_properties or {})
        self.add_tags(add_tags or {})
        self.remove_tags(remove_tags or [])

    def update(
        self,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
    ) -> None:
        """Replace all tags, or the description; None leaves them."""
        if tags is not None:
            self._change(tags=_texts(tags))
        if description is not None:
            self._change(about={**self._about, "description": description})

    def _change(self, **changes: Any) -> None:
        self.workspace.store.change_model(self.name, self.version, **changes)
        self._take(self.workspace, self.workspace.store.models(self.name, self.version)[0])

    def delete(self) -> None:
        """Remove it and its files; its version number is not used again.

        Raises:
            ModelNotFoundException: it is gone already.
        """
        if not self.workspace.store.delete_model(self.name, self.version):
            raise ModelNotFoundException(f"The model {self.id} is gone already.")
        shutil.rmtree(self._file.parent, ignore_errors=True)

    def as_mount(self, path_on_compute: str | None = None) -> Any:
        """For a job to read in place: an element of its arguments."""
        return self._files().as_mount(path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> Any:
        """For a job that gets a copy of its own: an element of its arguments."""
        return self._files().as_download(path_on_compute)

    def _files(self) -> Any:
        from ..data.factory import FileDatasetFactory

        return FileDatasetFactory.from_files(str(self._file))

    def serialize(self) -> dict[str, Any]:
        """What is known of it, as a dictionary."""
        return {
            "createdTime": self.created_time.isoformat(),
            "description": self.description,
            "experimentName": self.experiment_name,
            "framework": self.model_framework,
            "frameworkVersion": self.model_framework_version,
            "id": self.id,
            "name": self.name,
            "properties": self.properties,
            "runId": self.run_id,
            "tags": self.tags,
            "url": self.url,
            "version": self.version,
        }

    def __repr__(self) -> str:
        return (
            f"Model(workspace={self.workspace!r}, name={self.name}, id={self.id}, version={self.version},"
            f" tags={self.tags}, properties={self.properties})"
        )


def _number(version: int | str | None) -> int | None:
    if version in (None, "", "latest"):
        return None
    try:
        return int(str(version))
    except ValueError:
        raise UserErrorException(f"version is a whole number, not {version!r}.") from None


def _found(
    workspace: Workspace,
    name: str | None,
    version: int | None,
    tags: Any,
    properties: Any,
    run_id: str | None,
    framework: str | None,
) -> list[dict[str, Any]]:
    rows = workspace.store.models(name, version)
    return [
        row
        for row in rows
        if _has(row["tags"], tags)
        and _has(row["properties"], properties)
        and run_id in (None, row["run"])
        and framework in (None, (row["about"] or {}).get("model_framework"))
    ]


def _has(there: Mapping[str, Any], wanted: Any) -> bool:
    """Whether tags fit the SDK's filter: a list of names and of ``[name, value]``, or a dictionary."""
    if isinstance(wanted, Mapping):
        wanted = [[key, value] for key, value in wanted.items()]
    for item in [wanted] if isinstance(wanted, str) else wanted or []:
        if isinstance(item, str):
            if item not in there:
                return False
        elif there.get(item[0]) != str(item[1]):
            return False
    return True


def _nothing(workspace: Workspace, name: str, version: int | None) -> str:
    from difflib import get_close_matches

    rows = workspace.store.models()
    versions = sorted(row["version"] for row in rows if row["name"] == name)
    if versions:
        which = f" version {version}" if version and version not in versions else " like that"
        return f"The model '{name}' has no{which}; its versions are: {', '.join(map(str, versions))}."
    near = get_close_matches(name, {row["name"] for row in rows}, n=1)
    known = ", ".join(sorted({row["name"] for row in rows})[:10])
    hint = f" Did you mean '{near[0]}'?" if near else f" There are: {known}." if known else " There are no models yet."
    return f"There is no model '{name}' in the workspace '{workspace.name}'.{hint}"


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (values or {}).items()}
