"""What a view shows of a run, made from the store and the run's folder."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AzureMLException, NameNotFoundException
from . import status as states
from .artifacts import list_artifacts
from .description import reason
from .follow import log_files
from .phases import phases_of
from .record import OVER, RERUN_OF, SCRIPT_RUN, RunRecord
from .run_state import LogFile, RunState
from .shorten import cut, first_within, json_size

if TYPE_CHECKING:
    from .annotations import PairTable
    from .store import Store

MOST_BYTES = 16_000
"""What a state takes as JSON at most, whatever its user wrote; the limits below add up to less.

A failure gets the rest."""

_NAME_BYTES = 200
_REASON_BYTES = 600
_VALUE_BYTES = 300
_ARGUMENTS_BYTES = 1000
_PARAMETERS_BYTES = 1800
_TAGS_BYTES = 800
_NOTES_BYTES = 800
_SLACK_BYTES = 100
_LOGS = 8
_GPUS = 32
_MOST_PAIRS = 100

_OUTPUTS_PAUSE_S = 2.0
_OUTPUTS_SHARE = 0.02
"""Counting the files of a run that goes on takes at most this share of the time."""


class StateReader:
    """Reads the state of one run again and again; what is dear to find is kept, and what changes no more, for good.

    One thread at a time uses it.
    """

    def __init__(self, store: Store, run_folder: Path) -> None:
        self._store = store
        self._folder = run_folder
        self._fixed: dict[str, Any] = {}
        self._over: RunState | None = None
        self._outputs = (0, 0)
        self._next_count = 0.0

    def read(self, record: RunRecord, now: float) -> RunState:
        """The state of the run that the store has as ``record``, at ``now``; less than :data:`MOST_BYTES` as JSON."""
        if self._over is not None and not self._changed(record):
            return self._over
        state = self._read(record, now)
        if record.status in states.TERMINAL:
            self._over = state
        return state

    def _changed(self, record: RunRecord) -> bool:
        """Whether something has changed of a run that is over: it can still be renamed and tagged."""
        assert self._over is not None
        return (_name(record), self._pairs("tags", _TAGS_BYTES)) != (self._over.display_name, self._over.tags)

    def _read(self, record: RunRecord, now: float) -> RunState:
        if not self._fixed:
            self._fixed = {**_fixed(record), "over": drawn_over(self._store, record.id)}
        over = record.status in states.TERMINAL
        why = cut(reason(self._store, record), _REASON_BYTES)
        files, size_bytes = self._count_outputs(over)
        is_script = record.type == SCRIPT_RUN
        state = RunState(
            **self._fixed,
            display_name=_name(record),
            status=record.status,
            reason=why,
            now=now,
            started=record.started,
            ended=record.ended,
            image=_image(record.image),
            gpus=self._store.gpus_of(record.id)[:_GPUS],
            parameters=self._pairs("params", _PARAMETERS_BYTES),
            tags=self._pairs("tags", _TAGS_BYTES),
            phases=phases_of(record, self._store.transitions(record.id), why),
            logs=self._logs(),
            output_count=files,
            output_bytes=size_bytes,
            can_cancel=is_script and not over and record.status != states.CANCEL_REQUESTED,
            can_rerun=is_script,
        )
        if record.status != states.FAILED:
            return state
        # Most runs do not fail: what reads tracebacks is imported for the first that does.
        from .failure import fitted
        from .find_failure import find_failure

        failure = find_failure(self._store, self._folder, record, isolated=state.isolated)
        return replace(state, failure=fitted(failure, MOST_BYTES - json_size(asdict(state)) - _SLACK_BYTES))

    def _pairs(self, table: PairTable, most_bytes: int) -> tuple[tuple[str, str], ...]:
        found = self._store.first_pairs(table, self._fixed["run_id"], _MOST_PAIRS, _VALUE_BYTES + 1)
        pairs = [(cut(key, _NAME_BYTES), cut(value or "", _VALUE_BYTES)) for key, value in found]
        shown = first_within(pairs, most_bytes)
        if len(shown) == len(pairs) < _MOST_PAIRS:
            return tuple(shown)
        more = self._store.count_pairs(table, self._fixed["run_id"]) - len(shown)
        return (*shown, ("…", f"{more} more")) if more else tuple(shown)

    def _logs(self) -> tuple[LogFile, ...]:
        found = []
        for name in log_files(self._folder)[:_LOGS]:
            try:
                found.append(LogFile(cut(name, _NAME_BYTES), (self._folder / name).stat().st_size))
            except OSError:
                continue  # somebody deletes the run's folder
        return tuple(found)

    def _count_outputs(self, over: bool) -> tuple[int, int]:
        """Number and size of the files that the run has written so far, as of a moment ago while it goes on."""
        began = time.monotonic()
        if over or began >= self._next_count:
            files = [file for file in list_artifacts(self._folder) if not file.name.startswith("azureml-logs/")]
            self._outputs = len(files), sum(file.size_bytes for file in files)
            ended = time.monotonic()
            self._next_count = ended + max(_OUTPUTS_PAUSE_S, (ended - began) / _OUTPUTS_SHARE)
        return self._outputs


def drawn_over(store: Store, run_id: str) -> str:
    """Id of the run that a run is drawn over: the one that it is the rerun of, or was submitted over; "" for none."""
    properties = store.properties(run_id)
    over = properties.get(RERUN_OF) or properties.get(OVER)
    try:
        return store.run(over).id if over else ""
    except NameNotFoundException:
        return ""  # a script may have set the property


def run_state(store: Store, run_folder: Path, record: RunRecord, now: float) -> RunState:
    """What a view shows of a run at ``now``; whoever asks again and again keeps a :class:`StateReader`."""
    return StateReader(store, run_folder).read(record, now)


def _fixed(record: RunRecord) -> dict[str, Any]:
    """What never changes of a run."""
    asked = record.definition
    notes = [cut(str(note), _VALUE_BYTES) for note in record.snapshot.get("notes") or ()]
    return {
        "run_id": record.id,
        "number": record.number,
        "experiment": cut(record.experiment, _NAME_BYTES),
        "target": cut(record.target, _NAME_BYTES),
        "engine": cut(record.engine, _NAME_BYTES),
        "nodes": record.nodes,
        "created": record.created,
        "environment": _environment(asked.get("environment") or {}),
        "isolated": _isolated(record.engine),
        "script": cut(asked.get("script") or shlex.join(asked.get("command") or ()), _VALUE_BYTES),
        "from_cell": bool(record.snapshot.get("from_cell")),
        "arguments": _arguments(asked.get("arguments") or ()),
        "notes": tuple(first_within(notes, _NOTES_BYTES)),
    }


def _name(record: RunRecord) -> str:
    return cut(record.display_name, _NAME_BYTES)


def _environment(spec: Mapping[str, Any]) -> str:
    name, version = str(spec.get("name") or ""), str(spec.get("version") or "")
    return cut(f"{name}:{version}" if name and version else name, _NAME_BYTES)


def _image(image: Mapping[str, Any]) -> str:
    name, digest = str(image.get("name") or ""), str(image.get("digest") or "")
    return cut(f"{name}@{digest}" if digest and "@" not in name else name, _NAME_BYTES)


def _arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    shown = first_within([cut(argument, _VALUE_BYTES) for argument in arguments[:_MOST_PAIRS]], _ARGUMENTS_BYTES)
    more = len(arguments) - len(shown)
    return (*shown, f"… {more} more") if more else tuple(shown)


def _isolated(engine: str) -> bool:
    from ..engines.registry import get_engine

    try:
        return not engine or get_engine(engine).isolated
    except (AzureMLException, ImportError):
        return True  # an engine that is no longer installed; what it was is not known
