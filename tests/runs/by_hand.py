"""Runs that were entered by hand: rows in the store and files in the run's folder, no process."""

from __future__ import annotations

from typing import Any

from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.runs.folder import code_folder, make_run_folder
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.submission.job import RunDefinition
from jupyter_amltrain.workspace import Workspace


def enter_run(
    workspace: Workspace,
    run_id: str = "pets_1_a",
    status: str = "",
    log: bytes | None = None,
    experiment: str = "pets",
    max_nodes: int = 10,
    notes: tuple[str, ...] = (),
    tags: dict[str, str | None] | None = None,
    **fields: Any,
) -> ScriptRun:
    """Enter a run, with the given text in its driver log, and move it to ``status``."""
    definition = RunDefinition(
        experiment=experiment,
        target="gpu-cluster",
        engine="scripted",
        environment=Environment("fastai2")._to_spec(),
        source_directory="/src",
        snapshot_id="5" * 8,
        script="train.py",
        arguments=("--lr", "0.1"),
    )
    folder = workspace.run_folder(run_id)
    make_run_folder(folder)
    (code_folder(folder) / "outputs").mkdir(parents=True)
    workspace.store.add_run(
        run_id,
        experiment=experiment,
        target="gpu-cluster",
        engine="scripted",
        nodes=1,
        max_nodes=max_nodes,
        definition=definition.to_json(),
        snapshot={"notes": list(notes)},
        tags=tags,
        properties={"ContentSnapshotId": "5" * 8},
    )
    workspace.store.ensure_experiment(experiment)
    if log is not None:
        (folder / "azureml-logs/70_driver_log.txt").write_bytes(log)
    if status:
        workspace.store.move(run_id, status, **fields)
    return ScriptRun(Experiment(workspace, experiment), run_id)
