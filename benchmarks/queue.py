"""How much 1,000 past runs in the store slow a submit down."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from jupyter_amltrain import Experiment
from jupyter_amltrain.runs.record import NewPoint, Position

from ._bench import TARGET, config, workspace
from ._result import middle, print_result

PAST = 1000


def main() -> None:
    """Submit to a full target, so that only entering the run is measured: before and after the history grew."""
    with workspace() as made, tempfile.TemporaryDirectory() as folder:
        asked = config(Path(folder), "print('hello')\n")
        made.store.add_run("holds-the-slot", **_entry("running"))
        submit_s(made, asked)
        empty = [submit_s(made, asked) for _ in range(40)]
        for number in range(PAST):
            run = made.store.add_run(f"past_{number}", **_entry("past"))
            made.store.take_in(run, Position(), [NewPoint("loss", "scalar", 0.1, None, 0.0, 0)] * 100)
            made.store.move(run.id, "Completed")
        full = [submit_s(made, asked) for _ in range(40)]
    slower = 100 * (middle(full) / middle(empty) - 1)
    print_result(
        "queue", middle(full), "s", baseline=middle(empty), extra={"past_runs": PAST, "slower_percent": slower}
    )


def submit_s(made: object, asked: object) -> float:
    """Seconds for one submit; the run waits and is canceled."""
    began = time.perf_counter()
    run = Experiment(made, "bench").submit(asked)
    seconds = time.perf_counter() - began
    run.cancel()
    return seconds


def _entry(name: str) -> dict[str, object]:
    return {
        "experiment": name,
        "target": TARGET,
        "engine": "scripted",
        "nodes": 1,
        "max_nodes": 1,
        "definition": {},
        "snapshot": {},
    }


if __name__ == "__main__":
    main()
