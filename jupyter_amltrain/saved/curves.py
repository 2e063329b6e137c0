"""Curves of a run, sampled: what a chart, a line of the table and a sparkline are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..runs.record import SYSTEM, Point
from .families import comes_first, family_of

if TYPE_CHECKING:
    from ..runs.record import RunRecord
    from ..runs.store import Store

POINTS = 200
"""Points of a curve at most."""


@dataclass(frozen=True)
class Curve:
    """What was logged under one name by one rank.

    Attributes:
        count: how many points it has in all ranks; more than were kept when they are a sample.
        x: what the script gave as step, else the place in the series; of the system's, seconds since the run began.
        y: the values; NaN and infinities are gaps.
    """

    name: str
    source: str
    rank: int
    count: int
    x: tuple[float, ...]
    y: tuple[float, ...]

    @property
    def last(self) -> float:
        """The value that was logged last."""
        return self.y[-1]

    @property
    def finite(self) -> list[float]:
        """Its numbers without NaN and infinities."""
        return [value for value in self.y if math.isfinite(value)]


@dataclass(frozen=True)
class Family:
    """Curves that share a chart, each with what to call it there."""

    name: str
    curves: tuple[tuple[str, Curve], ...]


def read_curves(store: Store, run_id: str, name: str, source: str, count: int, began: float) -> list[Curve]:
    """The curves of a metric, one for each rank; none when it is no series of numbers."""
    points = store.sample_metric(run_id, name, POINTS)
    by_rank: dict[int, list[tuple[int, Point]]] = {}
    for place, point in enumerate(points):
        if point.kind == "scalar" and isinstance(point.value, (int, float)):
            by_rank.setdefault(point.rank, []).append((place, point))
    scale = (count - 1) / max(1, len(points) - 1)
    return [
        Curve(name, source, rank, count, _x(own, scale, source, began), tuple(float(point.value) for _, point in own))
        for rank, own in sorted(by_rank.items())
    ]


def first_curve(store: Store, run: RunRecord, name: str, counts: Mapping[str, int]) -> list[Curve]:
    """The curve of a metric of the script's, of several ranks that of the first; none when the run has no such curve.

    Args:
        counts: how many points each metric of the run has.
    """
    if name not in counts:
        return []
    return read_curves(store, run.id, name, "", counts[name], run.started or run.created)[:1]


def _x(points: Sequence[tuple[int, Point]], scale: float, source: str, began: float) -> tuple[float, ...]:
    """The steps of points; their places where not each has one, which in a sample lie evenly, nearly."""
    if source == SYSTEM:
        return tuple(point.at - began for _, point in points)
    steps = [point.step for _, point in points]
    if all(isinstance(step, (int, float)) and math.isfinite(step) for step in steps):
        return tuple(float(step) for step in steps if step is not None)
    return tuple(place * scale for place, _ in points)


def families(curves: Sequence[Curve], behind: Sequence[Curve] = (), over: str = "") -> list[Family]:
    """The curves that share charts: losses first, then in the order in which the first of each was logged.

    Args:
        behind: curves of another run, called ``over``, which come after the run's own in their charts.
    """
    ranks = {curve.rank for curve in curves}
    found: dict[str, list[tuple[str, Curve]]] = {}
    for curve in curves:
        family, label = family_of(curve.name)
        if len(ranks) > 1:
            label = f"{label} rank {curve.rank}".strip()
        found.setdefault(family, []).append((label, curve))
    for curve in behind:
        family, label = family_of(curve.name)
        found[family].append((f"{over} {label}".strip(), curve))
    names = sorted(found, key=lambda name: not comes_first(name))
    return [Family(name, tuple(found[name])) for name in names]
