"""``%aml_compare`` in JupyterLab, with real runs behind, in both themes."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from browser.lab import PICTURES, run_all_cells, use_theme
from browser.server import write_notebook
from browser.test_saved import CONTRASTS

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
        for ratio, text in shown.evaluate(CONTRASTS):
            assert ratio >= (3 if text == "━" else 4.5), (theme, ratio, text)
        PICTURES.mkdir(parents=True, exist_ok=True)
        shown.screenshot(path=str(PICTURES / f"compare-{theme.lower()}.png"), animations="disabled")
