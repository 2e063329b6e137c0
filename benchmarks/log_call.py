"""Microseconds of one ``run.log`` in a job's script, against MLflow, trackio and Weights & Biases (offline).

The others are installed into a virtual environment that is kept in the cache folder; where that does not work, they
are left out with the reason. All write to a disk of this machine; ours writes to a pipe that somebody reads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ._result import middle, print_result

JOB = Path(__file__).parents[1] / "jupyter_amltrain" / "job"
OTHERS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "amltrain-bench-loggers"

LOOP = """
import sys, time
began = time.perf_counter()
for step in range(CALLS):
    log("loss", step * 0.123456789, step)
seconds = time.perf_counter() - began
print("US", seconds / CALLS * 1e6, file=sys.stderr)
"""
OURS = "from azureml.core import Run\nrun = Run.get_context()\ndef log(n, v, s): run.log(n, v, step=s)\n"
SCRIPTS = {
    "mlflow": (
        "import mlflow\nmlflow.set_tracking_uri('sqlite:///runs.db')\nmlflow.start_run()\n"
        "def log(n, v, s): mlflow.log_metric(n, v, step=s)\n",
        200,
    ),
    "trackio": (
        "import trackio\ntrackio.init(project='bench')\ndef log(n, v, s): trackio.log({n: v}, step=s)\n",
        2000,
    ),
    "wandb": (
        "import wandb\nrun = wandb.init(mode='offline', project='bench', settings=wandb.Settings(silent=True))\n"
        "def log(n, v, s): run.log({n: v}, step=s)\n",
        2000,
    ),
}


def figures(python: str, script: str, launcher: list[str]) -> dict[str, float]:
    """Microseconds that a script says, by name; somebody reads its output meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "train.py").write_text(script)
        environment = {**os.environ, "HOME": folder, "TRACKIO_DIR": folder, "WANDB_DIR": folder}
        if launcher:
            environment["AMLTRAIN_RUN_ID"] = "bench"
        command = [python, *launcher, "train.py"]
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            _, said = process.communicate(timeout=300)
    found = {words[0]: float(words[1]) for line in said.splitlines() if len(words := line.split()) == 2}
    if not found:
        raise RuntimeError(said.strip().splitlines()[-1] if said.strip() else "it said nothing")
    return found


def ours(loop: str) -> dict[str, float]:
    """Microseconds that the loop says with our ``log``, the middle of five rounds."""
    found = [figures(sys.executable, OURS + loop, [str(JOB / "launch.py")]) for _ in range(5)]
    return {name: middle([one[name] for one in found]) for name in found[0]}


def others(loop: str) -> dict[str, dict[str, float]]:
    """Microseconds that the loop says with the ``log`` of each other package that can be had."""
    return {name: found for name in SCRIPTS if (found := other(name, loop))}


def other(name: str, loop: str) -> dict[str, float]:
    """Microseconds that the loop says with another package; nothing where it cannot be had."""
    folder = OTHERS / name
    python = folder / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", name]
        subprocess.run(command, check=True, capture_output=True, timeout=400)
        setup, calls = SCRIPTS[name]
        return figures(str(python), setup + loop.replace("CALLS", str(calls)), [])
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        detail = (getattr(error, "stderr", None) or b"").decode()[-300:] or str(error)
        print(f"{name} is left out: {detail.strip()}")
        return {}


def main() -> None:
    """Measure ours several times and each of the others once."""
    value = ours(LOOP.replace("CALLS", "200_000"))["US"]
    known = {name: found["US"] for name, found in others(LOOP).items()}
    print_result("log_call", value, "µs", baseline=min(known.values(), default=None), extra=known)


if __name__ == "__main__":
    main()
