"""What real NumPy, pandas and torch give a script to log, and ``torchrun``, in the image of the article's training."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_amltrain import Environment, Experiment, RunConfiguration, ScriptRunConfig, Workspace
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.runs.run_state import Failure
from jupyter_amltrain.runs.state_of import run_state

from .conftest import driver_log, wait_for_end

PETS = Path(__file__).parents[2] / "notebooks" / "fastai-pets"

Submitted = Callable[..., ScriptRun]

VALUES = """
import warnings
import numpy, pandas, torch
from azureml.core import Run

run = Run.get_context()
warnings.simplefilter("error")

run.log("float32", numpy.float32(0.1)); run.log("float16", numpy.float16(0.5)); run.log("long", numpy.longdouble(0.25))
run.log("int64", numpy.int64(-7)); run.log("uint64", numpy.uint64(2**64 - 1)); run.log("bool", numpy.bool_(True))
run.log("nan", numpy.float32("nan")); run.log("infinity", numpy.float64("-inf")); run.log("text", numpy.str_("a"))
run.log("0-d", numpy.array(3.5)); run.log("one of an array", numpy.array([[3.5]])); run.log("missing", pandas.NA)
run.log("tensor", torch.tensor(0.25)); run.log("one of a tensor", torch.tensor([0.25]))
run.log("count", torch.tensor(7))
run.log("bfloat16", torch.tensor(0.5, dtype=torch.bfloat16)); run.log("half", torch.tensor(0.5, dtype=torch.half))
run.log("with gradient", torch.tensor(3.0, requires_grad=True) * 2)
run.log("weight", torch.nn.Parameter(torch.ones(1)))
run.log("step", 1, step=numpy.int64(4)); run.log("step", 2, step=torch.tensor(5))

run.log_list("series", pandas.Series([1.5, None], index=["a", "b"])); run.log_list("index", pandas.Index([1, 2]))
run.log_list("array", numpy.arange(3, dtype="int32")); run.log_list("matrix", numpy.arange(4).reshape(2, 2))
run.log_list("tensors", [torch.tensor(1.0), numpy.float32(2), torch.tensor(3.0, requires_grad=True)])
run.log_list("of a tensor", torch.tensor([1.0, 2.0], requires_grad=True))
run.log_list("gaps", pandas.Series([1, None], dtype="Int64")); run.log_list("words", pandas.Categorical(["a", "b"]))
frame = pandas.DataFrame({"x": [1, 2], "y": [0.5, 1.5]})
run.log_row("row", x=numpy.float32(0.5), y=torch.tensor(2), z=numpy.array(3))
run.log_row("of a frame", **frame.iloc[0])
run.log_table("columns", {"x": numpy.arange(2), "y": frame["y"], "z": torch.ones(2, requires_grad=True)})
run.log_table("frame", frame); run.log_table("single", {"x": numpy.float32(0.5), "y": torch.tensor(1)})
data = {"matrix": numpy.eye(2), "t": torch.ones(1)}
run.log_confusion_matrix("chart", {"schema_type": "confusion_matrix", "data": data})
run.tag("epochs", numpy.int64(3))

warnings.simplefilter("always")
run.log("complex", torch.tensor(1 + 2j))
for many in (numpy.arange(3), torch.arange(3), frame["x"]):
    try:
        run.log("many", many)
    except Exception as error:
        assert "run.log_list('many', values)" in error.message, error
    else:
        raise AssertionError(many)
"""


@pytest.fixture
def submitted(workspace: Workspace, tmp_path: Path) -> Submitted:
    """Submits a script, or a command that runs it, in an environment."""

    def submit(
        environment: Environment, script: str, command: list[str] | None = None, *, end: str = "Completed"
    ) -> ScriptRun:
        folder = tmp_path / "torch"
        folder.mkdir(exist_ok=True)
        (folder / "train.py").write_text(script)
        configuration = RunConfiguration()
        configuration.environment, configuration.target = environment, "docker-target"
        asked = ScriptRunConfig(
            str(folder), script=None if command else "train.py", command=command, run_config=configuration
        )
        run = Experiment(workspace, "torch").submit(asked)
        assert wait_for_end(workspace, run.id, 900) == end, driver_log(workspace, run.id).decode()
        return run

    return submit


@pytest.fixture
def pets(docker_host: str) -> Environment:
    """Debian's torch, fastai with pandas, and MLflow."""
    return Environment.from_dockerfile("pets", PETS / "Dockerfile")


def test_numbers_of_numpy_pandas_and_torch(workspace: Workspace, submitted: Submitted, pets: Environment) -> None:
    run = submitted(pets, VALUES)
    metrics = run.get_metrics()
    assert math.isnan(metrics.pop("nan"))
    series = metrics.pop("series")
    assert series[0] == 1.5
    assert math.isnan(series[1])
    assert metrics.pop("float32") == pytest.approx(0.1, rel=1e-7)
    chart = f"aml://artifactId/ExperimentRun/dcid.{run.id}/chart"
    assert metrics == {
        "float16": 0.5,
        "long": 0.25,
        "int64": -7,
        "uint64": 2.0**64,
        "bool": True,
        "infinity": -math.inf,
        "text": "a",
        "0-d": 3.5,
        "one of an array": 3.5,
        "missing": None,
        "tensor": 0.25,
        "one of a tensor": 0.25,
        "count": 7,
        "bfloat16": 0.5,
        "half": 0.5,
        "with gradient": 6.0,
        "weight": 1.0,
        "step": [1, 2],
        "index": [1, 2],
        "array": [0, 1, 2],
        "matrix": [[0, 1], [2, 3]],
        "tensors": [1.0, 2.0, 3.0],
        "of a tensor": [1.0, 2.0],
        "gaps": [1, None],
        "words": ["a", "b"],
        "row": {"x": 0.5, "y": 2, "z": 3},
        "of a frame": {"x": 1.0, "y": 0.5},
        "columns": {"x": [0, 1], "y": [0.5, 1.5], "z": [1.0, 1.0]},
        "frame": {"x": [1, 2], "y": [0.5, 1.5]},
        "single": {"x": 0.5, "y": 1},
        "chart": chart,
        "complex": "tensor(1.+2.j)",
    }
    assert [point.step for point in workspace.store.points(run.id, name="step")] == [4, 5]
    assert run.get_metrics("chart", populate=True)["chart"]["data"] == {"matrix": [[1.0, 0.0], [0.0, 1.0]], "t": [1.0]}
    assert run.get_tags() == {"epochs": "3"}
    assert b"UserWarning: 'complex': a Tensor is stored as its text." in driver_log(workspace, run.id)


