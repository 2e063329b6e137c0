"""What scripts log through stock MLflow, 2 and 3, in real containers: one run, this one, with everything in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_amltrain import Environment, Experiment, Model, RunConfiguration, ScriptRunConfig, Workspace
from jupyter_amltrain.runs.run import ScriptRun

BASE = "python-base:1"
FRAMEWORKS = ("scikit-learn", "xgboost-cpu", "lightgbm", "matplotlib")
PACKAGES = {
    "2.22": ("mlflow==2.22.*", *FRAMEWORKS),
    "3": ("mlflow>=3", *FRAMEWORKS),
}

SCRIPT = """
import os, subprocess, sys
import mlflow
from mlflow import MlflowClient

print("mlflow", mlflow.__version__, mlflow.get_tracking_uri())

# By module, before any run was begun.
mlflow.log_metric("module level", 1.5)
mlflow.log_params({"p": 3, "long": "x" * 5000})
mlflow.set_tag("who", "module")
mlflow.end_run()

# Another experiment and a name do not make another run.
mlflow.set_experiment("another one")
with mlflow.start_run(run_name="given name", description="about it") as run:
    assert run.info.run_id == os.environ["AMLTRAIN_RUN_ID"], run.info.run_id
    for step in range(5):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metric("odd", float("nan"))
    mlflow.log_text("hello", "texts/a.txt")
    open("plain.txt", "w").write("plain")
    mlflow.log_artifact("plain.txt")
    for number in range(2):
        with mlflow.start_run(nested=True, run_name="fold %d" % number) as fold:
            mlflow.log_metric("fold loss", number)
            mlflow.log_param("fold", number)
            mlflow.log_text("fold", "fold.txt")
            assert mlflow.get_run(fold.info.run_id).data.params == {"fold": str(number)}

# What a script thinks of as one run for each value is this one.
for alpha in (1, 2):
    with mlflow.start_run():
        mlflow.log_param("alpha", alpha)
        mlflow.log_metric("score", alpha / 10)

client = MlflowClient()
made = client.create_run("0")
client.log_metric(made.info.run_id, "by client", 9)
client.set_tag(made.info.run_id, "gone", 1)
client.delete_tag(made.info.run_id, "gone")
client.set_terminated(made.info.run_id)
assert client.get_run(made.info.run_id).info.status == "RUNNING"
history = client.get_metric_history(made.info.run_id, "loss")
assert [metric.value for metric in history] == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5], history
assert set(mlflow.search_runs(output_format="pandas")["run_id"]) > {made.info.run_id}

for number in range(2):
    subprocess.run([sys.executable, "-c", "import mlflow; mlflow.log_metric('in a process', %d)" % number], check=True)
"""

AUTOLOG = """
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import lightgbm, xgboost

features, labels = load_iris(return_X_y=True)
for flavour in (mlflow.sklearn, mlflow.xgboost, mlflow.lightgbm):
    flavour.autolog(log_models=False, log_datasets=False)

# xgboost and lightgbm open the run and end it; what follows must not go to a second one.
xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(features, label=labels), 3,
              evals=[(xgboost.DMatrix(features, label=labels), "test")])
mlflow.log_metric("after xgboost", 1)
lightgbm.train({"objective": "multiclass", "num_class": 3, "verbose": -1}, lightgbm.Dataset(features, label=labels), 3,
               valid_sets=[lightgbm.Dataset(features, label=labels)], valid_names=["valid"])
mlflow.log_metric("after lightgbm", 1)
model = LogisticRegression(max_iter=200).fit(features, labels)
mlflow.log_metric("after sklearn", 1)
mlflow.sklearn.log_model(model, "model", pip_requirements=[], registered_model_name="iris")
again = mlflow.sklearn.load_model("models:/iris/1")
assert (again.predict(features) == model.predict(features)).all()
"""

MODELS = """
import os, pathlib
import mlflow
from sklearn.linear_model import LinearRegression

model = LinearRegression().fit([[0], [1]], [0, 1])
mlflow.sklearn.log_model(model, "model", pip_requirements=[], registered_model_name="line")
mlflow.sklearn.save_model(model, "saved", pip_requirements=[])
saved = mlflow.register_model(pathlib.Path("saved").absolute().as_uri(), "line", tags={"from": "a folder"})
assert str(saved.version) == "3", saved
unfit = mlflow.register_model("runs:/%s/model" % os.environ["AMLTRAIN_RUN_ID"], "not for Azure!")
for address in "models:/line/2", "models:/line/3", "models:/line/latest", "models:/%s/1" % unfit.name:
    assert abs(mlflow.sklearn.load_model(address).predict([[2]])[0] - 2) < 1e-6
