"""Which workspaces there are: the file ``workspace.json`` in each one's folder."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .config_file import WorkspaceKey, write_json
from .errors import StoreException, UserErrorException
from .home import advice_for, home_folder, made_folder, workspace_folder

LOCAL = "local"
"""Stands for subscription, resource group and location when none is given."""

Settings = Mapping[str, Any]
"""``name``, ``subscription_id``, ``resource_group``, ``location``, ``sku``, ``tags``, ``friendly_name``, ``created``
(unix seconds), ``id``, and ``network`` when one was set."""

_FILE = "workspace.json"
_NEEDED = {"name", "subscription_id", "resource_group", "location", "sku", "tags"}
_NAME = re.compile(r"[a-zA-Z0-9][\w\-]{2,32}")


def checked_key(name: object, subscription_id: str | None, resource_group: str | None) -> WorkspaceKey:
    """The key of a workspace, with what was left out filled in.

    Raises:
        UserErrorException: the name cannot be one (azureml-v1.md section 2.3).
    """
    # The name becomes part of a folder's name, so nothing else than this pattern may pass.
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserErrorException(
            f"{name!r} cannot name a workspace: a name has 3 to 33 letters, digits, hyphens and underscores, and"
            " begins with a letter or a digit."
        )
    return WorkspaceKey(name, str(subscription_id or LOCAL), str(resource_group or LOCAL))


def folder_of(key: WorkspaceKey) -> Path:
    """The folder of a workspace, whether it exists or not."""
    return workspace_folder(key.name, key.subscription_id, key.resource_group)


def read_settings(folder: Path) -> Settings | None:
    """The settings of the workspace in that folder, or None when there is none.

    Raises:
        StoreException: the file cannot be read or is damaged.
    """
    path = folder / _FILE
    try:
        settings: Settings = json.loads(path.read_text(encoding="utf-8"))
        if not (isinstance(settings, dict) and settings.keys() >= _NEEDED):
            raise ValueError("keys are missing")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(folder, error) from error
    except ValueError as error:
        raise StoreException(
            f"{path} is damaged ({error}). Move the folder {folder} away to begin anew.", inner_exception=error
        ) from error
    return settings


def make_workspace(
    key: WorkspaceKey,
    *,
    location: str | None = None,
    sku: str = "basic",
    tags: Mapping[str, str] | None = None,
    friendly_name: str | None = None,
) -> bool:
    """Make the folder of a workspace; False when it was there already, and then as it was.

    Raises:
        StoreException: the folder cannot be made or written.
    """
    folder = folder_of(key)
    if read_settings(folder) is not None:
        return False
    made_folder(folder)
    settings = {
        "name": key.name,
        "subscription_id": key.subscription_id,
        "resource_group": key.resource_group,
        "location": location or LOCAL,
        "sku": sku,
        "tags": {str(name): str(value) for name, value in (tags or {}).items()},
        "friendly_name": friendly_name or key.name,
        "created": time.time(),
        "id": str(uuid.uuid4()),
    }
    try:
        write_json(folder / _FILE, settings)
    except OSError as error:
        with suppress(OSError):  # it is not ours alone when something is in it
            folder.rmdir()
        raise _unusable(folder, error) from error
    return True


def change_settings(folder: Path, **changes: Any) -> None:
    """Put values into the settings of a workspace; what else is there stays.

    Raises:
        StoreException: the file cannot be written.
    """
    settings = read_settings(folder)
    if settings is None:
        raise StoreException(f"The workspace folder {folder} is gone.")
    try:
        write_json(folder / _FILE, {**settings, **changes})
    except OSError as error:
        raise _unusable(folder, error) from error


def all_settings(subscription_id: str | None = None, resource_group: str | None = None) -> list[Settings]:
    """The settings of all workspaces of the home folder that fit, by name."""
    wanted = {"subscription_id": subscription_id, "resource_group": resource_group}
    found = [read_settings(path.parent) for path in (home_folder() / "workspaces").glob(f"[!.]*/{_FILE}")]
    fitting = [
        settings
        for settings in found
        if settings and all(value is None or settings[key].lower() == value.lower() for key, value in wanted.items())
    ]
    return sorted(fitting, key=lambda item: (item["name"].lower(), item["subscription_id"], item["resource_group"]))


def folder_of_settings(settings: Settings) -> Path:
    """The folder of the workspace that has these settings."""
    return workspace_folder(settings["name"], settings["subscription_id"], settings["resource_group"])


def not_found(name: object) -> str:
    """The sentence for a workspace that does not exist."""
    names = sorted({settings["name"] for settings in all_settings()})
    nearest = get_close_matches(str(name), names, n=1, cutoff=0.6)
    if nearest and nearest[0].lower() == str(name).lower():
        advice = "There is one of that name in another subscription or resource group."
    elif nearest:
        advice = f"Did you mean '{nearest[0]}'?"
    else:
        advice = f"There are: {', '.join(names)}." if names else "There are none on this machine yet."
    return f"No workspace found with name = {name}. {advice} Workspace.create('{name}') makes one."


def _unusable(folder: Path, error: OSError) -> StoreException:
    return StoreException(
        f"The workspace folder {folder} cannot be used: {error.strerror}. {advice_for(error)}",
        inner_exception=error,
    )
