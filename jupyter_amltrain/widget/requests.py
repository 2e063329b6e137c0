"""What views ask of a run, and the answers; ``IRequests`` in the front end's ``source.ts`` has the shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import NameNotFoundException, UserErrorException
from ..runs.artifacts import list_artifacts, open_artifact
from ..runs.follow import log_files
from ..runs.log_search import find_lines
from .curve_feed import part_of_curve, whole_curves

if TYPE_CHECKING:
    from ..workspace import Workspace

Answer = tuple[dict[str, Any], list[bytes]]

_PART_BYTES = 1 << 20
_FILES = 1000
_VALUES = 200
_VALUE_CHARACTERS = 20_000
_ROWS = 50
_COMPARABLE = 50
_COMPARED_POINTS = 500
_COMPARED_CURVES = 100
_CODE_LINES = 8


class LogRequests:
    """Answers what views ask of logs. Each answer is made by itself, in whatever thread."""

    kinds: tuple[str, ...] = ("read_log", "read_file", "find")
    """The requests that are answered; each is a method of that name."""

    def answer(self, kind: str, asked: Mapping[str, Any]) -> Answer:
        """The answer to a request, and the buffers that go with it.

        Raises:
            AzureMLException: it cannot be had; the message is for the person at the view.
        """
        if kind not in self.kinds:
            raise UserErrorException(f"This version of jupyter_amltrain does not know the request '{kind}'.")
        answer: Answer = getattr(self, kind)(asked)
        return answer

    def read_log(self, asked: Mapping[str, Any]) -> Answer:
        """Bytes of a log."""
        start = max(0, int(asked["start"]))
        size, data = self._part(str(asked["file"]), start, min(_PART_BYTES, max(0, int(asked["end"]) - start)))
        return {"file": asked["file"], "start": start, "size": size}, [data]

    def read_file(self, asked: Mapping[str, Any]) -> Answer:
        """Bytes of a file that was written."""
        size, data = self._part(str(asked["name"]), max(0, int(asked["start"])), _PART_BYTES)
        return {"size": size}, [data]

    def _part(self, name: str, start: int, length: int) -> tuple[int, bytes]:
        with self._open(name) as file:
            size = file.seek(0, 2)
            file.seek(start)
            return size, file.read(length)

    def find(self, asked: Mapping[str, Any]) -> Answer:
        """Lines of a log."""
        name, logs = str(asked["file"]), self._logs()
        if name not in logs:
            raise NameNotFoundException("log", name, logs)
        with self._open(name) as file:
            matches, complete = find_lines(
                file,
                str(asked["text"]),
                regex=bool(asked["regex"]),
                ignore_case=bool(asked["ignore_case"]),
                level=str(asked["level"]),
                after=int(asked["after"]),
                limit=int(asked["limit"]),
            )
        return {"matches": [{"offset": at, "line": line} for at, line in matches], "complete": complete}, []

    def _logs(self) -> list[str]:
        raise NotImplementedError

    def _open(self, name: str) -> IO[bytes]:
        raise NotImplementedError


class Requests(LogRequests):
    """Answers what the views of one run ask."""

    kinds = (*LogRequests.kinds, "outputs", "sample", "values", "compare", "code", "origin", "cancel", "rerun")

    def __init__(self, workspace: Workspace, run_id: str, ids: Mapping[tuple[int, int], int]) -> None:
        self._workspace = workspace
        self._run_id = run_id
        self._ids = ids
        self._folder = workspace.run_folder(run_id)

    def _logs(self) -> list[str]:
        return log_files(self._folder)

    def _open(self, name: str) -> IO[bytes]:
        return open_artifact(self._folder, name)

    def outputs(self, asked: Mapping[str, Any]) -> Answer:
        """What the run wrote."""
        files = [one for one in list_artifacts(self._folder) if not one.name.startswith("azureml-logs/")]
        return {"files": [asdict(one) for one in files[:_FILES]], "more": max(0, len(files) - _FILES)}, []

    # --- metrics -------------------------------------------------------------------------------------------------

    def sample(self, asked: Mapping[str, Any]) -> Answer:
        """A part of a curve, with more points than the whole of it had."""
        curve = int(asked["id"])
        series, rank = next((key for key, value in self._ids.items() if value == curve), (0, 0))
        store = self._workspace.store
        head = next((one for one in store.shown_series(self._run_id) if one.id == series), None)
        if head is None:
            raise UserErrorException("There is no such curve any more.")
        return part_of_curve(store, head, curve, rank, dict(asked))

    def values(self, asked: Mapping[str, Any]) -> Answer:
        """The metrics that are no curves, the last of each name."""
        store = self._workspace.store
        found: list[dict[str, Any]] = []
        for head in store.shown_series(self._run_id):
            if not head.points or head.source == "system" or len(found) == _VALUES:
                continue
            (_, kind, value, *_), *_ = store.series_rows(head.id, head.points - 1, 1)
            if kind == "scalar" and not isinstance(value, str):
                continue
            read = value if kind == "scalar" else json.loads(value)
            is_file = kind not in ("scalar", "list", "row", "table")
            shape = {"name": head.name, "source": head.source, "kind": kind, "count": head.points}
            found.append({**shape, "value": None if is_file else _short(read), "file": str(read) if is_file else ""})
        return {"values": found}, []

    def compare(self, asked: Mapping[str, Any]) -> Answer:
        """Other runs of the experiment, or the curves of some."""
        store = self._workspace.store
        chosen = [str(run_id) for run_id in asked["runs"]]
        if chosen:
            runs = [store.run(run_id) for run_id in chosen]
        else:
            experiment = store.run(self._run_id).experiment
            runs = [run for run in store.runs(experiment=experiment, limit=_COMPARABLE) if run.id != self._run_id]
        answer: list[dict[str, Any]] = []
        buffers: list[bytes] = []
        for run in runs:
            series, columns = whole_curves(store, run.id, _COMPARED_POINTS, _COMPARED_CURVES) if chosen else ([], [])
            buffers += columns
            answer.append(
                {"run_id": run.id, "name": run.label, "status": run.status, "created": run.created, "series": series}
            )
        return {"runs": answer}, buffers

    # --- where it comes from -------------------------------------------------------------------------------------

    def code(self, asked: Mapping[str, Any]) -> Answer:
        """Lines of a file of the snapshot."""
        from ..submission.objects import ObjectStore
        from ..submission.snapshot import read_manifest

        snapshot_id = str(self._workspace.store.run(self._run_id).definition.get("snapshot_id") or "")
        entries = {entry.path: entry for entry in read_manifest(snapshot_id, self._workspace.objects).entries}
        name = str(asked["file"])
        if name not in entries:
            raise NameNotFoundException("file of the snapshot", name, entries)
        try:
            text = Path(ObjectStore(self._workspace.objects).path(entries[name].sha256)).read_text(errors="replace")
        except OSError as error:
            raise UserErrorException(f"The file {name} is not kept any more ({error.strerror}).") from None
        lines = text.splitlines()
        first = max(1, int(asked["line"]) - _CODE_LINES)
        return {"first": first, "lines": [line[:500] for line in lines[first - 1 : first + 2 * _CODE_LINES]]}, []

    def origin(self, asked: Mapping[str, Any]) -> Answer:
        """How to do the same by hand, and by a cell."""
        from ..submission.again import as_cell, by_hand

        run = self._workspace.store.run(self._run_id)
        return {"command": by_hand(run), "cell": as_cell(run, self._workspace.objects)}, []

    def cancel(self, asked: Mapping[str, Any]) -> Answer:
        """End the run."""
        self._workspace.get_run(self._run_id).cancel()
        return {}, []

    def rerun(self, asked: Mapping[str, Any]) -> Answer:
        """Submit the same again."""
        from ..submission.again import submit_again

        return {"run_id": submit_again(self._workspace, self._run_id, list(map(str, asked["arguments"]))).id}, []


def _short(value: Any) -> Any:
    """A value as much as a view shows of it."""
    if isinstance(value, str):
        return value[:_VALUE_CHARACTERS]
    if isinstance(value, list):
        return value[:_ROWS]
    if isinstance(value, dict):
        return {
            str(name): cells[:_ROWS] if isinstance(cells, list) else cells for name, cells in list(value.items())[:50]
        }
    return value
