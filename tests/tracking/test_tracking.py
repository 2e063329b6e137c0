"""A notebook's own MLflow, 2.22 and 3, with a workspace as its tracking server and registry."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest

from engine.frameworks import MLFLOW, mlflow_python
from jupyter_amltrain import Experiment, Model, Workspace

ROOT = Path(__file__).parents[2]

LOG = """
import sys
import mlflow
from mlflow import MlflowClient
from sklearn.linear_model import LinearRegression

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("flow")
with mlflow.start_run(run_name="first", description="about it") as run:
    for step in range(5):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metric("odd", float("nan"))
    mlflow.log_params({"alpha": 1, "long": "x" * 3000})
    mlflow.set_tag("who", "me")
    mlflow.set_tag("gone", "me")
    mlflow.delete_tag("gone")
    mlflow.log_text("first", "texts/a.txt")
    mlflow.log_text("second", "texts/a.txt")
    for fold in range(2):
        with mlflow.start_run(nested=True, run_name="fold %d" % fold):
            mlflow.log_metric("fold loss", fold)
            mlflow.log_text("fold", "fold.txt")
    model = LinearRegression().fit([[0], [1]], [0, 1])
    mlflow.sklearn.log_model(model, "model", pip_requirements=[], registered_model_name="line")

for uri in ("runs:/%s/model" % run.info.run_id, "models:/line/1"):
    assert abs(mlflow.sklearn.load_model(uri).predict([[2]])[0] - 2) < 1e-6
try:
    with mlflow.start_run(run_name="fails"):
        raise ZeroDivisionError
except ZeroDivisionError:
    pass
mlflow.sklearn.autolog(log_models=False, log_datasets=False)
with mlflow.start_run(run_name="automatic"):
    LinearRegression().fit([[0], [1]], [0, 1])
with mlflow.start_run(experiment_id="0", run_name="default"):
    pass
"""

READ = """
import sys
import mlflow
from mlflow import MlflowClient

mlflow.set_tracking_uri(sys.argv[1])
submitted = sys.argv[2]
client = MlflowClient()
run = client.get_run(submitted)
assert (run.info.status, run.info.run_name) == ("FINISHED", "by the SDK"), run.info
assert run.data.metrics == {"loss": 0.25}, run.data.metrics
assert run.data.tags["who"] == "sdk"
assert [(metric.step, metric.value) for metric in client.get_metric_history(submitted, "loss")] == [(0, 0.5), (1, 0.25)]
assert [item.path for item in client.list_artifacts(submitted)] == ["outputs"]
assert [(item.path, item.file_size) for item in client.list_artifacts(submitted, "outputs")] == [("outputs/a.txt", 1)]
assert open(mlflow.artifacts.download_artifacts("runs:/%s/outputs/a.txt" % submitted)).read() == "a"
found = mlflow.search_runs(experiment_names=["sdk"], filter_string="metrics.loss < 0.3 and tags.who = 'sdk'")
assert list(found["run_id"]) == [submitted]
assert "sdk" in [experiment.name for experiment in client.search_experiments()]

# What the SDK registered has the same versions here, and the other way round.
made = client.create_model_version("files", "runs:/%s/outputs" % submitted, submitted, tags={"stage": "try"})
assert (str(made.version), made.run_id) == ("2", submitted), made
assert sorted(str(one.version) for one in client.search_model_versions("name = 'files'")) == ["1", "2"]
client.set_registered_model_alias("files", "best", "1")
assert str(client.get_model_version_by_alias("files", "best").version) == "1"

client.log_metric(submitted, "later", 3)
client.log_param(submitted, "alpha", 1)
for mistake in (
    lambda: client.log_param(submitted, "alpha", 2),
    lambda: mlflow.set_experiment("no such/name"),
    lambda: client.get_run("nowhere"),
    lambda: client.download_artifacts(submitted, "../../workspace.json"),
    lambda: client.delete_experiment(run.info.experiment_id),
):
    try:
        mistake()
    except Exception as error:
        assert type(error).__name__ in ("MlflowException", "UserErrorException"), repr(error)
    else:
        raise AssertionError("went through")
