"""Where the script of a run is, or what the user may have meant."""

from __future__ import annotations

import os
import posixpath
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ..errors import ExperimentExecutionException
from .ignore import ALWAYS_LEFT_OUT, VIRTUAL_ENVIRONMENT_MARKS
from .manifest import shown

if TYPE_CHECKING:
    from .snapshot import Snapshot

_SCRIPTS_NAMED = 5
_SCRIPTS_AT_MOST = 200
_FOLDERS_AT_MOST = 300


def source_folder(source_directory: Path, script: str, needs_no_script: bool) -> Path:
    """The source directory as an absolute path; it exists, and the script is in it unless none is needed.

    Raises:
        ExperimentExecutionException: the folder or the script is missing, or the script lies elsewhere.
    """
    folder = source_directory.expanduser().absolute()
    if folder.is_file():
        raise ExperimentExecutionException(
            f"The source directory {folder} is a file, not a folder. Give its folder, {folder.parent}, and name the"
            f" file in script: script='{folder.name}'."
        )
    if not folder.is_dir():
        raise ExperimentExecutionException(
            f"The source directory {shown(str(folder))} does not exist. Create it, or correct source_directory"
            f" (relative paths start at the notebook's folder, {Path.cwd()})."
        )
    if needs_no_script:
        return folder
    if not script:
        raise ExperimentExecutionException("No script was named. Pass script='train.py' to ScriptRunConfig.")
    path = folder / script
    if path.is_dir():
        raise ExperimentExecutionException(f"The script {path} is a folder.{_scripts_in(path, 'Name the file in it')}")
    if not path.is_file():
        # The sentence of the SDK (azureml-v1.md section 7.1), then what is there instead.
        raise ExperimentExecutionException(
            f"{shown(posixpath.normpath(path))} script path doesn't exist. The script should be inside the project"
            f" folder.{_scripts_in(folder, 'There are', script)}"
        )
    if folder.resolve() not in path.resolve().parents:
        raise ExperimentExecutionException(
            f"The script {script} lies outside of the source directory {folder}. Only files inside it reach the job:"
            f" copy the script there, or give source_directory='{path.resolve().parent}'."
        )
    return folder


def _scripts_in(folder: Path, there_are: str, wanted: str = "") -> str:
    """The scripts that the user may have meant, as a sentence with a space in front."""
    scripts = sorted(item.name for item in folder.glob("*.py") if item.is_file())
    by_stem = {PurePath(name).stem: name for name in scripts}
    nearest = get_close_matches(PurePath(wanted).stem, by_stem, n=1, cutoff=0.6)
    if nearest:
        return f" Did you mean '{by_stem[nearest[0]]}'?"
    more = " …" if len(scripts) > _SCRIPTS_NAMED else ""
    return f" {there_are}: {', '.join(scripts[:_SCRIPTS_NAMED])}{more}." if scripts else " There is no .py file in it."


def check_taken_along(script: str, snapshot: Snapshot) -> None:
    """Refuse a script that the ignore rules keep from the job.

    Raises:
        ExperimentExecutionException: they do; the message names the rule.
    """
    path = posixpath.normpath(script)
    why = "" if path in snapshot else snapshot.why_left_out(path)
    if why:
        raise ExperimentExecutionException(
            f"The script {script} would not reach the job, because the snapshot leaves it out ({why}). Move"
            " it, or change that rule."
        )


def scripts_below(folder: Path) -> list[str]:
    """Python files of a folder and of those in it, nearest first; a large tree is not searched to its end."""
    found: list[str] = []
    pending, looked_into = [Path()], 0
    while pending and looked_into < _FOLDERS_AT_MOST and len(found) < _SCRIPTS_AT_MOST:
        below = pending.pop(0)
        looked_into += 1
        try:
            entries = sorted(os.scandir(folder / below), key=lambda entry: entry.name)
        except OSError:
            continue
        if not {entry.name for entry in entries}.isdisjoint(VIRTUAL_ENVIRONMENT_MARKS):
            continue
        for entry in entries:
            if entry.name.endswith(".py") and entry.is_file():
                found.append(str(below / entry.name))
            elif entry.is_dir(follow_symlinks=False) and entry.name not in ALWAYS_LEFT_OUT and entry.name[0] != ".":
                pending.append(below / entry.name)
    return found[:_SCRIPTS_AT_MOST]
