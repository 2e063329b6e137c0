"""States of runs as a view gets them."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from jupyter_amltrain.runs.run_state import Cause, Failure, Frame, LogFile, Option, Phase, RunState

LOG = "azureml-logs/70_driver_log.txt"


def running(**changes: Any) -> dict[str, Any]:
    """A run that has been going for four minutes."""
    now = time.time()
    begun = now - 252
    state = RunState(
        run_id="fastai-custom-image_1790000000_3fa2b1c4",
        number=3,
        experiment="fastai-custom-image",
        display_name="",
        status="Running",
        reason="",
        target="gpu-cluster",
        engine="docker",
        nodes=1,
        now=now,
        created=begun - 0.5,
        started=begun,
        ended=None,
        environment="fastai2:4",
        image="amltrain/fastai2:9c1e",
        gpus=("0",),
        isolated=True,
        script="train.py",
        from_cell=False,
        arguments=("--epochs", "5"),
        parameters=(("n_epoch", "5"), ("wd", "0.01")),
        tags=(("model", "resnet34"),),
        phases=(
            Phase("snapshot", "done", begun - 0.5, begun - 0.4),
            Phase("image", "done", begun - 0.4, begun - 0.35, "cached"),
            Phase("queue", "done", begun - 0.35, begun - 0.3),
            Phase("start", "done", begun - 0.3, begun),
            Phase("run", "now", begun),
            Phase("finalise", "todo"),
        ),
        logs=(LogFile("azureml-logs/20_image_build_log.txt", 2000), LogFile(LOG, 400)),
        output_count=3,
        output_bytes=120_000_000,
        can_cancel=True,
        can_rerun=True,
    )
    return {**asdict(state), **changes}


def failed() -> dict[str, Any]:
    """A run that was killed for memory."""
    failure = Failure(
        title="The job was killed for memory: it reached its limit of 8.0 GB.",
        exit_code=137,
        exit_words="exit code 137, SIGKILL",
        frames=(
            Frame("train.py", 41, "main", "dls = ImageDataLoaders.from_name_func(path, files, bs=256)", True, None),
            Frame("lib/data.py", 7, "load", "return [open(file) for file in files]", True, 12),
        ),
        last_lines=("epoch     train_loss", "Killed"),
        causes=(
            Cause(
                "It needs more memory than the target gives, or smaller batches.",
                (Option("Rerun with --shm 8g", "rerun", ("--shm", "8g")), Option("Copy", "copy", text="pip install x")),
            ),
        ),
    )
    state = running(status="Failed", can_cancel=False, failure=asdict(failure), reason="killed for memory")
    state["ended"] = state["now"]
    state["phases"][4].update(state="failed", end=state["now"])
    return state
