"""Collects what is told of a run, as a value that the faces render."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runs import status as states
from ..runs.artifacts import Artifact, list_artifacts
from ..runs.ending import tail
from ..runs.folder import files_folder
from ..runs.follow import log_files
from ..runs.record import SYSTEM
from ..runs.run_state import RunState
from ..runs.shorten import cut
from ..runs.state_of import run_state
from .curves import Curve, first_curve, read_curves
from .families import family_of

if TYPE_CHECKING:
    from ..runs.record import Point, RunRecord
    from ..runs.store import Store
    from ..workspace import Workspace

_MOST_METRICS = 300
_MOST_FILES = 60
_VALUE_BYTES = 200
_TAIL_BYTES = 256 << 10


@dataclass(frozen=True)
class Value:
    """A metric that is no curve: what was logged last under its name, as text; ``kind`` is "" for plain text."""

    name: str
    source: str
    kind: str
    count: int
    text: str


@dataclass(frozen=True)
class SavedRun:
    """A run as it is told where nothing of it is at hand.

    Attributes:
        curves: of metrics, in the order in which they were first logged.
        over: what to call the run that it is drawn over, "" for none.
        behind: that run's curves that share its charts.
        system: curves of what the run used of the machine.
        values: metrics that are no curves.
        more_metrics: how many there are besides these.
        log: name of the newest log that holds anything, "" for none.
        log_bytes: its size.
        log_tail: its end.
        files: what the run has written, by name.
        more_files: how many there are besides these.
    """

    state: RunState
    curves: tuple[Curve, ...] = ()
    over: str = ""
    behind: tuple[Curve, ...] = ()
    system: tuple[Curve, ...] = ()
    values: tuple[Value, ...] = ()
    more_metrics: int = 0
    log: str = ""
    log_bytes: int = 0
    log_tail: str = ""
    files: tuple[Artifact, ...] = ()
    more_files: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.state.status in states.TERMINAL


def saved_run(workspace: Workspace, run_id: str) -> SavedRun:
    """Everything that is told of a run, as of now; bounded, whatever it printed and logged.

    Raises:
        NameNotFoundException: there is no such run.
    """
    store = workspace.store
    record = store.run(run_id)
    folder = files_folder(workspace.folder, record)
    curves, values, more = _metrics(store, record)
    name, size_bytes, text = _log(folder)
    files = [file for file in list_artifacts(folder) if not file.name.startswith("azureml-logs/")]
    state = run_state(store, folder, record, time.time())
    own = tuple(curve for curve in curves if curve.source != SYSTEM)
    over, behind = _behind(store, state.over, own)
    return SavedRun(
        state=state,
        curves=own,
        over=over,
        behind=behind,
        system=tuple(curve for curve in curves if curve.source == SYSTEM and any(curve.finite)),
        values=tuple(values),
        more_metrics=more,
        log=name,
        log_bytes=size_bytes,
        log_tail=text,
        files=tuple(files[:_MOST_FILES]),
        more_files=max(0, len(files) - _MOST_FILES),
    )


def _metrics(store: Store, record: RunRecord) -> tuple[list[Curve], list[Value], int]:
    run_id, began = record.id, record.started or record.created
    counts = store.metric_names(run_id, system=True)
    sources = store.metric_sources(run_id, system=True)
    curves: list[Curve] = []
    values: list[Value] = []
    # Those with a course first: they are what is looked at, and others may be there by the thousand.
    for name in sorted(counts, key=lambda name: counts[name] < 2)[:_MOST_METRICS]:
        own = read_curves(store, run_id, name, sources.get(name, ""), counts[name], began)
        curves += own
        if not own:
            values += _value(store, run_id, name, sources.get(name, ""), counts[name])
    return curves, values, max(0, len(counts) - _MOST_METRICS)


def _behind(store: Store, run_id: str, own: Sequence[Curve]) -> tuple[str, tuple[Curve, ...]]:
    """What to call a run, and its curves that share a chart with these."""
    if not run_id:
        return "", ()
    record = store.run(run_id)
    charts = {family_of(curve.name)[0] for curve in own}
    counts = store.metric_names(run_id)
    names = [name for name in counts if family_of(name)[0] in charts][:_MOST_METRICS]
    return record.label, tuple(curve for name in names for curve in first_curve(store, record, name, counts))


def _value(store: Store, run_id: str, name: str, source: str, count: int) -> list[Value]:
    points = store.sample_metric(run_id, name, 4)
    if not points:
        return []
    kind = points[-1].kind
    return [Value(name, source, "" if kind == "scalar" else kind, count, _shown(points[-1]))]


def _shown(point: Point) -> str:
    value: Any = point.value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return cut(text, _VALUE_BYTES)


def _log(folder: Path) -> tuple[str, int, str]:
    """Name, size and end of the newest log that holds anything."""
    for name in reversed(log_files(folder)):
        text = tail(folder / name, _TAIL_BYTES)
        if text.strip():
            size_bytes = os.path.getsize(folder / name)
            return name, size_bytes, text.partition("\n")[2] or text if size_bytes > _TAIL_BYTES else text
    return "", 0, ""