RANKS = """
import sys, torch
import torch.distributed as distributed
import mlflow
from azureml.core import Run

distributed.init_process_group("gloo")
rank, run = distributed.get_rank(), Run.get_context()
for step in range(500):
    run.log("loss", rank + step / 1000, step=step)
    sys.stdout.write("rank %d is at step %d\\n" % (rank, step))
total = torch.tensor([rank + 1.0])
distributed.all_reduce(total)
run.log("total", total)
mlflow.log_metric("by mlflow", rank, step=rank)
sys.stderr.write("rank %d is done\\n" % rank)
"""

# What Python 3.11 changed, Debian's torch 1.13 does not know yet: its torchrun starts nothing, with or without us.
WHOLE_TORCHRUN = """
FROM {pets}
RUN sed -i 's/for s in Std:/for s in Std.__members__.values():/' \
 /usr/lib/python3/dist-packages/torch/distributed/elastic/multiprocessing/api.py
"""


@pytest.fixture
def with_torchrun(workspace: Workspace, pets: Environment) -> Environment:
    """The same with a launcher of ranks."""
    registered = pets.register(workspace)
    registered.build_local(workspace)
    environment = Environment("torchrun")
    environment.docker.base_dockerfile = WHOLE_TORCHRUN.format(pets=registered.get_image_details(workspace).image)
    environment.python.user_managed_dependencies = True
    return environment


@pytest.mark.parametrize("command", [["torchrun"], ["python3", "-m", "torch.distributed.run"]], ids=["torchrun", "-m"])
def test_ranks_of_torchrun(
    workspace: Workspace, submitted: Submitted, with_torchrun: Environment, command: list[str]
) -> None:
    run = submitted(with_torchrun, RANKS, [*command, "--nproc_per_node", "2", "train.py"])
    logged: dict[tuple[str, int], list[tuple[object, object]]] = {}
    for point in workspace.store.points(run.id, without="system"):
        logged.setdefault((point.name, point.rank), []).append((point.step, point.value))
    assert logged == {
        **{("loss", rank): [(step, rank + step / 1000) for step in range(500)] for rank in (0, 1)},
        **{("total", rank): [(None, 3.0)] for rank in (0, 1)},
        **{("by mlflow", rank): [(rank, rank)] for rank in (0, 1)},
    }
    lines = driver_log(workspace, run.id).decode().splitlines()
    for rank in (0, 1):
        steps = [f"rank {rank} is at step {step}" for step in range(500)]
        assert [line for line in lines if line.startswith(f"rank {rank} is at")] == steps
        assert f"rank {rank} is done" in lines


LOADER = """
import torch

class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 100
    def __getitem__(self, i):
        return {}[i] if {missing} else torch.zeros(5_000_000)

for batch in torch.utils.data.DataLoader(Rows(), batch_size=8, num_workers=2):
    print(len(batch))
"""


def failure_of(workspace: Workspace, run: ScriptRun) -> Failure:
    state = run_state(workspace.store, workspace.run_folder(run.id), workspace.store.run(run.id), 0)
    assert state.failure is not None
    return state.failure


def test_a_data_loader_without_shared_memory(workspace: Workspace, submitted: Submitted, pets: Environment) -> None:
    pets.docker.shm_size = "64m"
    failure = failure_of(workspace, submitted(pets, LOADER.replace("{missing}", "False"), end="Failed"))
    assert [option.arguments for cause in failure.causes for option in cause.options] == [("--shm", "8g")]


def test_an_error_in_a_data_loaders_worker(workspace: Workspace, submitted: Submitted, pets: Environment) -> None:
    failure = failure_of(workspace, submitted(pets, LOADER.replace("{missing}", "True"), end="Failed"))
    assert failure.title.startswith("The script raised KeyError: ")
    assert [(frame.file, frame.function) for frame in failure.frames] == [("train.py", "__getitem__")]


def test_a_rank_that_fails(workspace: Workspace, submitted: Submitted, with_torchrun: Environment) -> None:
    script = """
import os, time
if os.environ["RANK"] == "1":
    {fail}
time.sleep(600)
"""
    command = ["torchrun", "--nproc_per_node=2", "train.py"]
    raising = script.replace("{fail}", "raise ValueError('rank is bad')")
    failure = failure_of(workspace, submitted(with_torchrun, raising, command, end="Failed"))
    assert failure.title == "Rank 1 raised ValueError: rank is bad"
    assert [(frame.file, frame.line) for frame in failure.frames] == [("train.py", 4)]
    killed = script.replace("{fail}", "os.kill(os.getpid(), 9)")
    failure = failure_of(workspace, submitted(with_torchrun, killed, command, end="Failed"))
    assert failure.title == "Rank 1 failed first: killed by SIGKILL."
