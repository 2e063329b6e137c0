"""Answers the questions of a job about its own run (``job/python-path/amltrain_job/asking.py`` asks them).

A job may ask about its run, the children it made and the runs it submitted, never about others. An answer is a file in
the run's folder, where the job may put links and anything else meanwhile: it is written without following any.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AzureMLException, SnapshotException, UserErrorException
from ..submission.data import DATA_FOLDER
from ..submission.job import WORK_FOLDER
from .control import cancel
from .filters import children
from .folder import files_folder
from .gather import gather_metrics
from .record import SCRIPT_RUN
from .stream import Record
from .submitted_child import is_below, submit_child, waits_for_parent

if TYPE_CHECKING:
    from ..data.asked import AskedData
    from .record import RunRecord
    from .store import Store

FOLDER = "answers"
_OF_SUBMITTED = frozenset({"tags", "properties", "about", "metrics", "children", "details", "cancel"})
"""What a job may ask of the runs that it submitted, and not only of its own."""
_NUMBER = re.compile(r"[0-9]{1,12}-[0-9a-f]{12}")


class Answers:
    """Answers the job of one run.

    Args:
        note: takes a sentence for the run's control log.
    """

    def __init__(
        self, store: Store, workspace_folder: Path, run: RunRecord, note: Callable[[str], None] = lambda _: None
    ) -> None:
        self._store = store
        self._workspace = workspace_folder
        self._run = run
        self._folder = workspace_folder / "runs" / run.id
        self._note = note
        self._data: AskedData | None = None

    def __call__(self, record: Record) -> None:
        """Answer one question; a record of another shape has no answer."""
        if record.get("k") == "lost":
            self._note(f"The job could not tell {record.get('v')} record(s): nobody read its output at the time.")
            return
        number, asked = str(record.get("a", "")), record.get("v")
        if not _NUMBER.fullmatch(number) or not isinstance(asked, dict):
            return
        try:
            answer: dict[str, Any] = {"value": self._answer(asked)}
        except AzureMLException as error:
            answer = {"error": error.message, "type": type(error).__name__}
        except OSError as error:
            answer = {"error": f"The run's folder cannot be used: {error.strerror}.", "type": "StoreException"}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            answer = {"error": f"The question was not understood: {error!r}.", "type": "UserErrorException"}
        with suppress(OSError):  # it is asked again
            self._write(number, json.dumps(answer, default=str).encode())

    def _answer(self, asked: Mapping[str, Any]) -> Any:
        record = self._store.run(str(asked["run"]) or self._run.id)
        what = asked["what"]
        own = record.id == self._run.id or record.folder.startswith(f"{self._run.id}/")
        if not own and not (what in _OF_SUBMITTED and is_below(self._store, record, self._run.id)):
            raise UserErrorException("A job may only ask about its own run.")
        if what == "submit_child":
            return {"id": submit_child(self._workspace, self._store, self._run, asked)}
        if what == "cancel" and record.type == SCRIPT_RUN and not own:
            return cancel(self._workspace, self._store, record.id)
        if what == "tags":
            return self._store.tags(record.id)
        if what == "properties":
            return self._store.properties(record.id)
        if what == "add_properties":
            return self._store.add_properties(record.id, dict(asked["properties"]), again=True)
        if what == "about":
            return {
                "display_name": record.display_name or None,
                "description": record.description or None,
                "number": record.number,
                "status": record.status,
                "portal_url": files_folder(self._workspace, record).as_uri(),
                "waits_for_parent": waits_for_parent(self._store, record),
            }
        if what == "metrics":
            return gather_metrics(
                self._store,
                self._workspace,
                record,
                name=asked.get("name"),
                recursive=bool(asked.get("recursive")),
                run_type=asked.get("run_type"),
                populate=bool(asked.get("populate")),
            )
        if what == "children":
            filters = {key: asked.get(key) for key in ("tags", "properties", "type", "status")}
            found = children(self._store, record.id, recursive=bool(asked.get("recursive")), **filters)
            return [{"id": child.id, "type": child.type} for child in found]
        if what == "details":
            from .description import details

            return details(self._store, files_folder(self._workspace, record), record)
        if what == "snapshot":
            return self._zip_snapshot(record, asked.get("snapshot"))
        if what == "register_model":
            return self._register_model(record, asked)
        if what == "models":
            return self._store.models(asked.get("name"), asked.get("version"))
        if what == "datasets":
            return self._asked_data().known(**{key: asked.get(key) for key in ("name", "version", "id")})
        if what == "fetch_dataset":
            return self._asked_data().is_there(str(asked["id"]))
        if what == "fetch_model":
            return self._fetch_model(str(asked["name"]), int(asked["version"]))
        raise UserErrorException(f"There is no answer to '{what}'.")

    def _zip_snapshot(self, record: RunRecord, wanted: str | None) -> dict[str, str]:
        from .snapshots import zip_snapshot

        own = str(record.definition.get("snapshot_id") or "")
        if wanted not in (None, own):
            raise SnapshotException(f"A job may only restore its own snapshot, {own}.")
        folder = self._open_folder()
        try:
            name = f"{own[:16]}.zip"
            with os.fdopen(_open_new(f"snapshot-{name}", folder), "wb") as target:
                zip_snapshot(self._workspace, own, target)
        finally:
            os.close(folder)
        return {"file": f"{FOLDER}/snapshot-{name}", "name": f"{own}.zip"}

    def _register_model(self, record: RunRecord, asked: Mapping[str, Any]) -> Any:
        from ..models.register import register_run_files

        return register_run_files(
            self._workspace,
            self._store,
            record.id,
            files_folder(self._workspace, record),
            asked["name"],
            str(asked["path"]),
            tags=dict(asked["tags"]),
            properties=dict(asked["properties"]),
            about=dict(asked["about"]),
            request=f"{self._run.id}/{asked['request']}",
        )

    def _fetch_model(self, name: str, version: int) -> dict[str, str]:
        """A copy of a model's files for the job, which it moves to where it wants them."""
        import shutil

        from ..models.register import copied_model

        made = copied_model(self._workspace, self._store, name, version, self._folder / "model.partial")
        target = f"model-{version}-{os.urandom(6).hex()}"
        try:
            self._put(FOLDER, made, target)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            raise
        return {"folder": f"{FOLDER}/{target}"}

    def _asked_data(self) -> AskedData:
        from ..data.asked import AskedData

        if self._data is None:
            has, put = partial(self._has, DATA_FOLDER), partial(self._put, DATA_FOLDER)
            self._data = AskedData(self._store, self._folder, has, put, self._note)
        return self._data

    def _has(self, below: str, name: str) -> bool:
        folder = self._open_folder(below)
        try:
            return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return False
        finally:
            os.close(folder)

    def _put(self, below: str, made: Path, name: str) -> None:
        """Move a folder into one of the job's; a rename follows no link, whatever the job has put there."""
        folder = self._open_folder(below)
        try:
            os.rename(made, name, dst_dir_fd=folder)
        finally:
            os.close(folder)

    def _write(self, number: str, content: bytes) -> None:
        folder = self._open_folder()
        try:
            with os.fdopen(_open_new(f"{number}.partial", folder), "wb") as file:
                file.write(content)
            os.rename(f"{number}.partial", number, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            os.close(folder)

    def _open_folder(self, name: str = FOLDER) -> int:
        """A folder of the job, made when missing and never reached through a link of the job's."""
        work = os.open(self._folder / WORK_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=work)
            return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=work)
        finally:
            os.close(work)


def _open_new(name: str, folder: int) -> int:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder)