assert open(mlflow.artifacts.download_artifacts("models:/line/1") + "/model.txt").read() == "of the workspace"
client = mlflow.MlflowClient()
assert sorted(str(one.version) for one in client.search_model_versions("name = 'line'")) == ["1", "2", "3"]
client.set_registered_model_alias("line", "best", "2")
assert str(client.get_model_version_by_alias("line", "best").version) == "2"
for forbidden in (lambda: client.delete_registered_model("line"), lambda: client.rename_registered_model("line", "b")):
    try:
        forbidden()
    except mlflow.MlflowException as error:
        print(error)
    else:
        raise AssertionError("went through")
"""


@pytest.fixture(params=sorted(PACKAGES))
def finished(
    request: pytest.FixtureRequest, docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[ScriptRun]:
    """Runs of the scripts with one major version of MLflow."""
    monkeypatch.setenv("AMLTRAIN_NETWORK", "none")
    workspace = Workspace.create("mlflow", show_output=False)
    environment = Environment(f"mlflow-{request.param}")
    environment.docker.enabled = True
    environment.docker.base_dockerfile = (
        f"FROM {BASE}\nRUN apt-get update && apt-get install -y --no-install-recommends libgomp1\n"
    )
    assert environment.python.conda_dependencies is not None
    environment.python.conda_dependencies.set_pip_requirements(list(PACKAGES[request.param]))
    configuration = RunConfiguration()
    configuration.environment = environment
    configuration.target = "local"
    (tmp_path / "model.txt").write_text("of the workspace")
    Model.register(workspace, str(tmp_path / "model.txt"), "line")
    runs = []
    for name, text in (("plain", SCRIPT), ("autolog", AUTOLOG), ("models", MODELS)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "train.py").write_text(text)
        asked = ScriptRunConfig(str(folder), script="train.py", run_config=configuration)
        runs.append(Experiment(workspace, "flow").submit(asked))
    for run in runs:
        run.wait_for_completion(show_output=bool(os.environ.get("CI")))
    return runs


def test_everything_goes_to_this_run_and_nested_runs_to_its_children(finished: list[ScriptRun], tmp_path: Path) -> None:
    plain, auto, models = finished
    metrics = plain.get_metrics()
    assert metrics["module level"] == 1.5
    assert metrics["loss"] == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert (metrics["score"], metrics["by client"], sorted(metrics["in a process"])) == ([0.1, 0.2], 9, [0, 1])
    assert metrics["odd"] != metrics["odd"]
    store = plain.experiment.workspace.store
    assert [point.step for point in store.points(plain.id, name="loss")] == [0, 1, 2, 3, 4]
    assert plain.get_params() == {"p": "3", "long": "x" * 5000, "alpha": "2"}
    assert plain.get_tags()["who"] == "module"
    assert not [key for key in plain.get_tags() if key.startswith("mlflow.") or key == "gone"]
    assert plain.display_name == "given name"
    assert {"texts/a.txt", "plain.txt"} <= set(plain.get_file_names())
    assert plain.get_status() == "Completed"

    children = sorted(plain.get_children(), key=lambda child: child.display_name or "")
    assert [child.display_name for child in children] == ["fold 0", "fold 1"]
    assert [child.get_metrics() for child in children] == [{"fold loss": 0}, {"fold loss": 1}]
    assert [child.get_params() for child in children] == [{"fold": "0"}, {"fold": "1"}]
    assert [child.get_file_names() for child in children] == [["fold.txt"], ["fold.txt"]]
    assert {child.get_status() for child in children} == {"Completed"}

    logged = auto.get_metrics()
    assert len(logged["test-mlogloss"]) == 3
    assert len(logged["valid-multi_logloss"]) == 3
    assert {"after xgboost", "after lightgbm", "after sklearn", "training_accuracy_score"} <= set(logged)
    assert isinstance(logged["training_accuracy_score"], float), "told once, however often MLflow writes it down"
    assert auto.get_params()["max_iter"] == "200"
    assert "model/MLmodel" in auto.get_file_names()
    assert list(auto.get_children()) == []
    assert len(list(plain.experiment.get_runs())) == 3

    workspace = models.experiment.workspace
    line = {model.version: model for model in Model.list(workspace, "line")}
    assert {version: model.run_id for version, model in line.items()} == {1: None, 2: models.id, 3: models.id}
    assert line[3].tags == {"from": "a folder"}
    assert "MLmodel" in os.listdir(line[2].download(str(tmp_path)))
    assert [model.version for model in Model.list(workspace, "iris")] == [1]
