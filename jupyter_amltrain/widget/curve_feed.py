"""Curves of a run on their way to a view: what is new of each series, in columns."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..runs.curves import Row, SeriesHead
    from ..runs.store import Store

NEW_POINTS = 2000
"""So many new points of a series are sent as they are; of more, a sample of all takes their place."""

SAMPLE_POINTS = 2000
_SERIES_AT_ONCE = 200

Piece = dict[str, Any]
"""Head of the points of one curve; see ``ISeriesNews`` in the front end's ``source.ts``."""


@dataclass
class Columns:
    """Points of one curve as they travel."""

    step: array[float] = field(default_factory=lambda: array("d"))
    time: array[float] = field(default_factory=lambda: array("d"))
    value: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: float, time: float, value: float) -> None:
        """One point more."""
        self.step.append(step)
        self.time.append(time)
        self.value.append(value)

    def buffers(self) -> list[bytes]:
        """The three columns, float64 in little order each, as all machines with browsers have them."""
        return [self.step.tobytes(), self.time.tobytes(), self.value.tobytes()]


class CurveFeed:
    """What one client has of the curves of one run.

    Args:
        ids: series and rank → the id that front ends know the curve by; shared by all clients of a run.
    """

    def __init__(self, store: Store, run_id: str, ids: dict[tuple[int, int], int]) -> None:
        self._store = store
        self._run_id = run_id
        self._ids = ids
        self._sent: dict[int, int] = {}
        self._listed: dict[int, int] = {}
        self.values_changed = False

    def news(self) -> tuple[list[Piece], list[bytes], bool]:
        """Heads and buffers of what is new, and whether there is more."""
        pieces: list[Piece] = []
        buffers: list[bytes] = []
        self.values_changed = False
        looked = 0
        for head in self._store.shown_series(self._run_id):
            if head.points == self._sent.get(head.id, 0):
                continue
            if looked == _SERIES_AT_ONCE:
                return pieces, buffers, True
            looked += 1
            made, columns = self._of(head)
            pieces += made
            buffers += columns
        return pieces, buffers, False

    def _of(self, head: SeriesHead) -> tuple[list[Piece], list[bytes]]:
        sent = self._sent.get(head.id, 0)
        replace = head.points - sent > NEW_POINTS
        rows = (
            self._store.sampled_rows(head.id, SAMPLE_POINTS)
            if replace
            else self._store.series_rows(head.id, sent, NEW_POINTS)
        )
        self._sent[head.id] = head.points if replace else sent + len(rows)
        curves, others = _columns(rows, self._listed.setdefault(head.id, 0))
        self._listed[head.id] += sum(len(columns.value) for columns in curves.values()) if _lists(rows) else 0
        self.values_changed |= others
        return self._pieces(head, curves, replace)

    def _pieces(self, head: SeriesHead, curves: dict[int, Columns], replace: bool) -> tuple[list[Piece], list[bytes]]:
        pieces, buffers = [], []
        for rank, columns in curves.items():
            pieces.append(piece(head, rank, self._id(head.id, rank), columns, replace))
            buffers += columns.buffers()
        return pieces, buffers

    def _id(self, series: int, rank: int) -> int:
        return self._ids.setdefault((series, rank), len(self._ids) + 1)


def piece(head: SeriesHead, rank: int, curve: int, columns: Columns, replace: bool) -> Piece:
    """The head of the points of one curve."""
    return {
        "id": curve,
        "name": head.name,
        "source": head.source,
        "rank": rank,
        "count": head.points,
        "replace": replace,
        "points": len(columns.value),
    }


def whole_curves(store: Store, run_id: str, points: int, at_most: int) -> tuple[list[Piece], list[bytes]]:
    """Samples of the curves of a run, for being drawn behind those of another; system metrics are left out."""
    pieces: list[Piece] = []
    buffers: list[bytes] = []
    for head in store.shown_series(run_id)[:at_most]:
        if head.source == "system":
            continue
        curves, _ = _columns(store.sampled_rows(head.id, points), 0)
        for rank, columns in curves.items():
            pieces.append(piece(head, rank, len(pieces) + 1, columns, True))
            buffers += columns.buffers()
    return pieces, buffers


def part_of_curve(
    store: Store, head: SeriesHead, curve: int, rank: int, asked: dict[str, Any]
) -> tuple[Piece, list[bytes]]:
    """A sample of the points of a curve between two steps or times."""
    first, last = store.places_between(head.id, str(asked["axis"]), float(asked["low"]), float(asked["high"]))
    points = max(4, min(int(asked["points"]), 2 * SAMPLE_POINTS))
    rows = store.sampled_rows(head.id, points, max(0, first - 1), last + 1)
    columns = _columns(rows, 0)[0].get(rank, Columns())
    return piece(head, rank, curve, columns, True), columns.buffers()


def _columns(rows: Iterable[Row], listed: int) -> tuple[dict[int, Columns], bool]:
    """Rank → its points, and whether there are values that are no numbers.

    Args:
        listed: how many elements of lists came before: a list is a curve by the place of its elements.
    """
    curves: dict[int, Columns] = {}
    others = False
    for n, kind, value, step, at, rank in rows:
        if kind == "scalar" and (value is None or isinstance(value, (int, float))):
            columns = curves.get(rank) or curves.setdefault(rank, Columns())
            columns.add(float(n if step is None else step), at, math.nan if value is None else float(value))
        elif kind == "list" and (numbers := _numbers(value)):
            columns = curves.get(rank) or curves.setdefault(rank, Columns())
            for number in numbers:
                columns.add(float(listed), at, number)
                listed += 1
        else:
            others = True
    return curves, others


def _lists(rows: Iterable[Row]) -> bool:
    return any(kind == "list" for _, kind, *_ in rows)


def _numbers(text: str) -> list[float]:
    found = json.loads(text)
    if isinstance(found, list) and all(isinstance(one, (int, float)) for one in found):
        return [float(one) for one in found]
    return []
