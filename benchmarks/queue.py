"""How much 1,000 past runs in the store slow a submit down."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_amltrain import Experiment, ScriptRunConfig, Workspace
from jupyter_amltrain.runs.record import NewPoint, Position

from ._bench import TARGET, config, workspace
from ._result import middle, print_result

PAST = 1000


def main() -> None:
    """Submit to full targets, so that only entering the run is measured: in a new workspace and an old one, in turn."""
    with workspace() as new, tempfile.TemporaryDirectory() as folder:
        asked = config(Path(folder), "print('hello')\n")
        old = Workspace.create("old", show_output=False)
        old.store.save_target(TARGET, new.store.get_target(TARGET) or {})
        for made in (new, old):
            made.store.add_run(f"holds-the-slot-of-{made.name}", **_entry("running"))
        for number in range(PAST):
            run = old.store.add_run(f"past_{number}", **_entry("past"))
            old.store.take_in(run, Position(), [NewPoint("loss", "scalar", 0.1, None, 0.0, 0)] * 100)
            old.store.move(run.id, "Completed")
        submit_s(new, asked), submit_s(old, asked)
        pairs = [(submit_s(new, asked), submit_s(old, asked)) for _ in range(60)]
    empty, full = middle([pair[0] for pair in pairs]), middle([pair[1] for pair in pairs])
    extra = {"past_runs": PAST, "slower_percent": 100 * (full / empty - 1)}
    print_result("queue", full, "s", baseline=empty, extra=extra)


def submit_s(made: Workspace, asked: ScriptRunConfig) -> float:
    """Seconds for one submit; the run waits and is canceled."""
    began = time.perf_counter()
    run = Experiment(made, "bench").submit(asked)
    seconds = time.perf_counter() - began
    run.cancel()
    return seconds


def _entry(name: str) -> dict[str, Any]:
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
