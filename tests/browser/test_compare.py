"""Runs over each other in JupyterLab, with real containers: ``%aml_compare`` and ``%aml_submit --over``."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from browser.contrast import expect_clear
from browser.lab import PICTURES, open_notebook, restart_kernel, run_all_cells, run_cell, save, use_theme
from browser.server import write_notebook
from browser.test_run_view import let_it_end, save_story

ENVIRONMENT = "%load_ext jupyter_amltrain\n%aml_env plain --base python-base:1 --quiet\n"
TRAIN = """\
%%aml_submit --env plain --wait --out {name} -- --rate {rate}
import math, sys
from azureml.core import Run
run = Run.get_context()
rate = float(sys.argv[2])
for step in range({steps}):
    run.log("train_loss", math.exp(-step * rate), step=step)
    run.log("accuracy", 1 - math.exp(-step * rate) / (1 + step), step=step)
"""
NAME = "small.display_name, large.display_name = 'rate 0.01', 'rate 0.03'"
COMPARE = "%aml_compare small large"

START = """\
%load_ext jupyter_amltrain
from jupyter_amltrain import Workspace
Workspace.create("viewed", exist_ok=True, show_output=False)
%aml_workspace viewed
%aml_env plain --base python-base:1 --quiet
"""
BEFORE = """\
%%aml_submit --env plain --wait --out before
import math
from azureml.core import Run
run = Run.get_context()
for step in range(300):
    run.log("train_loss", math.exp(-step / 100), step=step)
    run.log("valid_loss", math.exp(-step / 100) + 0.1, step=step)
"""
OVER = """\
%%aml_submit --env plain --no-system-metrics --over before
import math, os, time
from azureml.core import Run
run = Run.get_context()
for step in range(200):
    run.log("train_loss", math.exp(-step / 40), step=step)
    run.log("accuracy", 1 - math.exp(-step / 40), step=step)
while not os.path.exists("outputs/go"):
    time.sleep(0.05)
"""
AGAIN = "%load_ext jupyter_amltrain\n%aml_workspace viewed\n%aml_run last\n"
# Whether the chart has pixels of the colour that its legend gives to a curve behind.
IS_DRAWN = """([chart, place]) => {
    const probe = document.createElement('i');
    probe.style.color = 'var(--amltrain-swatch)';
    const legend = chart.querySelectorAll('.jp-amltrain-behind')[place], canvas = chart.querySelector('canvas');
    if (!legend || !canvas) return false;
    legend.append(probe);
    const wanted = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
    probe.remove();
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] > 200 && wanted.every((part, i) => Math.abs(data[at + i] - part) < 8)) return true;
    }
    return false;
}"""


def take(shown: Locator, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown.screenshot(path=str(PICTURES / f"{name}.png"), animations="disabled")


def expect_drawn_over(view: Locator) -> None:
    """The view has the curve of the run before beside its own, under a name and in a colour of its own."""
    expect(view.locator(".jp-amltrain-comparing")).to_contain_text("Drawn behind: before", timeout=60_000)
    loss = view.locator(".jp-amltrain-chart", has_text="loss")
    expect(loss.locator(".jp-amltrain-behind")).to_have_text(["before train_loss", "before valid_loss"], timeout=60_000)
    expect(view.locator(".jp-amltrain-chart", has_text="accuracy").locator(".jp-amltrain-behind")).to_have_count(0)
    loss.scroll_into_view_if_needed()
    for place in range(2):
        loss.page.wait_for_function(IS_DRAWN, arg=[loss.element_handle(), place])


def test_a_run_is_drawn_over_another(lab: str, page: Page, tmp_path: Path) -> None:
    name = "before.display_name = 'before'"
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, BEFORE, name, OVER, AGAIN)
    url = lab.format(notebook="view.ipynb")
    page.set_viewport_size({"width": 1000, "height": 1300})
    open_notebook(page, url)
    for cell in range(4):
        run_cell(page, cell)
    view = page.locator(".jp-Notebook .jp-Cell").nth(3).locator(".jp-amltrain-run-view:visible")
    expect_drawn_over(view)
    for axis in ("relative", "step"):
        view.get_by_label("Horizontal axis").select_option(axis)
        expect_drawn_over(view)
    for theme in ("Dark", "Light"):
        use_theme(page, f"JupyterLab {theme}")
        expect_drawn_over(view)
        expect_clear(view)
        take(view, f"over-{theme.lower()}")
    save(page)
    page.reload()
    expect_drawn_over(view)

    restart_kernel(page)
    run_cell(page, 4)
    again = page.locator(".jp-Notebook .jp-Cell").nth(4).locator(".jp-amltrain-run-view:visible")
    expect_drawn_over(again)
    let_it_end()
    expect(again.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
    story = save_story(page, tmp_path, 4, "Completed")["text/html"]
    assert "before train" in story
    assert "before valid" in story
    assert story.count("<polyline") == 4  # loss and accuracy of its own, two losses of the run before


def test_two_runs_are_drawn_over_each_other(lab: str, page: Page, tmp_path: Path) -> None:
    trained = [
        TRAIN.format(name=name, rate=rate, steps=steps)
        for name, rate, steps in (("small", 0.01, 300), ("large", 0.03, 200))
    ]
    write_notebook(tmp_path / "notebooks" / "compare.ipynb", ENVIRONMENT, *trained, NAME, COMPARE)
    page.set_viewport_size({"width": 1000, "height": 1200})
    run_all_cells(page, lab.format(notebook="compare.ipynb"))
    shown = page.locator(".jp-Cell .jp-amltrain-comparison")
    expect(shown.locator("svg")).to_have_count(2)
    for name, chart in zip(("train_loss", "accuracy"), shown.locator("svg").all(), strict=True):
        assert (chart.get_attribute("aria-label") or "").startswith(f"Chart of {name}: rate 0.01 ")
        expect(chart.locator("polyline")).to_have_count(2)
    expect(shown.get_by_role("row", name="--rate")).to_contain_text("0.01")
    expect(shown.locator("details", has_text="range(300)")).to_have_count(1)
    shown.locator("summary").first.click()
    for theme in ("Dark", "Light"):
        use_theme(page, f"JupyterLab {theme}")
        shown.scroll_into_view_if_needed()
        expect_clear(shown)
        take(shown, f"compare-{theme.lower()}")
