"""A training loop of fastai with our callback and without it, in turn in one process, in the image of the notebook.

Batches are small, as in a hurried example: beside a larger network it would be less.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_amltrain import Environment

from ._bench import NETWORK
from ._environments import prepared
from ._result import middle, print_result

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
ROOT = Path(__file__).parents[1]
RECORD = b"\x1b_amltrain;"

SCRIPT = f"""
import json, time, torch
from fastai.basics import *
torch.set_num_threads(1)
torch.manual_seed(0)
batches = [(torch.rand(32, 64), torch.rand(32, 1)) for _ in range(40)]
loaders = DataLoaders(*(torch.utils.data.DataLoader(batches, batch_size=None) for _ in "tv"))
network = torch.nn.Sequential(
    torch.nn.Linear(64, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 1)
)
learner = Learner(loaders, network, loss_func=torch.nn.functional.mse_loss)
ours = learner.run_metrics
took = {{"with": [], "without": []}}
with learner.no_logging():
    for _ in range({ROUNDS}):
        for how in took:
            if how == "without":
                learner.remove_cb(ours)
            began = time.perf_counter()
            learner.fit(1)
            took[how].append((time.perf_counter() - began) / 80)
        learner.add_cb(ours)
print()
print(json.dumps(took))
"""


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
    took = json.loads(done.stdout.splitlines()[-1])
    extra = {"best": min(took["with"]), "best_without": min(took["without"]), "records": done.stdout.count(RECORD)}
    print_result("autolog_overhead", middle(took["with"]), "s", baseline=middle(took["without"]), extra=extra)


if __name__ == "__main__":
    main()
