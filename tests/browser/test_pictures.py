"""Each state of a run's view in JupyterLab, in both themes, for people to look at.

The pictures go to build/pictures; with AMLTRAIN_KEEP_PICTURES=1 those of the README are made anew in docs/pictures.
"""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.contrast import expect_clear
from browser.gate import Gate
from browser.lab import PICTURES, open_notebook, restart_kernel, run_cell, save, use_theme
from browser.server import write_notebook
from jupyter_amltrain import AmlCompute, ComputeTarget, Workspace
from jupyter_amltrain.runs.follow import follow

KEPT = Path(__file__).parents[2] / "docs" / "pictures"
KEEP = os.environ.get("AMLTRAIN_KEEP_PICTURES") == "1"
MOST_BYTES = 120_000
MOST_BYTES_IN_ALL = 700_000

START = "%load_ext jupyter_amltrain\n%aml_workspace pictures\n"
ENVIRONMENT = "%%aml_env sklearn --base python-base:1 --quiet\nscikit-learn\n"
TRAIN = """\
%%aml_submit --env sklearn --target cluster --experiment digits --tag model=mlp --out {out} -- {arguments}
import argparse, os, pickle, time, warnings
import numpy as np
from azureml.core import Run
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--neurons", type=int, default=32)
parser.add_argument("--epochs", type=int, default=40)
parser.add_argument("--pause", type=float, default=0)
asked = parser.parse_args()
run = Run.get_context()
x, y = load_digits(return_X_y=True)
train_x, valid_x, train_y, valid_y = train_test_split(x / 16, y, test_size=0.3, random_state=0)
model = MLPClassifier(hidden_layer_sizes=(asked.neurons,), random_state=0)
print("epoch  train_loss  valid_loss  accuracy", flush=True)
for epoch in range(asked.epochs):
    model.partial_fit(train_x, train_y, classes=range(10))
    losses = [log_loss(y, model.predict_proba(x)) for x, y in ((train_x, train_y), (valid_x, valid_y))]
    scores = [model.score(x, y) for x, y in ((train_x, train_y), (valid_x, valid_y))]
    for part, loss, score in zip(("train", "valid"), losses, scores):
        run.log(f"{{part}}_loss", loss)
        run.log(f"{{part}}_accuracy", score)
    run.log("weights", np.sqrt(sum(np.square(each).sum() for each in model.coefs_)))
    unsure = np.sort(model.predict_proba(valid_x))[:, -1] < 0.5
    run.log("unsure", unsure.mean())
    print(f"\\x1b[32m{{epoch:<5}}\\x1b[0m  {{losses[0]:<10.4f}}  {{losses[1]:<10.4f}}  {{scores[1]:.4f}}", flush=True)
    time.sleep(asked.pause)
pickle.dump(model, open("outputs/model.pkl", "wb"))
warnings.warn("the learning rate was never lowered")
while not os.path.exists("outputs/go"):
    time.sleep(0.05)
"""
COMPARES = "wide.display_name, narrow.display_name = '32 neurons', '8 neurons'\n%aml_compare wide narrow"
WAITS = "%%aml_submit --env sklearn --target cluster --experiment digits\nprint('let in')\n"
FAILS = """\
%%aml_submit --env sklearn --target cluster --experiment digits
import cv2

def load(path):
    return cv2.imread(path).shape

def main():
    print("reading the pictures", flush=True)
    print(load("pets/Cat_1.jpg"))

main()
"""
BUILDS = """\
%%aml_env slow --no-build --quiet
FROM python-base:1
RUN echo {token} && python3 -c "{waiting}"
"""
ON_IT = "%%aml_submit --env slow --target cluster --experiment digits\nprint('built')\n"


def shown(page: Page, cell: int) -> Locator:
    """The view that a cell shows."""
    return page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-amltrain-run-view:visible")


def in_state(view: Locator, state: str) -> Locator:
    expect(view.locator(".jp-amltrain-chip")).to_have_text(state, timeout=120_000)
    return view


def take(page: Page, picture: Locator, name: str, *, kept: bool = False, opened: Locator | None = None) -> None:
    """Pictures of a part of the page in both themes, the light one last, in which nothing is too faint to be read.

    A menu that is to be in them, ``opened``, is clicked before each, since it closes when the theme is chosen.
    """
    for theme in ("Dark", "Light"):
        use_theme(page, f"JupyterLab {theme}")
        if opened:
            opened.click()
        page.mouse.move(0, 0)
        picture.scroll_into_view_if_needed()
        expect(picture.locator(".jp-amltrain-chart-canvas:empty:visible")).to_have_count(0)
        expect_clear(picture)
        folder = KEPT if KEEP and kept else PICTURES
        folder.mkdir(parents=True, exist_ok=True)
        picture.screenshot(path=str(folder / f"{name}-{theme.lower()}.png"), animations="disabled")


