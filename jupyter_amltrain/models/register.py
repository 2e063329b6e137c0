"""Registering files as a model: a name, the next version of it, and a copy of the files.

::

    models/<name>/<version>/     what was registered, below the workspace's folder
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.places import files_of
from ..errors import ModelNotFoundException, ModelPathNotFoundException, StoreException, UserErrorException
from ..home import advice_for
from ..runs.artifacts import copy_artifact, list_artifacts

if TYPE_CHECKING:
    from ..runs.store import Store

_NAME = re.compile(r"[a-zA-Z0-9][\w.\-]{0,254}", re.ASCII)


def check_model_name(name: object) -> str:
    """The name, if a model can have it.

    Raises:
        UserErrorException: it cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserErrorException(
            f"{name!r:.80} cannot be the name of a model: take letters, digits, '-', '_' and '.', at most 255 of them,"
            " beginning with a letter or digit."
        )
    return name


def register_run_files(
    workspace_folder: Path,
    store: Store,
    run_id: str,
    run_folder: Path,
    name: object,
    path: str,
    *,
    tags: Mapping[str, str | None] | None = None,
    properties: Mapping[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
    request: str = "",
) -> dict[str, Any]:
    """Register a file or folder of a run; returns the model as ``Store.models`` does.

    Args:
        path: as the run's ``get_file_names`` gives it.
        request: id of the wish; the same one again gives the same version.

    Raises:
        UserErrorException: the name cannot be a model's.
        ModelPathNotFoundException: the run has no such file.
        StoreException: the copy cannot be written.
    """
    name = check_model_name(name)
    request = request or uuid.uuid4().hex
    clean = os.path.normpath(path).replace(os.sep, "/")
    known = [artifact.name for artifact in list_artifacts(run_folder)]
    chosen = [file for file in known if file == clean or file.startswith(f"{clean}/")]
    if not chosen:
        raise ModelPathNotFoundException(
            f"Could not locate the provided model_path {clean} in the set of files uploaded to the run: {known}"
        )
    top = clean.rpartition("/")[0]

    def copy(folder: Path) -> None:
        for file in chosen:
            copy_artifact(run_folder, file, folder / (file[len(top) + 1 :] if top else file))

    said = {"tags": dict(tags or {}), "properties": dict(properties or {}), "about": dict(about or {})}
    return _register(workspace_folder, store, name, request, copy, run=run_id, path=os.path.basename(clean), **said)


def register_files(
    workspace_folder: Path,
    store: Store,
    name: object,
    path: Path,
    *,
    child_paths: Sequence[str] | None = None,
    tags: Mapping[str, str],
    properties: Mapping[str, str],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Register a file or folder of this machine; returns the model as ``Store.models`` does.

    Args:
        child_paths: only these files of the folder.

    Raises:
        UserErrorException: there is no such file, or the name cannot be a model's.
        StoreException: the copy cannot be written.
    """
    name = check_model_name(name)
    source = path.absolute()
    if not source.exists() or not source.name:
        raise UserErrorException(f"There is no file or folder {source} to register as a model.")
    children = [_child(source, child) for child in child_paths or ()]

    def copy(folder: Path) -> None:
        for child in children or [source]:
            _copy(child, folder / source.name / child.relative_to(source))

    said = {"tags": dict(tags), "properties": dict(properties), "about": dict(about)}
    return _register(workspace_folder, store, name, uuid.uuid4().hex, copy, run="", path=source.name, **said)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or all files of a folder; links are followed, but neither in a circle nor to nothing."""
    files = files_of({"base": str(source)}, "").files
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    for file in files:
        to = target / file.name if source.is_dir() else target
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file.path, to)


def _child(folder: Path, child: str) -> Path:
    path = folder / child
    if ".." in Path(child).parts or Path(child).is_absolute() or not path.exists():
        raise UserErrorException(f"child_paths names '{child}', and there is no such file in {folder}.")
    return path


def _register(
    workspace_folder: Path, store: Store, name: str, request: str, copy: Callable[[Path], None], **known: Any
) -> dict[str, Any]:
    """Copy first, then enter: a model that is known has all of its files."""
    partial = workspace_folder / "models" / name / f".{re.sub(r'[^a-zA-Z0-9]', '', request)[:64]}.partial"
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        copy(partial)
        model = store.add_model(name, request, **known)
        final = model_folder(workspace_folder, model)
        if final.exists():
            shutil.rmtree(partial)
        else:
            partial.rename(final)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, shutil.Error):
            raise UserErrorException(f"The model '{name}' cannot be copied: {error}", inner_exception=error) from error
        raise StoreException(
            f"The model '{name}' cannot be kept in {partial.parent}: {error.strerror}. {advice_for(error)}",
            inner_exception=error,
        ) from error
    return model


def model_folder(workspace_folder: Path, model: Mapping[str, Any]) -> Path:
    """Where the files of a registered model are."""
    return workspace_folder / "models" / str(model["name"]) / str(model["version"])


def copied_model(workspace_folder: Path, store: Store, name: str, version: int, target: Path) -> Path:
    """Copy the files of a registered model to a new folder; returns it.

    Raises:
        ModelNotFoundException: there is none.
        StoreException: the copy cannot be written.
    """
    found = store.models(name, version)
    if not found:
        raise ModelNotFoundException(f"There is no model '{name}', version {version}, in the workspace.")
    try:
        if target.exists():
            shutil.rmtree(target)
        return Path(shutil.copytree(model_folder(workspace_folder, found[0]), target, symlinks=True))
    except (OSError, shutil.Error) as error:
        raise StoreException(f"The model {name}:{version} cannot be copied to {target}: {error}") from error
