"""Runs at a glance: what a list of runs shows of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import status as states

if TYPE_CHECKING:
    from .record import RunRecord
    from .store import Store

_POINTS = 60
_REASON_CHARACTERS = 200
_NAME_CHARACTERS = 200
_FIRST_WORDS = ("loss", "error", "accuracy")
_OTHERS_TRIED = 5


@dataclass(frozen=True)
class RunGlance:
    """A run in one line. Times are unix seconds, None for "not yet".

    Attributes:
        metric: the metric that tells most, "" when no number was logged.
        value: its newest value.
        points: some of its values, in their order, for a curve the size of a word.
    """

    run_id: str
    display_name: str
    experiment: str
    target: str
    status: str
    reason: str
    started: float | None
    ended: float | None
    metric: str
    value: float | None
    points: tuple[float, ...]


class GlanceReader:
    """Reads the newest runs of a workspace; those that are over are read once."""

    def __init__(self, store: Store, limit: int = 15) -> None:
        self._store = store
        self._limit = limit
        self._over: dict[str, RunGlance] = {}

    def read(self) -> list[RunGlance]:
        """The newest runs, the newest first."""
        found = [self._over.get(run.id) or glance(self._store, run) for run in self._store.runs(limit=self._limit)]
        self._over = {one.run_id: one for one in found if one.status in states.TERMINAL}
        return found


def glance(store: Store, run: RunRecord) -> RunGlance:
    """One run as of now."""
    metric, numbers = _course(store, run.id)
    return RunGlance(
        run_id=run.id,
        display_name=run.display_name[:_NAME_CHARACTERS],
        experiment=run.experiment,
        target=run.target,
        status=run.status,
        reason="" if run.status == states.COMPLETED else run.reason[:_REASON_CHARACTERS],
        started=run.started,
        ended=run.ended,
        metric=metric[:_NAME_CHARACTERS],
        value=numbers[-1] if numbers else None,
        points=tuple(numbers),
    )


def _course(store: Store, run_id: str) -> tuple[str, list[float]]:
    """The metric that tells most about a run, a loss before all others, and some of its values."""
    names = list(store.metric_names(run_id))
    preferred = [name for word in _FIRST_WORDS for name in names if word in name]
    for name in dict.fromkeys([*preferred, *names[:_OTHERS_TRIED]]):
        values = [point.value for point in store.sample_metric(run_id, name, _POINTS)]
        numbers = [
            float(value)
            for value in values
            if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        ]
        if numbers:
            return name, numbers
    return "", []