def let_it_end(run_id: str) -> None:
    workspace = Workspace.get("pictures")
    folder = workspace.run_folder(run_id)
    (folder / "outputs" / "go").touch()
    for _ in follow(workspace.store, folder, run_id):
        pass


def newest() -> str:
    return Workspace.get("pictures").store.runs(limit=1)[0].id


@pytest.fixture
def cluster(amltrain_home: Path) -> None:
    """A workspace with a target for one run at a time."""
    workspace = Workspace.create("pictures", show_output=False)
    ComputeTarget.create(workspace, "cluster", AmlCompute.provisioning_configuration(max_nodes=1))


def test_each_state_in_both_themes(cluster: None, lab: str, page: Page, gate: Gate, tmp_path: Path) -> None:
    builds = BUILDS.format(token=uuid.uuid4().hex, waiting=gate.waiting)
    wide = TRAIN.format(out="wide", arguments="--pause 0.25")
    narrow = TRAIN.format(out="narrow", arguments="--neurons 8")
    cells = (START, ENVIRONMENT, wide, WAITS, FAILS, builds, ON_IT, narrow, COMPARES)
    write_notebook(tmp_path / "notebooks" / "view.ipynb", *cells)
    url = lab.format(notebook="view.ipynb")
    page.set_viewport_size({"width": 1000, "height": 1500})
    open_notebook(page, url)
    page.keyboard.press("Control+b")  # the side bar goes
    for cell in range(3):
        run_cell(page, cell)
    view = in_state(shown(page, 2), "Running")
    training = newest()
    expect(view.locator(".uplot").nth(3)).to_be_visible(timeout=60_000)
    view.locator(".jp-amltrain-log-row", has_text=re.compile("^2[89] ")).first.wait_for()
    take(page, view, "running", kept=True)

    run_cell(page, 3)
    waiting = in_state(shown(page, 3), "Queued")
    take(page, waiting, "queued")
    waiting.get_by_role("button", name="Cancel").click()
    take(page, in_state(waiting, "Canceled"), "canceled")

    expect(view.get_by_role("log")).to_contain_text("never lowered", timeout=60_000)
    let_it_end(training)
    take(page, in_state(view, "Completed"), "completed")
    for tab in ("Outputs", "Values", "Parameters", "Environment", "Command"):
        view.get_by_role("tab", name=tab).click()
        take(page, view.locator(".jp-amltrain-tabs"), f"tab-{tab.lower()}")
    view.get_by_role("tab", name="Log").click()
    take(page, view, "menu", opened=view.get_by_label("More"))
    view.get_by_role("button", name="Compare with …").click()
    take(page, view, "choosing")
    for width in (500, 1600):
        page.set_viewport_size({"width": width + 190, "height": 1500})
        take(page, view, f"completed-{width}")
        assert view.evaluate("node => node.scrollWidth <= node.clientWidth")
    page.set_viewport_size({"width": 1000, "height": 1500})

    run_cell(page, 4)
    failed = in_state(shown(page, 4), "Failed")
    expect(failed.get_by_role("region", name="Why it failed")).to_contain_text("opencv-python-headless")
    take(page, failed, "failed", kept=True)
    run_cell(page, 5)
    run_cell(page, 6)
    building = in_state(shown(page, 6), "Preparing")
    expect(building.get_by_role("log")).to_contain_text("RUN echo", timeout=60_000)
    take(page, building, "building")
    gate.open()
    in_state(building, "Completed")

    run_cell(page, 7)
    expect(shown(page, 7).get_by_role("log")).to_contain_text("never lowered", timeout=60_000)
    let_it_end(newest())
    run_cell(page, 8)
    compared = page.locator(".jp-Cell .jp-amltrain-comparison")
    expect(compared.locator("svg")).to_have_count(6, timeout=60_000)
    take(page, compared, "compared", kept=True)

    save(page)
    restart_kernel(page)
    expect(page.locator(".jp-amltrain-lost")).to_have_count(5, timeout=30_000)
    take(page, view, "lost")
    page.reload()
    saved = page.locator(".jp-amltrain-saved")
    expect(saved).to_have_count(5, timeout=60_000)
    take(page, saved.nth(0), "saved", kept=True)
    take(page, saved.nth(2), "saved-failed")


def test_kept_pictures_are_shown_and_those_shown_are_kept() -> None:
    top = KEPT.parents[1]
    texts = [path.read_text() for path in (top / "README.md", *(top / "docs").glob("*.md"))]
    shown = {name for text in texts for name in re.findall(r"pictures/([\w-]+\.png)", text)}
    assert shown == {path.name for path in KEPT.glob("*.png")}


def test_kept_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in KEPT.glob("*.png")}
    assert sizes
    assert max(sizes.values()) < MOST_BYTES
    assert sum(sizes.values()) < MOST_BYTES_IN_ALL
