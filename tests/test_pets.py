"""The article's own training, for real: fastai in a container; its script logs nothing, and its curves are there."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from jupyter_amltrain import Environment, Experiment, RunConfiguration, ScriptRunConfig, Workspace
from jupyter_amltrain.runs.run import ScriptRun

FOLDER = Path(__file__).parents[1] / "notebooks" / "fastai-pets"
EXPORTED = "outputs/pets.pkl"


def submitted(script: Path | str, folder: Path, **variables: str) -> ScriptRun:
    workspace = Workspace.create("pets", show_output=False, exist_ok=True)
    configuration = RunConfiguration()
    configuration.environment = Environment.from_dockerfile("pets", FOLDER / "Dockerfile")
    configuration.environment.environment_variables.update(variables)
    configuration.target = "local"
    asked = ScriptRunConfig(str(folder), script=str(script), run_config=configuration)
    return Experiment(workspace, "pets").submit(asked)


@pytest.fixture
def finished(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> ScriptRun:
    monkeypatch.setenv("AMLTRAIN_ENGINE", "docker")
    run = submitted("train.py", FOLDER)
    run.wait_for_completion()
    return run


def test_a_fastai_script_that_logs_nothing_has_its_curves(finished: ScriptRun) -> None:
    metrics = finished.get_metrics()
    for name in ("train_loss", "valid_loss", "error_rate"):
        assert len(metrics[name]) == 3, name  # one epoch with frozen layers, then two
        assert all(math.isfinite(value) for value in metrics[name])
    assert len(metrics["loss"]) > 3
    assert len(metrics["loss"]) == len(metrics["lr"])
    store = finished.experiment.workspace.store
    assert [point.step for point in store.points(finished.id, name="error_rate")] == [0, 1, 2]
    assert set(store.metric_sources(finished.id).values()) == {"fastai"}
    assert EXPORTED in finished.get_file_names()
    # Who loads the model elsewhere has no callback of ours.
    assert b"amltrain" not in Path(finished._folder, EXPORTED).read_bytes()
