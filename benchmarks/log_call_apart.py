"""Microseconds of one ``run.log`` where the script computes or waits between calls, against the same as ``log_call``.

Between two steps of a training nothing of a logger is left in the processor's caches, and whoever reads its output has
gone to sleep: a call costs a multiple of what it does in a tight loop.
"""

from __future__ import annotations

from ._result import print_result
from .log_call import others, ours

LOOP = """
import sys, time

def compute(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        sum(i * i for i in range(200))

ways = (("work_1_ms", compute, 0.001), ("work_5_ms", compute, 0.005), ("sleep_5_ms", time.sleep, 0.005))
for how, pause, gap in ways:
    seconds = 0
    for step in range(400):
        pause(gap)
        began = time.perf_counter()
        log("paced", step * 0.123456789, step)
        seconds += time.perf_counter() - began
    print(how, seconds / 400 * 1e6, file=sys.stderr)
"""


def main() -> None:
    """Measure ours several times and each of the others once; the figure is that of 5 ms of work."""
    found = ours(LOOP)
    known = others(LOOP)
    print_result(
        "log_call_apart",
        found.pop("work_5_ms"),
        "µs",
        baseline=min((one["work_5_ms"] for one in known.values()), default=None),
        extra={**found, **{f"{name} {how}": value for name, one in known.items() for how, value in one.items()}},
    )


if __name__ == "__main__":
    main()
