"""MLflow's way into a workspace: what ``mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())`` leads to.

MLflow loads these functions through entry points whenever it is imported, so importing this costs nothing. In a job the
same scheme of addresses leads to the job's run, whatever workspace an address names (``amltrain_job.mlflow_store``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from ..workspace import Workspace


def tracking_store(store_uri: str, artifact_uri: str | None = None) -> Any:
    """The store of MLflow's entry point ``mlflow.tracking_store``."""
    if "AMLTRAIN_RUN_ID" in os.environ:
        return _of_job().tracking_store(store_uri, artifact_uri)
    from .store import WorkspaceStore

    return WorkspaceStore(_workspace(store_uri))


def model_registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """The store of MLflow's entry point ``mlflow.model_registry_store``."""
    if "AMLTRAIN_RUN_ID" in os.environ:
        return _of_job().model_registry_store(store_uri, tracking_uri)
    from .registry import WorkspaceRegistry

    return WorkspaceRegistry(_workspace(store_uri))


def artifact_repository(artifact_uri: str, *arguments: Any, **options: Any) -> Any:
    """The files of a run for MLflow's entry point ``mlflow.artifact_repository``."""
    from .run_files import RunFilesRepository

    return RunFilesRepository(artifact_uri, *arguments, **options)


def _of_job() -> Any:
    from ..runs.run_base import job_module

    return job_module("mlflow_store")


def workspace_at(folder: Path) -> Workspace:
    """The workspace in a folder.

    Raises:
        MlflowException: there is none.
    """
    from ..workspace import Workspace
    from ..workspace_settings import read_settings
    from .mistakes import refused, told_to_mlflow

    with told_to_mlflow():
        settings = read_settings(folder)
        if settings is None:
            raise refused(f"There is no workspace in {folder}. ws.get_mlflow_tracking_uri() gives the address of one.")
        return Workspace(settings["subscription_id"], settings["resource_group"], settings["name"])


def _workspace(address: str) -> Workspace:
    return workspace_at(Path(unquote(urlsplit(address).path)))