client.set_terminated(submitted, "FAILED")
client.delete_run(submitted)
assert not len(mlflow.search_runs(experiment_names=["sdk"]))
client.restore_run(submitted)
assert len(mlflow.search_runs(experiment_names=["sdk"])) == 1
"""


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.create("tracked", show_output=False)


@pytest.fixture(params=sorted(MLFLOW))
def mlflow(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return mlflow_python(request.param)


def run(python: Path, script: str, folder: Path, *arguments: str) -> None:
    """Run a script as one of a notebook's environment in which our package is installed."""
    installed = folder / "installed" / "jupyter_amltrain-0.dist-info"
    installed.mkdir(parents=True, exist_ok=True)
    entry_points = distribution("jupyter_amltrain").read_text("entry_points.txt")
    assert entry_points
    (installed / "entry_points.txt").write_text(entry_points)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: jupyter_amltrain\nVersion: 0\n")
    done = subprocess.run(
        [str(python), "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{installed.parent}"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_mlflow_logs_is_in_the_workspace(mlflow: Path, workspace: Workspace, tmp_path: Path) -> None:
    run(mlflow, LOG, tmp_path, workspace.get_mlflow_tracking_uri())
    runs = {found.display_name: found for found in Experiment(workspace, "flow").get_runs()}
    assert {name: found.get_status() for name, found in runs.items()} == {
        "first": "Completed",
        "fails": "Failed",
        "automatic": "Completed",
    }
    first = runs["first"]
    assert first.get_metrics()["loss"] == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert first.get_metrics()["odd"] != first.get_metrics()["odd"]
    assert [point.step for point in workspace.store.points(first.id, name="loss")] == [0, 1, 2, 3, 4]
    assert first.get_params() == {"alpha": "1", "long": "x" * 3000}
    assert (first.get_tags(), first.description) == ({"who": "me"}, "about it")
    assert {"texts/a.txt", "model/MLmodel"} <= set(first.get_file_names())
    first.download_file("texts/a.txt", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "second"
    folds = sorted(first.get_children(), key=lambda child: child.display_name or "")
    assert [(fold.display_name, fold.get_metrics(), fold.get_file_names()) for fold in folds] == [
        ("fold 0", {"fold loss": 0}, ["fold.txt"]),
        ("fold 1", {"fold loss": 1}, ["fold.txt"]),
    ]
    assert "training_r2_score" in runs["automatic"].get_metrics()
    assert [found.display_name for found in Experiment(workspace, "Default").get_runs()] == ["default"]
    assert [(model.id, model.run_id) for model in Model.list(workspace)] == [("line:1", first.id)]
    assert (Path(Model(workspace, "line").download(tmp_path)) / "MLmodel").is_file()


def test_mlflow_finds_what_the_workspace_has(mlflow: Path, workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    Model.register(workspace, tmp_path / "a.txt", "files")
    with Experiment(workspace, "sdk").start_logging(display_name="by the SDK", snapshot_directory=None) as logged:
        logged.log("loss", 0.5)
        logged.log("loss", 0.25)
        logged.log("word", "text")
        logged.tag("who", "sdk")
        logged.upload_file("outputs/a.txt", str(tmp_path / "a.txt"))
    run(mlflow, READ, tmp_path, workspace.get_mlflow_tracking_uri(), logged.id)
    assert (logged.get_metrics()["later"], logged.get_params()) == (3, {"alpha": "1"})
    assert logged.get_status() == "Completed"
    newest = Model(workspace, "files")
    assert (newest.version, newest.run_id, newest.tags) == (2, logged.id, {"stage": "try"})
    assert (Path(newest.download(tmp_path / "model")) / "a.txt").read_text() == "a"


def test_a_wrong_address_is_told(mlflow: Path, tmp_path: Path) -> None:
    run(
        mlflow,
        "import mlflow\nmlflow.set_tracking_uri('amltrain:///nowhere')\n"
        "try:\n    mlflow.search_experiments()\n"
        "except mlflow.MlflowException as error:\n    assert 'no workspace in /nowhere' in str(error), error\n"
        "else:\n    raise AssertionError\n",
        tmp_path,
    )
