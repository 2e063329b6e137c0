"""The charts in Chromium: looked at closer, on other axes, with curves taken away, and with numbers that are none."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def charts(view_page: Page) -> Page:
    """A page with the charts of a run."""
    view_page.evaluate(
        """() => {
            window.source = new PlayedSource();
            window.grid = new ChartGrid(source);
            const root = document.createElement('section');
            root.className = 'jp-amltrain-run-view';
            root.append(grid.node);
            place.append(root);
        }"""
    )
    return view_page


def log(page: Page, name: str, values: list[float], curve: int = 1) -> None:
    page.evaluate(
        "([name, values, id]) => source.points(name, values.map(Number), {id})", [name, [str(v) for v in values], curve]
    )


def read_at(page: Page, share: float, family: str = "") -> str:
    """What is said of the place under the pointer, a share of the width of a chart, the first if none is named."""
    chart = page.locator(".jp-amltrain-chart", has_text=family).first
    plot = chart.locator(".u-over")
    box = plot.bounding_box()
    assert box
    plot.hover(position={"x": share * box["width"], "y": 40})
    read = chart.locator(".jp-amltrain-chart-read")
    expect(read).not_to_be_empty()
    return read.inner_text()


def test_values_are_read_and_curves_taken_away(charts: Page) -> None:
    log(charts, "train_loss", [3.0, 2.0, 1.0])
    log(charts, "valid_loss", [30.0, 20.0, 10.0], 2)
    charts.locator(".u-over").wait_for()
    assert read_at(charts, 0.5) == "step 1 · train_loss 2 · valid_loss 20"
    valid = charts.get_by_role("button", name="valid_loss")
    valid.press("Enter")
    expect(valid).to_have_attribute("aria-pressed", "false")
    assert read_at(charts, 0.5) == "step 1 · train_loss 2"
    expect(charts.get_by_role("group", name="Chart loss")).to_have_accessible_name(
        "Chart loss: train_loss, 3 points, last 1, lowest 1, highest 3; "
        "valid_loss, 3 points, last 10, lowest 10, highest 30"
    )


def test_a_part_is_looked_at_and_left_with_escape(charts: Page) -> None:
    log(charts, "loss", [float(step) for step in range(101)])
    plot = charts.locator(".u-over")
    plot.wait_for()
    box = plot.bounding_box()
    assert box
    charts.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    charts.mouse.down()
    charts.mouse.move(box["x"] + box["width"] - 2, box["y"] + 40, steps=4)
    charts.mouse.up()
    charts.wait_for_function("() => grid._charts.values().next().value._zoom")
    assert int(read_at(charts, 0.1).split()[1]) > 50
    charts.get_by_role("group", name="Chart loss").press("Escape")
    charts.locator(".u-over").wait_for()
    assert int(read_at(charts, 0.1).split()[1]) < 50


def test_a_double_click_shows_all_of_every_chart_again(charts: Page) -> None:
    log(charts, "loss", [float(step) for step in range(101)])
    log(charts, "accuracy", [float(step) for step in range(101)], 2)
    expect(charts.locator(".u-over")).to_have_count(2)
    for name in ("loss", "accuracy"):
        charts.get_by_role("group", name=f"Chart {name}").press("+")
    for name in ("loss", "accuracy"):
        assert int(read_at(charts, 0.99, name).split()[1]) < 80
    charts.locator(".u-over").first.dblclick()
    for name in ("loss", "accuracy"):
        assert int(read_at(charts, 0.99, name).split()[1]) > 97


def at_times(page: Page, name: str, curve: int, times: list[float], values: list[float]) -> None:
    """Points that were logged at these times, by these steps."""
    page.evaluate(
        "([name, id, time, values]) => source.points(name, values, {id, time: Float64Array.from(time)})",
        [name, curve, times, values],
    )


def test_a_clock_that_goes_back(charts: Page) -> None:
    begun = 1.7e9
    at_times(charts, "loss", 1, [begun + 10, begun + 20, begun + 5, begun + 15], [4.0, 3.0, 2.0, 1.0])
    charts.locator(".u-over").wait_for()
    assert read_at(charts, 0.66) == "step 2 · loss 2"
    charts.get_by_label("Horizontal axis").select_option("relative")
    # In the order of the clock, from the earliest; the last value is still the one that was logged last.
    said = [read_at(charts, share) for share in (0.001, 0.34, 0.66, 0.999)]
    assert said == ["0 s · loss 2", "5.0 s · loss 4", "10 s · loss 1", "15 s · loss 3"]
    expect(charts.locator(".jp-amltrain-chart-last")).to_have_text("1")


def test_by_epoch(charts: Page) -> None:
    axis = charts.get_by_label("Horizontal axis")
    at_times(charts, "loss", 1, [1.7e9 + at for at in range(0, 45, 5)], [9.0 - at for at in range(9)])
    charts.locator(".u-over").wait_for()
    assert axis.locator("option:not([hidden])").all_inner_texts() == ["Step", "Time", "Clock"]
    at_times(charts, "epoch", 2, [1.7e9 + at for at in range(0, 50, 10)], [0.0, 1.0, 2.0, 3.0, 4.0])
    expect(charts.locator(".u-over")).to_have_count(2)
    axis.select_option("Epoch")
    # Between two epochs that were logged it is the share of the time between them.
    assert read_at(charts, 0.999, "loss") == "epoch 4 · loss 1"
    assert read_at(charts, 0.375, "loss") == "epoch 1.5 · loss 6"


def test_axes_and_numbers_that_are_none(charts: Page) -> None:
    log(charts, "loss", [1.0, math.nan, math.inf, 0.0, 1000.0])
    charts.locator(".u-over").wait_for()
    charts.get_by_label("Log scale").check()
    charts.get_by_label("Horizontal axis").select_option("Time")
    charts.get_by_label("Smoothing").fill("0.5")
    charts.locator(".u-over").wait_for()
    assert "loss" in read_at(charts, 0.99)
    expect(charts.locator(".jp-amltrain-chart-last")).to_have_text("1,000")


def test_ten_thousand_names(charts: Page) -> None:
    charts.evaluate("() => { for (let id = 0; id < 10000; id++) source.points(`metric of ${id}`, [id], {id}); }")
    # By selectors: to look for roles and labels among so many takes Playwright seconds.
    expect(charts.locator(".jp-amltrain-chart-grid > button")).to_have_text("Show more charts (9,970)")
    expect(charts.locator(".uplot").first).to_be_visible()
    charts.locator("input[type=search]").fill("metric of 9876")
    expect(charts.locator(".jp-amltrain-chart:visible")).to_have_count(1)
    expect(charts.locator(".jp-amltrain-chart:visible")).to_contain_text("9,876")


def test_the_closed_group_tells_what_the_machine_does_now(charts: Page) -> None:
    for load in (10, 90):
        charts.evaluate("load => source.points('system/cpu', [load], {id: 1, source: 'system'})", load)
        expect(charts.locator(".jp-amltrain-machine summary")).to_contain_text(f"cpu {load} %")


def test_another_run_is_drawn_behind_by_its_own_time(charts: Page) -> None:
    log(charts, "loss", [3.0, 2.0, 1.0])
    charts.evaluate(
        """() => {
            const series = (id, name, value, at) => ({
                id, name, source: '', rank: 0, count: 3, replace: true, value: new Float64Array(value),
                step: new Float64Array([0, 1, 2]), time: new Float64Array([at, at + 1, at + 2])
            });
            grid.overlay([
                {name: 'before', series: [series(1, 'loss', [6, 5, 4], 5e8), series(2, 'other', [1, 1, 1], 5e8)]},
                {name: '<b>last</b>', series: [series(1, 'loss', [9, 8, 7], 1e9)]}
            ]);
        }"""
    )
    legend = charts.locator(".jp-amltrain-legend")
    expect(legend).to_have_text(["loss", "before", "<b>last</b>"])
    assert read_at(charts, 0.5) == "step 1 · loss 2 · before 5 · <b>last</b> 8"
    charts.get_by_label("Horizontal axis").select_option("relative")
    assert read_at(charts, 0.99).endswith("loss 1 · before 4 · <b>last</b> 7")
    expect(charts.locator(".jp-amltrain-chart")).to_have_count(1)
    log(charts, "other", [2.0, 2.0, 2.0], 2)
    expect(legend).to_have_text(["loss", "before", "<b>last</b>", "other", "before"])
    charts.evaluate("grid.overlay([])")
    expect(legend).to_have_count(0)
