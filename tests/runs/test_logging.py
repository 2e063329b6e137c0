"""One job that logs everything there is, in a real container; what came of it is read from outside."""

from __future__ import annotations

import math
from typing import Any

import pytest

from jupyter_amltrain.runs.run import Run, ScriptRun
from jupyter_amltrain.workspace import Workspace

from .conftest import Submit, wait_for_end

EVERYTHING = r"""
import os, pathlib
from azureml.core import Run
from azureml.exceptions import AzureMLException, ModelPathNotFoundException, SnapshotException

run = Run.get_context()

def refused(kind, call, *arguments):
    try:
        call(*arguments)
    except AzureMLException as error:
        assert type(error).__name__ == kind, error
        return error.message
    raise AssertionError("not refused")

# metrics
run.log("loss", 0.5, step=1)
run.log("loss", float("nan"), step=2)
run.log("mixed", 1); run.log("mixed", "text")
run.log("a name/with ☃", 1)
run.log_list("list", (i * i for i in range(4)))
run.log_row("row", x=1, y="a"); run.log_row("row", x=2)
run.log_table("table", {"x": [1, 2], "y": [3, 4]})
run.log_table("long", {"n": list(range(5000))})
png = b"\x89PNG\r\n\x1a\n rest"
pathlib.Path("pic.png").write_bytes(png)
run.log_image("image", path="pic.png")
class Figure:
    def savefig(self, stream, format):
        assert format == "png"
        stream.write(png)
run.log_image("plots/π", plot=Figure())
chart = {"schema_type": "confusion_matrix", "schema_version": "v1", "data": {"matrix": [[1, 2], [3, 4]]}}
run.log_confusion_matrix("matrix", chart)
run.log_accuracy_table("accuracy", '{"schema_type": "accuracy_table"}')
run.log_residuals("residuals", {"schema_type": "residuals"})
run.log_predictions("predictions", {"schema_type": "predictions"})

# tags, properties, names
run.tag("a", 1); run.tag("gone"); run.set_tags({"b": "2"}); run.remove_tags(["gone", "never"])
assert run.get_tags() == run.tags == {"a": "1", "b": "2"}
run.add_properties({"author": "me"})
assert "has a value already" in refused("ExperimentExecutionException", run.add_properties, {"author": "you"})
assert run.get_properties()["author"] == "me"
run.display_name, run.description = "my run", "about it"
assert (run.display_name, run.name, run.description) == ("my run", "my run", "about it")
assert (run.number, run.status, run.get_portal_url().startswith("file:///")) == (1, "Running", True)

# children
with run.child_run("first") as child:
    child.log("acc", 1); child.log("acc", 2); child.tag("t", "v")
    pathlib.Path("c.txt").write_text("of the child"); child.upload_file("c.txt", "c.txt")
    with child.child_run("below") as below:
        below.log("deep", 1)
try:
    with run.child_run() as bad:
        1 / 0
except ZeroDivisionError:
    pass
folds = run.create_children(tag_key="fold", tag_values=[1, 2])
folds[0].cancel()
assert len(list(run.get_children())) == 4
assert len(list(run.get_children(recursive=True))) == 5
assert [found.id for found in run.get_children(tags={"fold": "2"})] == [folds[1].id]
assert (bad.get_status(), child.get_status(), folds[1].get_status()) == ("Failed", "Completed", "Running")
assert child.parent is run and run.parent is None

# files
pathlib.Path("outputs/model.pkl").write_bytes(b"model")
run.upload_file("outputs/model.pkl", "outputs/model.pkl")
run.upload_file("extra/data.bin", "pic.png")
assert "already" in refused("UserErrorException", run.upload_file, "extra/data.bin", "pic.png")
os.makedirs("folder/in"); pathlib.Path("folder/in/x").write_text("x"); run.upload_folder("up", "folder")
run.upload_files(["one", "two"], ["c.txt", "c.txt"])
assert {"extra/data.bin", "outputs/model.pkl", "up/in/x", "one", "matrix"} <= set(run.get_file_names())
run.download_file("extra/data.bin", "back.bin")
assert pathlib.Path("back.bin").read_bytes() == png
run.download_files(prefix="up", output_directory="got")
assert pathlib.Path("got/up/in/x").read_text() == "x"

# models, snapshots
model = run.register_model("pets", "outputs/model.pkl", tags={"q": 1}, description="d")
assert (model.name, model.version, model.id, model.tags) == ("pets", 1, "pets:1", {"q": "1"})
pathlib.Path("outputs/model.pkl").write_bytes(b"newer")
assert run.register_model("pets", model_path="outputs/model.pkl").version == 2
assert "nothing.pkl" in refused("ModelPathNotFoundException", run.register_model, "pets", "nothing.pkl")
assert run.restore_snapshot(path="snap").endswith(run.get_snapshot_id() + ".zip")
refused("SnapshotException", run.take_snapshot, ".")
assert "takes a ScriptRunConfig" in refused("UserErrorException", run.submit_child, None)

# reading back
metrics = run.get_metrics()
assert metrics["list"] == [0, 1, 4, 9] and metrics["mixed"] == [1, "text"]
assert run.get_metrics("matrix", populate=True) == {"matrix": chart}
assert run.get_metrics(recursive=True)[child.id] == {"acc": [1, 2]}
assert run.get_details()["status"] == "Running"
run.flush(); run.complete()
print("all is well")
"""


@pytest.fixture
def finished(workspace: Workspace, submit: Submit) -> ScriptRun:
    run = submit(EVERYTHING)
    assert wait_for_end(workspace, run.id) == "Completed", run.get_details().get("error")
    return run


