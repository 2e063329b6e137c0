"""Runs side by side as HTML and text: curves over each other in colours that stay, nothing but text, and small."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from jupyter_amltrain.runs.comparison import compare
from jupyter_amltrain.runs.record import SYSTEM, NewPoint
from jupyter_amltrain.saved.charts import COLOURS, MOST_CURVES
from jupyter_amltrain.saved.comparison import comparison_html, comparison_text
from jupyter_amltrain.saved.overlay import overlay
from jupyter_amltrain.saved.page import MOST_BYTES
from jupyter_amltrain.workspace import Workspace
from runs.by_hand import enter_run
from saved.harmless import HOSTILE, Page, harmless


@pytest.fixture
def workspace(amltrain_home: Path) -> Workspace:
    return Workspace.create("saved", show_output=False)


def enter(workspace: Workspace, run_id: str, name: str, curves: dict[str, list[float]]) -> str:
    run = enter_run(workspace, run_id)
    workspace.store.describe(run.id, display_name=name)
    points = [
        NewPoint(metric, "scalar", value, step, 1000.0 + step, 0)
        for metric, values in curves.items()
        for step, value in enumerate(values)
    ]
    workspace.store.add_points(workspace.store.run(run.id), points)
    return run.id


def shown(workspace: Workspace, *run_ids: str) -> tuple[Page, str, str]:
    found = compare(workspace.store, workspace.folder, run_ids)
    curves = overlay(workspace.store, found.runs)
    html, text = comparison_html(found, curves), comparison_text(found, curves)
    assert len(html.encode()) + len(text.encode()) < MOST_BYTES
    assert not {*text} & {"\u202e", "\x1b", "\x00"}
    return harmless(html), html, text


def charts(html: str) -> dict[str, str]:
    """Name of each chart → its markup."""
    return {found[1]: found[0] for found in re.finditer(r"<strong>([^<]*)</strong>.*?</svg>", html)}


def test_curves_of_a_run_have_one_colour_in_all_charts(workspace: Workspace) -> None:
    falling, rising = [1 / (1 + step) for step in range(50)], [step / 50 for step in range(50)]
    first = enter(workspace, "a", "small", {"only": rising, "accuracy": rising, "train_loss": falling, "seed": [3.0]})
    second = enter(workspace, "b", "middle", {"train_loss": falling[:20]})
    third = enter(workspace, "c", "large", {"train_loss": falling, "accuracy": rising})
    enter(workspace, "d", "unasked", {"train_loss": falling})
    page, html, text = shown(workspace, first, second, third)
    drawn = charts(html)
    assert list(drawn) == ["train_loss", "accuracy", "only"]
    lines = {name: re.findall(r'<polyline .*?stroke="(#\w+)"', chart) for name, chart in drawn.items()}
    assert lines == {"train_loss": list(COLOURS[:3]), "accuracy": [COLOURS[0], COLOURS[2]], "only": [COLOURS[0]]}
    for name, chart in drawn.items():
        legend = re.findall(r"color:(#\w+)\">━</span>&nbsp;(\w+) ", chart)
        runs = dict(zip(COLOURS, ("small", "middle", "large"), strict=False))
        assert legend == [(colour, runs[colour]) for colour in lines[name]]
    ends = [line.split()[-1] for line in re.findall(r'points="([^"]*)"', drawn["train_loss"])]
    assert ends[0].split(",")[0] == ends[2].split(",")[0] == "284"
    assert float(ends[1].split(",")[0]) == pytest.approx(4 + 280 * 19 / 49, abs=0.1)
    assert re.search(r"^train_loss +small +█\S+ +0\.02\n +middle +█\S+ +0\.05\n +large +█", text, re.MULTILINE)
    assert "steps 0 … 49" in page.text
    assert "unasked" not in page.text


def test_what_the_machine_did_and_other_ranks_are_left_out(workspace: Workspace) -> None:
    curves = {"loss": [2.0, 1.0]}
    runs = [enter(workspace, name, name, curves) for name in ("one", "two")]
    for run_id in runs:
        record = workspace.store.run(run_id)
        workspace.store.add_points(record, [NewPoint("loss", "scalar", 9.0, step, 1.0, 1) for step in range(9)])
        workspace.store.add_points(
            record, [NewPoint("system/memory", "scalar", 9e9, None, step, 0, source=SYSTEM) for step in range(9)]
        )
    _, html, _ = shown(workspace, *runs)
    assert list(charts(html)) == ["loss"]
    assert html.count("<polyline") == 2


def test_runs_of_one_name_are_told_apart(workspace: Workspace) -> None:
    runs = [enter(workspace, run_id, "again", {"loss": [2.0, 1.0]}) for run_id in ("run_1_a", "run_2_b")]
    page, html, _ = shown(workspace, *runs)
    assert "again run_1_a" in page.text
    assert re.findall(r'<polyline .*?stroke="(#\w+)"', html) == list(COLOURS[:2])


def test_whatever_was_logged_it_stays_small_and_text(workspace: Workspace) -> None:
    values = [math.sin(step) for step in range(1000)]
    curves = {f"{place}{HOSTILE}": values for place in range(60)} | {f"m{place}": [1.0, 2.0] for place in range(10_000)}
    runs = [enter(workspace, f"r{place}", HOSTILE * 100 + str(place), curves) for place in range(2)]
    runs += [enter(workspace, f"r{place}", str(place), {"0" + HOSTILE: values}) for place in range(2, 12)]
    page, html, text = shown(workspace, *runs)
    assert 2 <= html.count("<svg") < 40
    assert html.count("<polyline") >= MOST_CURVES
    assert "The charts have the first 8 of 12 runs." in page.text
    assert re.search(r"Metrics without a chart here: 10,0\d\d\.", page.text)
    assert "Of each run the first 200 metrics are compared." in page.text
    assert "more differences" in page.text
    assert "lines more" in text


def test_odd_numbers_do_no_harm(workspace: Workspace) -> None:
    odd = [[math.nan] * 3, [1.7e308, -1.7e308], [1.0, math.inf, 2.0]]
    runs = [enter(workspace, f"r{place}", str(place), {"odd": values}) for place, values in enumerate(odd)]
    _, html, _ = shown(workspace, *runs)
    assert "<polyline" in html
    assert not re.search(r'(?:points|c[xy])="[^"]*(?:nan|inf)', html)


def test_runs_without_curves_are_compared_all_the_same(workspace: Workspace) -> None:
    page, html, text = shown(workspace, *(enter(workspace, name, name, {}) for name in ("one", "two")))
    assert "<svg" not in html
    assert "No difference" in page.text
    assert "No difference" in text
