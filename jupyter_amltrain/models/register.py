"""Registering files as a model: a name, the next version of it, and a copy of the files.

::

    models/<name>/<version>/     what was registered, below the workspace's folder
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelPathNotFoundException, StoreException, UserErrorException
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
    partial = workspace_folder / "models" / name / f".{re.sub(r'[^a-zA-Z0-9]', '', request)[:64]}.partial"
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        for file in chosen:
            copy_artifact(run_folder, file, partial / (file[len(top) + 1 :] if top else file))
        model = store.add_model(
            name,
            request,
            run=run_id,
            path=os.path.basename(clean),
            tags=dict(tags or {}),
            properties=dict(properties or {}),
            about=dict(about or {}),
        )
        final = model_folder(workspace_folder, model)
        if final.exists():
            shutil.rmtree(partial)
        else:
            partial.rename(final)
    except OSError as error:
        raise StoreException(
            f"The model '{name}' cannot be kept in {partial.parent}: {error.strerror}. {advice_for(error)}",
            inner_exception=error,
        ) from error
    return model


def model_folder(workspace_folder: Path, model: Mapping[str, Any]) -> Path:
    """Where the files of a registered model are."""
    return workspace_folder / "models" / str(model["name"]) / str(model["version"])
