"""Cancel of a plain Python script, from ``run.cancel()`` to the state Canceled, against ``docker stop``."""

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

SCRIPT = """
import time
try:
    print("running", flush=True)
    time.sleep(60)
finally:
    print("finally", flush=True)
"""


def main() -> None:
    """Measure in turn; docker stop is cut at one second of patience, as it would take ten."""
    ours, bare, finals = [], [], 0
    with workspace() as made, tempfile.TemporaryDirectory() as folder:
        asked = config(Path(folder), SCRIPT)
        for _ in range(7):
            run = Experiment(made, "bench").submit(asked)
            began, log = 0.0, b""
            for update in follow(made.store, made.run_folder(run.id), run.id):
                if update.log == DRIVER_LOG:
                    log += update.data
                    if not began:
                        began = time.perf_counter()
                        run.cancel()
            ours.append(time.perf_counter() - began)
            finals += b"finally" in log
            bare.append(bare_stop_s())
    print_result("cancel", middle(ours), "s", baseline=middle(bare), extra={"worst": max(ours), "finally_ran": finals})


def bare_stop_s() -> float:
    """``docker stop`` of the same program without an init process."""
    command = ["docker", "run", "-d", "--rm", "--network", NETWORK, IMAGE, "python", "-c", SCRIPT]
    container = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    time.sleep(0.5)
    began = time.perf_counter()
    subprocess.run(["docker", "stop", "-t", "10", container], check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
