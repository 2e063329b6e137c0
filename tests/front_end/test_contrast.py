"""Whatever a view shows can be read in both themes of JupyterLab; whole notebooks are looked at in tests/browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from browser.chromium import chromium_page
from browser.contrast import expect_clear, watch_canvases
from front_end.conftest import use_theme
from front_end.parts import load
from front_end.states import LOG, failed, running
from front_end.test_frame import curves, show

STATES = ("NotStarted", "Queued", "Preparing", "Running", "CancelRequested", "Completed", "Canceled")
# Each of the 16 colours on each of the first 8, then the 256 and some of the 16 million, as text and as ground.
BASIC = ("", *map(str, (*range(30, 38), *range(90, 98))))
STYLES = [f"{text};{ground}" for text in BASIC for ground in ("", *range(40, 48))]
STYLES += [f"{kind};5;{colour}" for kind in (38, 48) for colour in range(256)]
STYLES += [f"{kind};2;{rgb}" for kind in (38, 48) for rgb in ("0;0;0", "255;255;255", "255;255;0", "0;0;128")]


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, view_page: Page) -> Page:
    """A page in a theme."""
    watch_canvases(view_page)
    use_theme(view_page, request.param)
    return view_page


def look(page: Page) -> None:
    expect_clear(page.locator("body"))


def say(page: Page, text: str) -> None:
    page.evaluate("([log, text]) => source.print(log, text)", [LOG, text])


def test_a_run_in_each_state(themed: Page) -> None:
    show(themed, running())
    curves(themed)
    say(themed, "a line\n")
    expect(themed.get_by_role("log")).to_contain_text("a line")
    for status in STATES:
        themed.evaluate("state => source.update(state)", running(status=status, reason="for a reason"))
        expect(themed.locator(".jp-amltrain-chip")).to_have_text(status)
        look(themed)
    themed.evaluate("source.lose()")
    look(themed)


def test_a_failure_of_a_run_and_of_a_build(themed: Page) -> None:
    show(themed, failed())
    card = themed.get_by_role("region", name="Why it failed")
    card.get_by_role("button", name="train.py:41").click()
    expect(card.locator("mark")).to_be_visible()
    card.locator("summary").click()
    card.get_by_role("button", name="Copy").click()
    expect(card.get_by_role("alert")).to_contain_text("Copied")
    look(themed)
    themed.evaluate("source.update({is_build: true})")
    look(themed)


def test_tabs_and_tables(themed: Page) -> None:
    show(themed, running(notes=["a note"]))
    themed.evaluate(
        """() => {
            const value = {name: 'of a name', source: 'fastai', count: 2, file: ''};
            source.answers.values = () => ({values: [
                {...value, kind: 'table', value: {epoch: [1, 2], text: ['a', 'b']}},
                {...value, kind: 'text', value: 'word'},
            ]});
        }"""
    )
    for tab, words in (
        ("Outputs 3", "2 more files"),
        ("Values", "of a name"),
        ("Parameters 2", "wd"),
        ("Environment", "a note"),
        ("Command", "docker run"),
    ):
        themed.get_by_role("tab", name=tab).click()
        expect(themed.get_by_role("tabpanel")).to_contain_text(words)
        look(themed)


def test_curves_of_other_runs_and_the_menu(themed: Page) -> None:
    show(themed, running())
    curves(themed)
    themed.evaluate("for (let id = 9; id < 20; id++) source.points(`accuracy_${id}`, [id, 1, id], {id})")
    themed.get_by_label("More").click()
    look(themed)
    themed.get_by_role("button", name="Compare with …").click()
    expect(themed.get_by_label("first")).to_be_visible()
    look(themed)
    themed.get_by_label("first").check()
    themed.evaluate(
        """() => {
            const at = new Float64Array([0, 1, 2]);
            const loss = {id: 1, name: 'train_loss', source: '', rank: 0, count: 3, replace: true};
            const series = [{...loss, step: at, time: at, value: at}];
            const run = {run_id: 'a', name: 'before', status: 'Completed', created: 1, series};
            source.answers.compare = () => ({runs: [run]});
        }"""
    )
    themed.get_by_role("button", name="Draw").click()
    expect(themed.locator(".jp-amltrain-behind")).to_have_text("before train_loss")
    themed.get_by_role("button", name="valid_loss").click()
    themed.locator(".jp-amltrain-machine summary").click()
    expect(themed.locator(".jp-amltrain-machine .uplot")).to_be_visible()
    themed.get_by_label("Smoothing").fill("0.5")
    look(themed)


def test_what_is_found_in_a_log(themed: Page) -> None:
    show(themed, running())
    themed.evaluate(
        "() => { source.answers.find = () => ({matches: [{offset: 0, line: 'Error: one'}], complete: false}); }"
    )
    styles = [
        f"\x1b[{style}mError: one\x1b[0m" for style in ("", "31", "33;2", "36", "93;44", "38;5;26", "48;5;226", "7")
    ]
    say(themed, " ".join(styles) + "\n" + "\n".join(styles))
    themed.get_by_label("Search in the log").fill("one")
    themed.get_by_role("button", name="Next match").click()
    expect(themed.locator(".jp-amltrain-log-marked mark")).to_have_count(len(styles))
    themed.get_by_label("Regular expression").click()
    themed.get_by_label("Lines to list").select_option("Warnings and errors")
    expect(themed.get_by_label("Lines of that level")).to_contain_text("and more")
    look(themed)


def test_a_log_in_all_colours(themed: Page) -> None:
    show(themed, running())
    at_once = 24
    for first in range(0, len(STYLES), at_once):
        styles = STYLES[first : first + at_once]
        for style in styles:
            say(themed, f"\x1b[{style}m{style} \x1b[1;2;4mbold and dim\x1b[7minverse\x1b[0m\n")
        expect(themed.get_by_role("log")).to_contain_text(f"{styles[-1]} bold")
        expect_clear(themed.get_by_role("log"))


VSCODE = "--vscode-editor-background:#1e1e1e;--vscode-editor-foreground:#d4d4d4;background:#1e1e1e"


@pytest.mark.parametrize("host", ["JupyterLab in high contrast", "VS Code", "light page", "dark page"])
def test_other_hosts(bundle: tuple[str, str], host: str) -> None:
    with chromium_page() as page:
        load(page, bundle)
        watch_canvases(page)
        if host.startswith("JupyterLab"):
            use_theme(page, "dark-high-contrast")
        elif host == "VS Code":
            page.evaluate("css => { document.body.className = 'vscode-dark'; document.body.style = css; }", VSCODE)
        elif host == "dark page":
            page.emulate_media(color_scheme="dark")
        show(page, running())
        curves(page)
        say(page, "".join(f"\x1b[{style}m{style}\x1b[0m " for style in STYLES[::7]) + "\n")
        expect(page.get_by_role("log")).to_contain_text(STYLES[7])
        look(page)
        page.evaluate("state => source.update(state)", failed())
        look(page)
