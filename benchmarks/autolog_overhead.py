"""By how much our callback slows fastai down: pairs of epochs with it and without it, in the image of the notebook.

A convolutional network with some 25 ms a batch, small as trainings go: beside a larger one it would be less. A pair is
four short epochs, with ours first and last or in the middle, as it is drawn, so that a machine that gets faster or
slower meanwhile does no harm. What is shown is the median of the pairs' ratios with its 95 % confidence interval
(bootstrap), of wall time and of the processor time of the whole process, and how much of the time is spent in our hook.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from jupyter_amltrain import Environment

from ._bench import NETWORK
from ._environments import prepared
from ._result import print_result

TRAINING, VALIDATION = 8, 2
BATCHES = TRAINING + VALIDATION
PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 150
RESAMPLES = 2000
ROOT = Path(__file__).parents[1]
RECORD = b"\x1b_amltrain;"

SCRIPT = f"""
import json, random, time, torch
from fastai.basics import *
torch.set_num_threads(1)
torch.manual_seed(0)
batches = [(torch.rand(16, 3, 64, 64), torch.randint(0, 2, (16,))) for _ in range({TRAINING})]
loaders = DataLoaders(*(torch.utils.data.DataLoader(batches[:n], batch_size=None) for n in ({TRAINING}, {VALIDATION})))
layers = [torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 3, stride=2, padding=1)]
layers += [torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 2)]
learner = Learner(loaders, torch.nn.Sequential(*layers), loss_func=torch.nn.functional.cross_entropy, metrics=accuracy)
ours, hook, inside = learner.run_metrics, type(learner.run_metrics).__call__, [0.0]


def epoch(with_ours):
    if not with_ours:
        learner.remove_cb(ours)
    wall, cpu = time.perf_counter(), time.process_time()
    learner.fit(1)
    took = time.perf_counter() - wall, time.process_time() - cpu
    if not with_ours:
        learner.add_cb(ours)
    return took


def timed_hook(self, event_name):
    began = time.perf_counter()
    hook(self, event_name)
    inside[0] += time.perf_counter() - began


pairs = []
with learner.no_logging():
    epoch(True), epoch(False)
    for _ in range({PAIRS}):
        outer = random.choice([True, False])
        took = dict([(True, [0.0, 0.0]), (False, [0.0, 0.0])])
        for with_ours in (outer, not outer, not outer, outer):
            took[with_ours] = [sum(both) for both in zip(took[with_ours], epoch(with_ours))]
        pairs.append((took[True], took[False]))
    type(ours).__call__ = timed_hook
    hooked = sum(epoch(True)[0] for _ in range(10))
print()
print(json.dumps(dict(pairs=pairs, inside=inside[0] / hooked)))
"""


def overhead(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Percent by which the first of each pair is more than the second: the median, and where it may lie."""
    ratios = [100 * (of_ours / plain - 1) for of_ours, plain in pairs]
    medians = sorted(median(random.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return {"median": median(ratios), "low": medians[RESAMPLES // 40], "high": medians[-RESAMPLES // 40]}


def main() -> None:
    """Measure, and see that something was logged."""
    environment = Environment.from_dockerfile("pets", ROOT / "notebooks" / "fastai-pets" / "Dockerfile")
    image, _ = prepared(environment)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "train.py").write_text(SCRIPT)
        done = subprocess.run(
            ["docker", "run", "--rm", "--network", NETWORK, "--volume", f"{folder}:/work", "--workdir", "/work"]
            + ["--volume", f"{ROOT / 'jupyter_amltrain' / 'job'}:/job:ro", "--env", "AMLTRAIN_RUN_ID=bench_1"]
            + [image.reference, "python3", "/job/launch.py", "train.py"],
            stdout=subprocess.PIPE,
            check=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    wall, cpu = (overhead([(ours[at], plain[at]) for ours, plain in found["pairs"]]) for at in (0, 1))
    print_result(
        "autolog_overhead",
        wall["median"],
        "%",
        extra={
            **{f"wall_{name}": wall[name] for name in ("low", "high")},
            **{f"cpu_{name}": value for name, value in cpu.items()},
            "in_hook": 100 * found["inside"],
            "batch_s": median(plain[0] for _, plain in found["pairs"]) / 2 / BATCHES,
            "pairs": len(found["pairs"]),
            "records": done.stdout.count(RECORD),
        },
    )


if __name__ == "__main__":
    main()
