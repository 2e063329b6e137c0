"""Curves of several runs to be drawn over each other: a chart for each metric, in it a curve for each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .charts import MOST_CURVES
from .curves import Family, first_curve
from .families import comes_first, family_of

if TYPE_CHECKING:
    from ..runs.record import RunRecord
    from ..runs.store import Store

_MOST_CHARTS = 40


@dataclass(frozen=True)
class Overlay:
    """Curves of runs side by side.

    Attributes:
        runs: names of the runs that are drawn, in the order of their colours; no two are the same.
        charts: one for each metric; its curves are labelled with the names of the runs that logged it.
        more: how many metrics could have a chart besides these.
    """

    runs: tuple[str, ...]
    charts: tuple[Family, ...]
    more: int = 0


def overlay(store: Store, runs: Sequence[RunRecord]) -> Overlay:
    """The curves of the first runs, as many as a chart has colours for; of several ranks those of the first.

    What the runs used of the machine is left out.
    """
    drawn = dict(zip(run_names(runs)[:MOST_CURVES], runs, strict=False))
    counts = {name: store.metric_names(run.id) for name, run in drawn.items()}
    metrics = _in_order(list(counts.values()))
    charts = (
        tuple((name, curve) for name, run in drawn.items() for curve in first_curve(store, run, metric, counts[name]))
        for metric in metrics[:_MOST_CHARTS]
    )
    families = (Family(metric, curves) for metric, curves in zip(metrics, charts, strict=False) if curves)
    return Overlay(tuple(drawn), tuple(families), max(0, len(metrics) - _MOST_CHARTS))


def run_names(runs: Sequence[RunRecord]) -> list[str]:
    """What to call each run among the others: its label, with its id where another has the same."""
    known = Counter(run.label for run in runs)
    return [run.label if known[run.label] == 1 else f"{run.label} {run.id}" for run in runs]


def _in_order(counts: Sequence[Mapping[str, int]]) -> list[str]:
    """Metrics of which some run has a course: those of several runs first, and of these the losses."""
    shared = Counter(name for own in counts for name in own)
    names = dict.fromkeys(name for own in counts for name, count in own.items() if count > 1)
    return sorted(names, key=lambda name: (shared[name] < 2, not comes_first(family_of(name)[0])))
