"""``%aml_runs``, ``%aml_logs``, ``%aml_metrics``, ``%aml_cancel`` on the real engine."""

from __future__ import annotations

import pytest

from jupyter_amltrain import Run, Workspace
from jupyter_amltrain.runs.follow import follow
from magics.notebook import Notebook

LINES = "from azureml.core import Run\nfor n in range(5):\n    print('line', n)\n    Run.get_context().log('n', n)\n"
WAITING = """\
import signal, sys
def stop(*_):
    print("tidied up", flush=True)
    sys.exit(1)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def finished(docker_notebook: Notebook) -> Run:
    run: Run = docker_notebook.run(f"%%aml_submit --experiment lines --out run\n{LINES}").value
    run.wait_for_completion()
    return run


def wait_until_ready(run: Run) -> None:
    workspace = run.experiment.workspace
    for update in follow(workspace.store, workspace.run_folder(run.id), run.id):
        if b"ready" in update.data:
            return
    raise AssertionError(f"{run} ended before it was ready")


def test_runs_are_listed_and_filtered(docker_notebook: Notebook, finished: Run) -> None:
    docker_notebook.run("%%aml_submit --experiment broken --out bad\nraise SystemExit('<b>no</b>')\n")
    bad = docker_notebook.shell.user_ns["bad"]
    bad.wait_for_completion(raise_on_error=False)

    table = docker_notebook.run("%aml_runs").value
    assert [row[0] for row in table.rows] == [bad.id, finished.id]
    lines = repr(table).splitlines()
    assert lines[0].split() == ["Run", "Experiment", "Target", "Status", "Submitted", "Took", "Why"]
    assert lines[1].index("broken") == lines[2].index("lines")

    assert [row[0] for row in docker_notebook.run("%aml_runs --experiment lines").value.rows] == [finished.id]
    assert [row[0] for row in docker_notebook.run("%aml_runs --status failed").value.rows] == [bad.id]
    assert [row[0] for row in docker_notebook.run("%aml_runs --limit 1").value.rows] == [bad.id]
    assert repr(docker_notebook.run("%aml_runs --status Queued").value) == "no runs"
    assert "did you mean 'lines'?" in docker_notebook.refusal("%aml_runs --experiment line")
    assert "did you mean 'Failed'?" in docker_notebook.refusal("%aml_runs --status Faild")


def test_a_run_is_named_in_many_ways(docker_notebook: Notebook, finished: Run) -> None:
    whole = "".join(f"line {n}\n" for n in range(5))
    for name in (finished.id, finished.id[-8:], finished.id[:-6], "lines", "last", "run", ""):
        assert docker_notebook.run(f"%aml_logs {name}").out == whole, name


def test_a_name_that_fits_several_runs_or_none_is_refused(docker_notebook: Notebook, finished: Run) -> None:
    other = docker_notebook.run("%%aml_submit --experiment lines\n1\n").value
    words = docker_notebook.refusal("%aml_logs lines_")
    assert "'lines_' fits 2 runs" in words
    assert finished.id in words
    assert other.id in words
    wrong = finished.id[:-2] + "zz"
    assert f"did you mean '{finished.id}'?" in docker_notebook.refusal(f"%aml_logs {wrong}")
    other.wait_for_completion()


def test_without_a_run_the_sentence_says_how_to_start_one(notebook: Notebook) -> None:
    assert "%aml_submit" in notebook.refusal("%aml_logs")
    assert notebook.run("%aml_cancel --all").out.endswith("No run is under way.\n")


def test_logs_are_cut_and_chosen(docker_notebook: Notebook, finished: Run) -> None:
    assert docker_notebook.run("%aml_logs --tail 2").out == "line 3\nline 4\n"
    control = docker_notebook.run("%aml_logs --file 60_control_log.txt").out
    assert "Running on docker" in control
    assert docker_notebook.run("%aml_logs --file azureml-logs/60_control_log.txt").out == control
    words = docker_notebook.refusal("%aml_logs --file 70_drivr_log.txt")
    assert "70_driver_log.txt" in words


def test_following_a_run_to_its_end(docker_notebook: Notebook, finished: Run) -> None:
    told = docker_notebook.run("%aml_logs -f --file 70_driver_log.txt --tail 1")
    assert told.out == f"line 4\n{finished.id}: Completed\n"
    assert "Running on docker" in docker_notebook.run("%aml_logs -f").out


def test_metrics_are_returned(docker_notebook: Notebook, finished: Run) -> None:
    assert docker_notebook.run("%aml_metrics run").value == {"n": [0, 1, 2, 3, 4]}


def test_canceled_runs_tidy_up(docker_notebook: Notebook) -> None:
    run = docker_notebook.run(f"%%aml_submit\n{WAITING}").value
    wait_until_ready(run)
    assert docker_notebook.run("%aml_cancel last").out == f"{run.id}: CancelRequested\n"
    run.wait_for_completion()
    assert run.get_status() == "Canceled"
    assert docker_notebook.run("%aml_logs").out == "ready\ntidied up\n"
    assert docker_notebook.run("%aml_cancel last").out == f"{run.id}: Canceled\n"


def test_all_runs_are_canceled_the_waiting_ones_first(docker_notebook: Notebook) -> None:
    docker_notebook.run(
        "from jupyter_amltrain import AmlCompute, ComputeTarget, Workspace\n"
        "configuration = AmlCompute.provisioning_configuration(max_nodes=1)\n"
        "target = ComputeTarget.create(Workspace.default()[0], 'one', configuration)\n"
    )
    runs = [docker_notebook.run(f"%%aml_submit --target one\n{WAITING}").value for _ in range(3)]
    wait_until_ready(runs[0])
    told = docker_notebook.run("%aml_cancel --all").out.splitlines()
    assert sorted(told[:2]) == sorted(f"{run.id}: Canceled" for run in runs[1:])
    assert told[2:] == [f"{runs[0].id}: CancelRequested"]
    for run in runs:
        run.wait_for_completion()
    assert not Workspace.default()[0].run_folder(runs[1].id).joinpath("azureml-logs/70_driver_log.txt").exists()


@pytest.mark.parametrize("line", ["%aml_cancel", "%aml_cancel --all last"])
def test_cancel_wants_to_know_which(notebook: Notebook, line: str) -> None:
    assert "Say which run to cancel" in notebook.refusal(line)
