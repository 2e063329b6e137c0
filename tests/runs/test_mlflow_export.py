"""Runs copied to a real MLflow store, and read back from it by MLflow itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from engine.frameworks import frameworks_python
from jupyter_amltrain import Experiment, Workspace
from jupyter_amltrain.errors import UserErrorException
from jupyter_amltrain.runs.mlflow_export import export_runs
from jupyter_amltrain.runs.record import NewPoint

ROOT = Path(__file__).parents[2]

EXPORT = """
import json, sys
from pathlib import Path
from jupyter_amltrain.runs.mlflow_export import export_runs
from jupyter_amltrain.runs.store import Store

folder, uri = Path(sys.argv[1]), sys.argv[2]
store, told = Store(folder), []
runs = [run for run in store.runs() if not run.parent]
copied = [export_runs(store, folder, runs, uri, told.append) for _ in range(2)]

import mlflow
client = mlflow.MlflowClient(uri)
experiment = client.get_experiment_by_name("copied")
found = {run.data.tags["amltrain.run"]: run for run in client.search_runs([experiment.experiment_id])}
print(json.dumps({
    "copied": copied,
    "told": told,
    "runs": {
        name: {
            "status": run.info.status,
            "name": run.info.run_name,
            "tags": {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
            "loss": [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, "loss")],
            "system": {
                name: len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics if "/" in name
            },
            "last": run.data.metrics,
            "files": [item.path for item in client.list_artifacts(run.info.run_id, "outputs")],
            "parent": run.data.tags.get("mlflow.parentRunId") in {r.info.run_id for r in found.values()},
        }
        for name, run in found.items()
    },
}))
"""


def test_runs_are_copied_once_with_everything(workspace: Workspace, tmp_path: Path) -> None:
    experiment = Experiment(workspace, "copied")
    run = experiment.start_logging(display_name="first", snapshot_directory=None)
    for value in (0.5, 0.25):
        run.log("loss", value)
    run.log_list("no number", ["a", "b"])
    run.tag("who", "me")
    (tmp_path / "model.pkl").write_text("model")
    run.upload_file("outputs/model.pkl", str(tmp_path / "model.pkl"))
    used = {"memory": 3e6, "cpu": 250.0, "gpu/1": 50.0, "gpu/1/memory": 2e9}
    points = [
        NewPoint(f"system/{name}", "scalar", value, None, second, 0, source="system")
        for second in range(2000)
        for name, value in used.items()
    ]
    workspace.store.add_points(workspace.store.run(run.id), points)
    child = run.child_run("fold")
    child.log("loss", 7)
    child.complete()
    run.complete()
    going = experiment.start_logging(snapshot_directory=None)

    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = subprocess.run(
        [str(frameworks_python()), "-c", EXPORT, str(workspace.folder), address],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["copied"] == [1, 0]
    assert f"{run.id} is there already." in found["told"]
    assert f"{going.id} is not over and was passed over." in found["told"]
    assert set(found["runs"]) == {run.id, child.id}
    own, below = found["runs"][run.id], found["runs"][child.id]
    assert (own["status"], own["name"], own["tags"]["who"]) == ("FINISHED", "first", "me")
    assert own["loss"] == [[0, 0.5], [1, 0.25]]
    assert own["files"] == ["outputs/model.pkl"]
    assert own["last"] == {
        "loss": 0.25,
        "system/system_memory_usage_megabytes": 3.0,
        "system/cpu": 250.0,
        "system/gpu_1_utilization_percentage": 50.0,
        "system/gpu_1_memory_usage_megabytes": 2000.0,
    }
    assert {count <= 1500 for count in own["system"].values()} == {True}
    assert (below["loss"], below["parent"]) == ([[0, 7]], True)
    going.complete()


def test_without_mlflow_it_says_what_to_install(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(UserErrorException, match="pip install mlflow"):
        export_runs(workspace.store, workspace.folder, [], "sqlite://", print)
