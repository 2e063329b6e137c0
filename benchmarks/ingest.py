"""Logged points a second from a script in a container to the run's history, through a real engine."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from jupyter_amltrain import Experiment, ScriptRun

from ._bench import config, workspace
from ._result import middle, print_result

POINTS = 1_000_000
SCRIPT = """
import time
from azureml.core import Run
run = Run.get_context()
log = run.log
began = time.time()
for step in range({points}):
    log({name}, step * 0.123456789, step=step)
run.tag("began", repr(began))
"""


def points_s(name: str, points: int = POINTS) -> float:
    """Points a second from the first call of ``log`` until the last point can be read."""
    with workspace() as made, tempfile.TemporaryDirectory() as folder:
        script = SCRIPT.format(points=points, name=name)
        run = Experiment(made, "bench").submit(config(Path(folder), script))
        store = made.store
        while sum(store.metric_names(run.id).values()) < points:
            assert store.run(run.id).status not in ("Failed", "Canceled"), run.get_details()["error"]
            time.sleep(0.005)
        seconds = time.time() - float(store.tags(run.id).get("began") or _began(run))
        run.wait_for_completion()
        assert sum(store.metric_names(run.id).values()) == points
        return points / seconds


def _began(run: ScriptRun) -> str:
    while not (found := run.get_tags().get("began")):
        time.sleep(0.001)
    return found


def main() -> None:
    """Measure one metric, and ten in turn."""
    one = [points_s('"loss"') for _ in range(3)]
    ten = [points_s('"metric %d" % (step % 10)')]
    thousand = [points_s('"metric %d" % (step % 1000)')]
    load = os.getloadavg()[0]
    print_result(
        "ingest",
        middle(one),
        "points/s",
        extra={"best": max(one), "10 names": middle(ten), "1000 names": middle(thousand), "load": load},
    )


if __name__ == "__main__":
    main()
