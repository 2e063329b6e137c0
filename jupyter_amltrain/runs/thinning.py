"""Which of the moments at which a long run was looked at are kept, so that a week takes no more room than an hour."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

from .record import NewPoint

_WHOLE_S = 600
_LONGEST_S = 60


def stretch_s(age_s: float) -> int:
    """How long a stretch is of which only the lowest and the highest values are kept, by the age of the run.

    A second in the first ten minutes, then twice as long each time that the run has lasted twice as long, up to a
    minute: no later than that is seen what a job does now.
    """
    return 1 if age_s < _WHOLE_S else min(_LONGEST_S, 2 ** int(1 + math.log2(age_s / _WHOLE_S)))


class Thinning:
    """Takes points as they are measured and gives those that are worth keeping, the peaks among them.

    Any thread may use it.

    Args:
        started: when the run began, unix seconds; a supervisor that takes a run over goes on as the one before.
    """

    def __init__(self, started: float) -> None:
        self._started = started
        self._lock = threading.Lock()
        self._stretch = (1, 0)
        self._lowest: dict[str, NewPoint] = {}
        self._highest: dict[str, NewPoint] = {}

    def add(self, points: Sequence[NewPoint]) -> list[NewPoint]:
        """The points to keep by now, after those of one more moment."""
        if not points:
            return []
        age_s = points[0].at - self._started
        length = stretch_s(age_s)
        stretch = (length, int(age_s // length))
        with self._lock:
            kept = self._take() if stretch != self._stretch else []
            self._stretch = stretch
            if length == 1:
                return [*kept, *points]
            for point in points:
                if point.value < self._lowest.setdefault(point.name, point).value:
                    self._lowest[point.name] = point
                if point.value > self._highest.setdefault(point.name, point).value:
                    self._highest[point.name] = point
        return kept

    def rest(self) -> list[NewPoint]:
        """What is to be kept of the stretch that has not ended."""
        with self._lock:
            return self._take()

    def _take(self) -> list[NewPoint]:
        found = {id(point): point for point in (*self._lowest.values(), *self._highest.values())}
        self._lowest, self._highest = {}, {}
        return sorted(found.values(), key=lambda point: point.at)