def test_a_job_that_logs_everything(finished: ScriptRun, workspace: Workspace, tmp_path: Any) -> None:
    run = finished
    metrics = run.get_metrics()
    loss = metrics.pop("loss")
    assert loss[0] == 0.5
    assert math.isnan(loss[1])
    address = f"aml://artifactId/ExperimentRun/dcid.{run.id}/"
    plot = metrics.pop("plots/π")
    assert plot.startswith(f"{address}plots/π_")
    assert plot.endswith(".png")
    assert metrics == {
        "mixed": [1, "text"],
        "a name/with ☃": 1,
        "list": [0, 1, 4, 9],
        "row": {"x": [1, 2], "y": ["a", None]},
        "table": {"x": [1, 2], "y": [3, 4]},
        "long": {"n": list(range(5000))},
        "image": f"{address}pic.png",
        **{name: f"{address}{name}" for name in ("matrix", "accuracy", "residuals", "predictions")},
    }
    assert [point.step for point in workspace.store.points(run.id, name="loss")] == [1, 2]
    assert run.get_metrics("residuals", populate=True) == {"residuals": {"schema_type": "residuals"}}

    assert (run.get_tags(), run.display_name, run.description) == ({"a": "1", "b": "2"}, "my run", "about it")
    assert run.get_properties()["author"] == "me"

    children = list(run.get_children(recursive=True))
    by_name = {child.display_name: child for child in children}
    assert sorted(child.get_status() for child in children) == [
        "Canceled",
        "Completed",
        "Completed",
        "Completed",
        "Failed",
    ]
    failed = next(child for child in children if child.get_status() == "Failed")
    assert failed.get_details()["error"]["error"]["message"] == (
        "User program failed with ZeroDivisionError: division by zero"
    )
    first = by_name["first"]
    assert (first.get_metrics(), first.get_tags(), first.type) == ({"acc": [1, 2]}, {"t": "v"}, None)
    assert first.parent == run
    assert by_name["below"].parent == first
    assert first.get_snapshot_id() == run.get_snapshot_id()
    assert first.get_file_names() == ["c.txt"]
    first.download_file("c.txt", tmp_path / "c.txt")
    assert (tmp_path / "c.txt").read_text() == "of the child"
    assert not any(child.id in [found.id for found in workspace.store.runs()] for child in children)
    assert {found.id for found in Run.list(run.experiment, include_children=True)} == {
        run.id,
        *(child.id for child in children),
    }

    run.download_file("extra/data.bin", tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes().startswith(b"\x89PNG")
    models = workspace.store.models("pets")
    assert [(model["version"], model["run"], model["tags"]) for model in models] == [
        (2, run.id, {}),
        (1, run.id, {"q": "1"}),
    ]
    kept = [(workspace.folder / f"models/pets/{version}/model.pkl").read_bytes() for version in (1, 2)]
    assert kept == [b"model", b"newer"]


ANY_LANGUAGE = r"""
import subprocess
subprocess.run(["sh", "-c", r'''
record() { printf '\033_amltrain;{"t":%s,"k":"metric","v":[["%s",%s,%s]]}\033\\' "$(date +%s)" "$1" "$2" "$3"; }
for i in 1 2 3; do record "from sh" $i $i; echo "line $i"; done
awk 'BEGIN { for (i = 1; i <= 3; i++)
  printf "\033_amltrain;{\"t\":%d,\"k\":\"metric\",\"v\":[[\"from awk\",%s,%d]]}\033\\", 1700000000, i / 2, i }'
perl -e 'printf "\e_amltrain;{\"t\":%d,\"k\":\"tags\",\"v\":{\"by\":\"perl\"}}\e\\", time'
{ record captured 7 null >> $AMLTRAIN_RECORDS; } | cat
'''], check=True)
"""


def test_programs_in_other_languages_log_with_one_line(workspace: Workspace, submit: Submit) -> None:
    run = submit(ANY_LANGUAGE)
    assert wait_for_end(workspace, run.id) == "Completed", run.get_details().get("error")
    assert run.get_metrics() == {"from sh": [1, 2, 3], "from awk": [0.5, 1, 1.5], "captured": 7}
    assert run.get_tags() == {"by": "perl"}
    assert [point.step for point in workspace.store.points(run.id, name="from sh")] == [1, 2, 3]
    assert (workspace.run_folder(run.id) / "azureml-logs/70_driver_log.txt").read_text() == "line 1\nline 2\nline 3\n"


DISTRIBUTED = r"""
import multiprocessing, os, subprocess, sys, threading
from azureml.core import Run

def work(who):
    run = Run.get_context()
    for step in range(2000):
        run.log(who, step * 0.5, step=step)

if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1])
        sys.exit()
    command = [sys.executable, "train.py", "rank"]
    ranks = [subprocess.Popen(command, env=dict(os.environ, RANK=str(rank))) for rank in (0, 1)]
    workers = [multiprocessing.get_context(how).Process(target=work, args=(how,)) for how in ("fork", "spawn")]
    threads = [threading.Thread(target=work, args=("thread %d" % n,)) for n in range(2)]
    for one in workers + threads: one.start()
    for one in workers + threads: one.join()
    assert [process.wait() for process in ranks] == [0, 0]
    assert [worker.exitcode for worker in workers] == [0, 0]
"""


def test_ranks_workers_and_threads_all_reach_the_run(workspace: Workspace, submit: Submit) -> None:
    run = submit(DISTRIBUTED)
    assert wait_for_end(workspace, run.id) == "Completed", run.get_details().get("error")
    steps: dict[tuple[str, int], list[Any]] = {}
    for point in workspace.store.points(run.id, without="system"):
        steps.setdefault((point.name, point.rank), []).append(point.step)
    names = [("rank", 0), ("rank", 1), ("fork", 0), ("spawn", 0), ("thread 0", 0), ("thread 1", 0)]
    assert steps == {name: list(range(2000)) for name in names}
