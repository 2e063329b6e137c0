"""100,000 lines from a container to our log file and a cursor reader, against a raw attach that only counts them."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from jupyter_amltrain import Experiment
from jupyter_amltrain.runs.folder import DRIVER_LOG
from jupyter_amltrain.runs.follow import follow

from ._bench import IMAGE, NETWORK, config, workspace
from ._result import middle, print_result

LINES = 100_000
SCRIPT = f"""
import sys
for number in range({LINES}):
    sys.stdout.write("line %6d of a training script that says rather a lot, 69 bytes long\\n" % number)
"""


def ours_lines_s() -> float:
    """Lines a second from the first byte read to the last, in the notebook's hands."""
    with workspace() as made, tempfile.TemporaryDirectory() as folder:
        run = Experiment(made, "bench").submit(config(Path(folder), SCRIPT))
        began, last, lines = 0.0, 0.0, 0
        for update in follow(made.store, made.run_folder(run.id), run.id):
            if update.log == DRIVER_LOG:
                began = began or time.perf_counter()
                lines += update.data.count(b"\n")
                last = time.perf_counter()
        assert lines == LINES, lines
        return LINES / (last - began)


def bare_lines_s() -> float:
    """The same for ``docker run``, whose client attaches."""
    command = ["docker", "run", "--rm", "--network", NETWORK, "--log-driver", "local", IMAGE, "python", "-c", SCRIPT]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        data = process.stdout.read1(1 << 20)
        began, lines = time.perf_counter(), data.count(b"\n")
        while data := process.stdout.read1(1 << 20):
            lines += data.count(b"\n")
        assert lines == LINES, lines
        return LINES / (time.perf_counter() - began)


def main() -> None:
    """Measure in turn."""
    ours, bare = [], []
    for _ in range(5):
        bare.append(bare_lines_s())
        ours.append(ours_lines_s())
    print_result(
        "log_storm", middle(ours), "lines/s", baseline=middle(bare), extra={"best": max(ours), "worst": min(ours)}
    )


if __name__ == "__main__":
    main()
