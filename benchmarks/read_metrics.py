"""Seconds to read a metric of a million points, down-sampled to 1,500 for a chart, against reading all of it."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from jupyter_amltrain.runs.record import NewPoint, RunRecord
from jupyter_amltrain.runs.store import Store

from ._result import middle, print_result

POINTS = 1_000_000
BATCH = 50_000


def fill(store: Store) -> RunRecord:
    """A run with a million points of one metric, and a second one in between."""
    run = store.add_run(
        "bench_1", experiment="bench", target="t", engine="x", nodes=1, max_nodes=1, definition={}, snapshot={}
    )
    for start in range(0, POINTS, BATCH):
        steps = range(start, start + BATCH)
        points = [NewPoint("loss", "scalar", math.sin(n / 1e4) + n % 97 / 97, n, 1.7e9 + n, 0) for n in steps]
        store.add_points(run, points)
        store.add_points(run, [NewPoint("epoch", "scalar", start, start, 1.7e9, 0)])
    return run


def seconds(act: Callable[[], object]) -> float:
    """How long it takes, the middle of several times."""
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return middle(taken)


def main() -> None:
    """Fill a store, then read."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        run = fill(store)
        sampled = seconds(lambda: store.sample_metric(run.id, "loss", 1500))
        assert 1400 < len(store.sample_metric(run.id, "loss", 1500)) <= 1500
        began = time.perf_counter()
        assert len(store.points(run.id, name="loss")) == POINTS
        whole = time.perf_counter() - began
        short = seconds(lambda: store.points(run.id, name="epoch"))
        print_result("read_metrics", sampled, "s", baseline=whole, extra={"short series beside it": short})
        store.close()


if __name__ == "__main__":
    main()
