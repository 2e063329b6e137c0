"""The newest runs as HTML and text: what a saved notebook keeps of the training panel."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_amltrain.runs import status as states
from jupyter_amltrain.runs.glance import GlanceReader
from jupyter_amltrain.runs.record import NewPoint
from jupyter_amltrain.saved.glances import runs_bundle
from jupyter_amltrain.workspace import Workspace
from runs.by_hand import enter_run
from saved.harmless import HOSTILE, harmless


@pytest.fixture
def workspace(amltrain_home: Path) -> Workspace:
    return Workspace.create("glanced", show_output=False)


def bundle(workspace: Workspace, chosen: str = "") -> dict[str, str]:
    return runs_bundle(workspace, GlanceReader(workspace.store).read(), chosen)


def test_a_workspace_without_runs(workspace: Workspace) -> None:
    told = bundle(workspace)
    assert told["text/plain"].endswith(": none")
    assert "No runs yet." in harmless(told["text/html"]).text


def test_each_run_has_a_line_with_its_state_and_curve(workspace: Workspace) -> None:
    done, going = enter_run(workspace), enter_run(workspace, "pets_2_b")
    points = [NewPoint("train_loss", "scalar", 1 / (1 + step), step, 1000.0, 0) for step in range(5)]
    workspace.store.add_points(workspace.store.run(done.id), points)
    for run, status in ((done, states.RUNNING), (done, states.COMPLETED), (going, states.RUNNING)):
        workspace.store.move(run.id, status)
    told = bundle(workspace)
    first, second, third = told["text/plain"].split("\n")
    assert first.startswith("Runs of the workspace glanced, as of ")
    assert "… Running" in second
    assert "✓ Completed" in third
    assert "train_loss 0.2 █" in third
    assert second.index("Running") == third.index("Completed")
    page = harmless(told["text/html"])
    assert {"Running", "Completed"} <= {text.strip() for text in page.texts}
    assert "train_loss 0.2 █" in page.text


def test_the_chosen_run_is_told_in_full_for_as_long_as_it_is_there(workspace: Workspace) -> None:
    run = enter_run(workspace, log=b"the only line\n")
    workspace.store.move(run.id, states.COMPLETED)
    told = bundle(workspace, run.id)
    assert "the only line" in told["text/plain"]
    assert "the only line" in harmless(told["text/html"]).text
    assert "the only line" not in bundle(workspace)["text/html"]
    assert bundle(workspace, "deleted_1")["text/plain"].count("\n") == 1


def test_words_of_others_stay_text(workspace: Workspace) -> None:
    run = enter_run(workspace)
    workspace.store.describe(run.id, display_name=HOSTILE)
    workspace.store.add_points(workspace.store.run(run.id), [NewPoint(HOSTILE, "scalar", 1.0, 1, 1000.0, 0)])
    told = bundle(workspace, run.id)
    page = harmless(told["text/html"])
    assert page.text.count("<script>alert(1)</script>") >= 4  # name and metric, in the table and in the run
    assert not {*told["text/plain"]} & {"\u202e", "\x1b", "\x00"}
