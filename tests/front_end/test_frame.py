"""The frame of the view: header, phases, tabs, failure card; by keyboard, with hostile names, in both themes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from browser.lab import take_picture
from front_end.conftest import use_theme
from front_end.states import LOG, failed, running

HOSTILE = "<img src=x onerror=alert(1)>\u202egpj.exe"


def show(page: Page, state: dict[str, Any]) -> None:
    page.evaluate(
        """state => {
            window.source = new PlayedSource();
            source.state = state;
            source.answers.outputs = () => ({files: [{name: 'outputs/model.pkl', size_bytes: 87e6}], more: 2});
            source.answers.values = () => ({values: []});
            const origin = {command: 'docker run --rm image python train.py', cell: '%aml_submit train.py'};
            source.answers.origin = () => origin;
            source.answers.cancel = () => ({});
            source.answers.code = () => ({first: 40, lines: ['def main():', '    dls = 1', '']});
            source.answers.rerun = () => {
                source.update({run_id: 'next_1_abcd', over: source.state.run_id, failure: null, status: 'Running'});
                return {};
            };
            const run = (run_id, name) => ({run_id, name, status: 'Completed', created: 1, series: []});
            source.answers.compare = content =>
                ({runs: content.runs.length ? [run(content.runs[0], 'before')] : [run('a', 'first')]});
            window.view = new RunView(source, {insertCell: text => { window.inserted = text; return true; }});
            place.append(view.node);
        }""",
        state,
    )


def curves(page: Page) -> None:
    loss = [1.1 * math.exp(-step / 40) + 0.05 * math.sin(step) for step in range(200)]
    page.evaluate("loss => source.points('train_loss', loss, {id: 1})", loss)
    page.evaluate("loss => source.points('valid_loss', loss.map(x => x + .1), {id: 2, source: 'fastai'})", loss)
    page.evaluate("loss => source.points('error_rate', loss.map(x => x / 3), {id: 3})", loss)
    page.evaluate("loss => source.points('system/cpu', loss.map(x => 90 + x), {id: 4, source: 'system'})", loss)
    page.locator(".uplot").nth(1).wait_for()


def test_a_run_as_it_goes(view_page: Page) -> None:
    show(view_page, running())
    curves(view_page)
    view_page.evaluate(
        "log => source.print(log, 'epoch  train_loss\\n0  1.02\\n\\x1b[33mUserWarning: 4 on 2 cores\\x1b[0m\\n')",
        LOG,
    )
    expect(view_page.get_by_role("log")).to_contain_text("UserWarning")
    expect(view_page.locator(".jp-amltrain-header")).to_contain_text("fastai-custom-image …b1c4")
    expect(view_page.locator(".jp-amltrain-time")).to_contain_text("4:1")
    assert view_page.locator(".jp-amltrain-phase").all_inner_texts()[1] == "image 0.1 s · cached"
    assert view_page.locator(".jp-amltrain-chart-title").all_text_contents() == ["loss", "error_rate", "cpu"]
    for theme in ("light", "dark"):
        use_theme(view_page, theme)
        view_page.wait_for_timeout(300)
        take_picture(view_page, f"view-running-{theme}")
    view_page.set_viewport_size({"width": 420, "height": 900})
    view_page.wait_for_timeout(300)
    take_picture(view_page, "view-running-narrow")
    assert view_page.evaluate("document.documentElement.scrollWidth <= 420")


def test_a_failure_says_why_where_and_what_to_do(view_page: Page) -> None:
    show(view_page, failed())
    card = view_page.get_by_role("region", name="Why it failed")
    expect(card).to_contain_text("killed for memory")
    expect(card).to_contain_text("exit code 137, SIGKILL")
    expect(card.get_by_role("listitem").first).to_contain_text("cell line 12")
    card.get_by_role("button", name="train.py:41").click()
    expect(card.locator("mark")).to_contain_text("41      dls = 1")
    for theme in ("light", "dark"):
        use_theme(view_page, theme)
        take_picture(view_page, f"view-failed-{theme}")
    card.get_by_role("button", name="Rerun with --shm 8g").click()
    expect(card).to_be_hidden()
    expect(view_page.locator(".jp-amltrain-comparing")).to_contain_text("before")
    asked = view_page.evaluate("source.asked.filter(one => one.kind === 'rerun')")
    assert asked == [{"kind": "rerun", "content": {"arguments": ["--shm", "8g"]}}]


def test_a_canceled_run_shows_where(view_page: Page) -> None:
    state = running(status="Canceled", can_cancel=False)
    state["ended"] = state["now"]
    state["phases"][4].update(state="canceled", end=state["now"], note="canceled")
    state["phases"][5].update(state="done", begin=state["now"], end=state["now"])
    show(view_page, state)
    bars = view_page.evaluate(
        """() => [...document.querySelectorAll('.jp-amltrain-phase')].map(
            node => [node.textContent, getComputedStyle(node).borderTopColor])"""
    )
    colours = {text.split()[0]: colour for text, colour in bars}
    assert {name for name, colour in colours.items() if colour == colours["finalise"]} == {*colours} - {"running"}
    assert view_page.locator(".jp-amltrain-phase.jp-amltrain-canceled").inner_text() == "running 4:12 · canceled"


def test_a_build_is_not_called_a_run(view_page: Page) -> None:
    show(view_page, {**failed(), "run_id": "build_1", "is_build": True})
    view = view_page.get_by_role("region", name="Build build_1")
    expect(view.get_by_role("region", name="Why it failed")).to_be_visible()
    named = view.evaluate("node => [node, ...node.querySelectorAll('[aria-label]')].map(each => each.ariaLabel)")
    assert {"Phases", "Log"} <= set(named)
    assert [name for name in named if "run" in name.lower()] == []


def test_tabs_by_keyboard(view_page: Page) -> None:
    show(view_page, running())
    view_page.get_by_role("tab", name="Log").focus()
    view_page.keyboard.press("ArrowRight")
    expect(view_page.get_by_role("tab", name="Outputs 3")).to_be_focused()
    expect(view_page.get_by_role("tabpanel")).to_contain_text("outputs/model.pkl")
    view_page.keyboard.press("End")
    expect(view_page.get_by_role("tabpanel")).to_contain_text("docker run --rm image python train.py")
    view_page.keyboard.press("ArrowLeft")
    expect(view_page.get_by_role("tabpanel")).to_contain_text("fastai2:4")
    view_page.keyboard.press("ArrowLeft")
    expect(view_page.get_by_role("tabpanel")).to_contain_text("n_epoch")


def test_buttons_do_what_they_say(view_page: Page) -> None:
    show(view_page, running())
    view_page.get_by_role("button", name="Cancel").click()
    expect(view_page.locator(".jp-amltrain-header")).to_contain_text("Canceling …")
    view_page.get_by_label("More").click()
    view_page.get_by_role("button", name="Put the cell back").click()
    view_page.wait_for_function("window.inserted === '%aml_submit train.py'")
    view_page.get_by_label("More").click()
    view_page.get_by_role("button", name="Compare with …").click()
    view_page.get_by_label("first").check()
    view_page.get_by_role("button", name="Draw").click()
    expect(view_page.locator(".jp-amltrain-comparing")).to_contain_text("Drawn behind: before")
    view_page.evaluate("void (source.answers.cancel = () => { throw new Error('It is over already.') })")
    view_page.get_by_role("button", name="Cancel").click()
    expect(view_page.get_by_role("alert").first).to_contain_text("It is over already.")


def test_names_of_others_stay_text(view_page: Page) -> None:
    dialogs: list[str] = []
    view_page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    state = running(display_name=HOSTILE, tags=[[HOSTILE, HOSTILE]], environment=HOSTILE, notes=[HOSTILE])
    state["phases"][4]["note"] = HOSTILE
    show(view_page, state)
    view_page.evaluate("name => source.points(name, [1, 2, 3])", HOSTILE)
    view_page.evaluate("([log, text]) => source.print(log, text + '\\n')", [LOG, HOSTILE])
    for name in ("Outputs 3", "Values", "Parameters", "Environment", "Command", "Log"):
        view_page.get_by_role("tab", name=name).click()
    view_page.locator(".uplot").wait_for()
    assert view_page.locator("img").count() == 0
    assert dialogs == []
    assert "<img src=x onerror=alert(1)>⟨202E⟩gpj.exe" in view_page.locator(".jp-amltrain-name").inner_text()


def test_a_kernel_that_is_gone_is_said(view_page: Page) -> None:
    show(view_page, running())
    view_page.evaluate("source.lose()")
    expect(view_page.locator(".jp-amltrain-lost")).to_contain_text("%aml_run fastai-custom-image_1790000000_3fa2b1c4")
    expect(view_page.get_by_role("button", name="Cancel")).to_be_disabled()


def test_the_bundle_is_small() -> None:
    built = Path(__file__).parents[2] / "jupyter_amltrain" / "widget" / "static"
    assert (built / "run_view.js").stat().st_size <= 100_000
    assert (built / "loader.js").stat().st_size <= 2_000
