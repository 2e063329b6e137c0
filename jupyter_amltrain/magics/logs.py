"""Writing a run's logs for a person, whole or from the end, once or as they grow."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..errors import NameNotFoundException
from ..runs.artifacts import list_artifacts, open_artifact
from ..runs.follow import follow, log_files
from ..runs.upkeep import keep_up
from ..saved.numbers import moment
from ..submission.manifest import human_size

if TYPE_CHECKING:
    from ..workspace import Workspace

SHOWN_BYTES = 1_000_000
"""How much of a long log is shown when nobody says how much."""

_BLOCK_BYTES = 1 << 16
_IDLE_S = 1.0


def newest_log(run_folder: Path) -> str:
    """The log that was written last, "" when there is none with anything in it."""
    written = [name for name in log_files(run_folder) if (run_folder / name).stat().st_size]
    return written[-1] if written else ""


def find_file(run_folder: Path, text: str) -> str:
    """The file of a run that is named ``text``, by its whole name or the end of it.

    Raises:
        NameNotFoundException: there is none, or several fit; the message names them.
    """
    names = [artifact.name for artifact in list_artifacts(run_folder)]
    fitting = [name for name in names if name == text] or [name for name in names if name.endswith(f"/{text}")]
    if len(fitting) != 1:
        raise NameNotFoundException("file of the run", text, fitting or names)
    return fitting[0]


def write_file(run_folder: Path, name: str, tail: int | None, show: Callable[[str], object]) -> None:
    """Write a file of the run: its last ``tail`` lines, else all of it up to :data:`SHOWN_BYTES`."""
    with open_artifact(run_folder, name) as file:
        _write(file, run_folder / name, tail, show)


def write_build_log(path: Path, show: Callable[[str], object]) -> None:
    """Write the log of a build, and when its last line came: that of a build that was killed just stops."""
    with path.open("rb") as file:
        _write(file, path, None, show)
        written = moment(os.fstat(file.fileno()).st_mtime)
    show(f"\nWritten until {written} to {path}.\n")


def _write(file: IO[bytes], path: Path, tail: int | None, show: Callable[[str], object]) -> None:
    size_bytes = file.seek(0, os.SEEK_END)
    start = max(0, size_bytes - SHOWN_BYTES) if tail is None else tail_offset(file.fileno(), tail)
    if start and tail is None:
        show(f"… {human_size(start)} before this are not shown; see {path}\n")
    file.seek(start)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    # Not beyond where it ended just now: a job may write faster than this.
    while start < size_bytes and (data := file.read(min(_BLOCK_BYTES, size_bytes - start))):
        start += len(data)
        show(decoder.decode(data))
    show(decoder.decode(b"", final=True))


def tail_offset(descriptor: int, lines: int) -> int:
    """Where the last ``lines`` lines of an open file begin."""
    end = position = os.fstat(descriptor).st_size
    if lines <= 0:
        return end
    # The newline that ends the last line does not begin another one.
    wanted = lines + (os.pread(descriptor, 1, end - 1) == b"\n" if end else 0)
    while position:
        block = min(_BLOCK_BYTES, position)
        position -= block
        data = os.pread(descriptor, block, position)
        at = len(data)
        while wanted and (at := data.rfind(b"\n", 0, at)) >= 0:
            wanted -= 1
        if not wanted:
            return position + at + 1
    return 0


def write_growing(
    workspace: Workspace, run_id: str, only: Iterable[str], tail: int | None, show: Callable[[str], object]
) -> str:
    """Write the logs of a run until it is over, each from its last ``tail`` lines on; returns its final state.

    Args:
        only: the logs to write, all of them when empty.
    """
    folder = workspace.run_folder(run_id)
    chosen = set(only)
    start: dict[str, int] = {}
    for name in log_files(folder) if tail is not None else ():
        with open_artifact(folder, name) as file:
            start[name] = tail_offset(file.fileno(), tail or 0)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    status = ""
    for update in follow(workspace.store, folder, run_id, log_after=start, idle_s=_IDLE_S):
        status = update.run.status
        if update.data and (not chosen or update.log in chosen):
            show(decoder.decode(update.data))
        elif not update.data:
            keep_up(workspace.folder, workspace.store)
    show(decoder.decode(b"", final=True))
    return status
