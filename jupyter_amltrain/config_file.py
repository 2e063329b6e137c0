"""The workspace file, ``config.json``: where it is looked for, what it may hold, how it is written.

The same files and the same two JSON shapes as the SDK (azureml-v1.md section 2), with one change: the SDK prefers
``.azureml/config.json`` of any parent over a ``config.json`` right here, we take the nearest folder that has one.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UserErrorException

FRIENDLY_KEYS = ("subscription_id", "resource_group", "workspace_name")
"""The shape of the portal's download button, which the SDK reads too; the other one is ``Id`` with ``Scope``."""

FOLDERS = (".azureml", "aml_config", "")
NAMES = ("config.json", "project.json")


@dataclass(frozen=True)
class WorkspaceKey:
    """What names one workspace."""

    name: str
    subscription_id: str
    resource_group: str


@dataclass(frozen=True)
class Found:
    """A workspace file and how the search came to it.

    Attributes:
        shadowed: the file that the SDK's own search would have taken instead, if another.
        skipped: nearer files of the right name that have nothing to do with a workspace.
    """

    path: Path
    key: WorkspaceKey
    shadowed: Path | None = None
    skipped: tuple[Path, ...] = ()

    def explained(self) -> str:
        """The file, and what may surprise about the choice."""
        text = str(self.path)
        if self.skipped:
            text += f" (no workspace in {', '.join(map(str, self.skipped))})"
        if self.shadowed:
            text += f" (nearer than {self.shadowed}, which Azure's SDK would take)"
        return text


def find_config(start: str | os.PathLike[str] | None = None, file_name: str | None = None) -> Found:
    """The workspace file for ``start``: that file, or the nearest in that folder and its parents.

    Within one folder the order is ``.azureml/``, ``aml_config/``, the folder itself, and ``config.json`` before
    ``project.json``. A file that holds none of the keys belongs to something else and is passed over.

    Raises:
        UserErrorException: no such path, no file, not JSON, or keys are missing.
    """
    if start is not None and not isinstance(start, (str, os.PathLike)):
        raise UserErrorException(f"from_config takes the path of a file or folder, not {start!r:.80}.")
    origin = Path(os.path.abspath(Path(start or ".").expanduser()))
    if not os.path.exists(origin):
        raise UserErrorException(f"The path {origin} does not exist, so no workspace file can be found from there.")
    if os.path.isfile(origin):
        return Found(origin, _key_in(origin, read_config(origin)))
    names = (file_name,) if file_name else NAMES
    candidates = list(_candidates(origin, names))
    unrelated: list[Path] = []
    for path in candidates:
        content = read_config(path)
        if _is_unrelated(content):
            unrelated.append(path)
            continue
        first = _sdk_choice(origin, names)
        return Found(path, _key_in(path, content), first if first != path else None, tuple(unrelated))
    if unrelated:
        _key_in(unrelated[0], read_config(unrelated[0]))
    raise UserErrorException(
        f"We could not find {names[0]} in: {origin} or in its parent directories. To begin with a new workspace on"
        " this machine: Workspace.create('my-workspace').write_config()"
    )


def _candidates(origin: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for folder in (origin, *origin.parents):
        for sub in FOLDERS:
            for name in names:
                if os.path.isfile(folder / sub / name):
                    yield folder / sub / name


def _sdk_choice(origin: Path, names: tuple[str, ...]) -> Path | None:
    """The file that the SDK takes: kind of folder first, distance last."""
    for sub in FOLDERS:
        for name in names:
            for folder in (origin, *origin.parents):
                if os.path.isfile(folder / sub / name):
                    return folder / sub / name
    return None


def read_config(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        UserErrorException: it cannot be read or is not JSON; the message has file, line and column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():
            raise UserErrorException(
                f"{path} is empty. Remove it, or write it anew with Workspace.get('NAME').write_config()."
            )
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserErrorException(
            f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}. Correct it there, or write"
            " it anew with Workspace.get('NAME').write_config().",
            inner_exception=error,
        ) from error
    except UnicodeDecodeError as error:
        raise UserErrorException(f"{path} is not JSON: it is not UTF-8 text.", inner_exception=error) from error
    except OSError as error:
        raise UserErrorException(f"{path} cannot be read: {error.strerror}.", inner_exception=error) from error


def _is_unrelated(content: Any) -> bool:
    return not (isinstance(content, dict) and {*FRIENDLY_KEYS, "Scope"} & content.keys())


def _key_in(path: Path, content: Any) -> WorkspaceKey:
    values = content if isinstance(content, dict) else {}
    if values.get("Scope"):
        pieces = str(values["Scope"]).split("/")
        if len(pieces) < 9 or not (pieces[2] and pieces[4] and pieces[8]):
            raise UserErrorException(
                f"The Scope in {path} does not have the form /subscriptions/S/resourceGroups/G/providers/"
                f"Microsoft.MachineLearningServices/workspaces/NAME: {values['Scope']}"
            )
        return WorkspaceKey(pieces[8], pieces[2], pieces[4])
    missing = [key for key in FRIENDLY_KEYS if not (isinstance(values.get(key), str) and values[key])]
    if missing:
        what = "" if isinstance(content, dict) else f" It holds a {type(content).__name__}, not an object."
        raise UserErrorException(
            f"The config file found in: {path} does not seem to contain the required parameters.{what}"
            f" Missing: {', '.join(missing)}. Write it anew with Workspace.get('NAME').write_config()."
        )
    return WorkspaceKey(values["workspace_name"], values["subscription_id"], values["resource_group"])


def write_config_file(
    key: WorkspaceKey, path: str | os.PathLike[str] | None = None, file_name: str | None = None
) -> Path:
    """Write the file that leads back to a workspace and return where (azureml-v1.md section 2.2).

    Raises:
        UserErrorException: the folder or the file cannot be written.
    """
    folder = Path(os.path.abspath(Path(path or ".").expanduser()))
    if folder.name not in FOLDERS[:2]:
        legacy = (folder / "aml_config").is_dir() and not (folder / ".azureml").is_dir()
        folder = folder / ("aml_config" if legacy else ".azureml")
    if file_name is None:
        name = "project.json" if (folder / "project.json").exists() else "config.json"
    else:
        name = f"{os.path.splitext(file_name)[0]}.json"
    content = {
        "subscription_id": key.subscription_id,
        "resource_group": key.resource_group,
        "workspace_name": key.name,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / name, content)
    except PermissionError as error:
        raise UserErrorException(
            f"You do not have permission to write the config file to: {folder}\nPlease make sure you have write"
            " permissions to the path.",
            inner_exception=error,
        ) from error
    except OSError as error:
        raise UserErrorException(
            f"Could not write the config file to: {folder}\n{error.strerror}", inner_exception=error
        ) from error
    return folder / name


def write_json(path: Path, content: Any) -> None:
    """Put a JSON file in place in one step: a reader sees the old one or the new one, whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=4)
            file.write("\n")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
