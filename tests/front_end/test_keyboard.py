"""The view without a mouse: all is reached, seen to be focused, named, opened and closed; and without motion."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from front_end.parts import FRONT_END
from front_end.states import LOG, failed, running
from front_end.test_frame import curves, show

TABS = ("Log", "Outputs 3", "Values", "Parameters 2", "Environment", "Command")

# Whatever can be operated, by its tag, role or place in the order of Tab; of tabs the chosen one stands for all.
CONTROLS = """() => [...document.querySelectorAll('.jp-amltrain-run-view *')].filter(node =>
    node.matches('a[href], button, input, select, textarea, summary, [tabindex], [contenteditable], [role=button]')
    && node.checkVisibility({visibilityProperty: true}) && !node.disabled
    && !node.matches('[role=tab][aria-selected=false], .uplot *')
)"""
FOCUSED = """() => {
    const node = document.activeElement;
    const style = getComputedStyle(node);
    const box = node.getBoundingClientRect();
    const room = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
    const ring = {left: box.left - room, top: box.top - room, right: box.right + room, bottom: box.bottom + room};
    const cut = [];
    for (let at = node.parentElement; at; at = at.parentElement) {
        const {left, top, right, bottom} = at.getBoundingClientRect();
        const inside = ring.left >= left && ring.top >= top && ring.right <= right && ring.bottom <= bottom;
        if (!inside && getComputedStyle(at).overflowX !== 'visible') cut.push(at.className);
    }
    return {
        name: node.ariaLabel || node.textContent || node.tagName,
        ring: node.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        cut,
        seen: box.top >= 0 && box.bottom <= innerHeight,
    };
}"""
# Roles of the accessibility tree whose nodes must say what they are.
NAMED = {"button", "checkbox", "combobox", "searchbox", "slider", "tab", "textbox", "link", "DisclosureTriangle", "log"}


def walk(page: Page) -> int:
    """Go through the view by Tab, from before it to behind it; how many controls there were."""
    page.evaluate(
        """() => {
            const fence = id => Object.assign(document.createElement('button'), {id, textContent: id});
            place.before(fence('before'));
            place.after(fence('after'));
            document.querySelector('#before').focus();
            window.visited = new Set();
        }"""
    )
    controls = page.evaluate(f"(window.controls = ({CONTROLS})()).map(node => node.ariaLabel || node.textContent)")
    for _ in range(len(controls) + 1):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id === 'after'"):
            break
        focused = page.evaluate(FOCUSED)
        assert focused["ring"], focused
        assert focused["seen"], focused
        assert not focused["cut"], focused
        page.evaluate("visited.add(document.activeElement)")
    assert page.evaluate("document.activeElement.id") == "after"
    missed = page.evaluate("controls.filter(node => !visited.has(node)).map(node => node.outerHTML.slice(0, 200))")
    assert missed == []
    return len(controls)


def expect_names(page: Page) -> None:
    """Whatever can be operated or focused says what it is to a screen reader."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    names = [
        (node["role"]["value"], node.get("name", {}).get("value", "").strip()) for node in tree if is_control(node)
    ]
    assert [each for each in names if not each[1]] == []
    assert len(names) > 5


def is_control(node: dict[str, Any]) -> bool:
    if node["ignored"] or node["role"]["value"] == "RootWebArea":
        return False
    properties = {each["name"]: each["value"].get("value") for each in node.get("properties", ())}
    return node["role"]["value"] in NAMED or bool(properties.get("focusable"))


@pytest.mark.parametrize("tab", TABS)
def test_all_of_a_run_is_reached_by_tab(view_page: Page, tab: str) -> None:
    show(view_page, running())
    curves(view_page)
    view_page.evaluate("for (let id = 9; id < 50; id++) source.points(`accuracy_${id}`, [id, 1, id], {id})")
    view_page.evaluate("log => source.print(log, 'a line\\n')", LOG)
    view_page.get_by_role("tab", name=tab).click()
    expect(view_page.get_by_role("button", name="Show more charts")).to_be_visible()
    view_page.wait_for_timeout(300)
    assert walk(view_page) > 10
    expect_names(view_page)


def test_a_failure_is_reached_by_tab(view_page: Page) -> None:
    show(view_page, failed())
    view_page.get_by_role("button", name="train.py:41").press("Enter")
    view_page.locator("summary", has_text="Last lines").press("Enter")
    expect(view_page.locator("mark")).to_be_visible()
    walk(view_page)
    expect_names(view_page)


def test_menu_and_chooser_open_and_close(view_page: Page) -> None:
    show(view_page, running())
    menu = view_page.get_by_label("More")
    for leave in ("Escape", "Enter"):
        menu.press("Enter")
        view_page.keyboard.press("Tab")
        expect(view_page.get_by_role("button", name="Compare with …")).to_be_focused()
        view_page.keyboard.press(leave)
        expect(view_page.get_by_role("button", name="Compare with …")).to_be_hidden()
    expect(view_page.get_by_label("first")).to_be_focused()
    view_page.keyboard.press("Escape")
    expect(view_page.get_by_label("first")).to_be_hidden()
    expect(menu).to_be_focused()
    menu.press("Enter")
    view_page.keyboard.press("Shift+Tab")
    expect(view_page.get_by_role("button", name="Compare with …")).to_be_hidden()
    menu.press("Enter")
    view_page.get_by_role("button", name="Copy the run id").press("Enter")
    expect(menu).to_be_focused()

    menu.press("Enter")
    view_page.get_by_role("button", name="Compare with …").press("Enter")
    view_page.get_by_label("first").press(" ")
    view_page.get_by_role("button", name="Draw").press("Enter")
    expect(view_page.get_by_role("button", name="Do not draw before")).to_be_focused()
    view_page.keyboard.press("Enter")
    expect(view_page.get_by_role("button", name="Do not draw before")).to_have_count(0)
    expect(menu).to_be_focused()


def test_code_that_was_opened_is_closed_with_escape(view_page: Page) -> None:
    show(view_page, failed())
    place = view_page.get_by_role("button", name="train.py:41")
    place.press("Enter")
    code = view_page.get_by_role("group", name="train.py around line 41")
    code.press("Escape")
    expect(code).to_have_count(0)
    expect(place).to_be_focused()


def test_a_chart_is_zoomed_and_its_curves_are_taken_away(view_page: Page) -> None:
    show(view_page, running())
    curves(view_page)
    chart = view_page.get_by_role("group", name="Chart loss")
    for key in ("+", "+", "ArrowRight"):
        chart.press(key)
    expect(chart.locator("output")).to_contain_text("step 75 ·")
    chart.press("Escape")
    chart.press("ArrowRight")
    expect(chart.locator("output")).to_contain_text("step 0 ·")
    curve = chart.get_by_role("button", name="valid_loss")
    curve.press("Enter")
    expect(curve).to_have_attribute("aria-pressed", "false")
    expect(curve).to_be_focused()


@pytest.mark.parametrize(("tab", "control"), [("Outputs 3", "Download outputs/model.pkl"), ("Command", "Copy")])
def test_focus_stays_while_the_run_goes_on(view_page: Page, tab: str, control: str) -> None:
    show(view_page, running())
    view_page.get_by_role("tab", name=tab).click()
    button = view_page.get_by_role("tabpanel").get_by_role("button", name=control)
    button.focus()
    view_page.evaluate(
        """() => {
            const files = ['outputs/another', 'outputs/model.pkl'].map(name => ({name, size_bytes: 2}));
            source.answers.outputs = () => ({files, more: 0});
            source.update({output_count: 2});
        }"""
    )
    expect(view_page.get_by_role("tabpanel")).to_contain_text("another" if "Outputs" in tab else "docker run")
    expect(button).to_be_focused()
    button.press("Enter")
    expect(button).to_be_focused()


def test_bare_keys_are_kept_from_the_notebook(view_page: Page) -> None:
    show(view_page, running())
    view_page.evaluate("window.heard = []; document.addEventListener('keydown', event => heard.push(event.key))")
    field = view_page.get_by_label("Search in the log")
    for key in ("d", "Shift+Enter", "ArrowDown"):
        field.press(key)
    view_page.get_by_label("Which log").press("d")
    field.press("Control+s")
    view_page.get_by_role("log").press("Shift+Enter")
    assert view_page.evaluate("heard.filter(key => key !== 'Shift')") == ["Control", "s", "Enter"]
    expect(field).to_have_value("d")


def test_nothing_moves_for_those_who_want_no_motion(view_page: Page) -> None:
    view_page.add_style_tag(path=FRONT_END / "style" / "base.css")
    show(view_page, running())
    view_page.evaluate(
        "place.insertAdjacentHTML('beforeend', '<p class=jp-RenderedHTMLCommon><b class=jp-amltrain-live>●</b></p>')"
    )
    moving = "document.getAnimations().map(each => each.animationName ?? each.transitionProperty)"
    assert set(view_page.evaluate(moving)) == {"jp-amltrain-now", "jp-amltrain-pulse"}
    view_page.emulate_media(reduced_motion="reduce")
    for state in (running(), running(status="Queued"), failed()):
        view_page.evaluate("state => source.update(state)", state)
        assert view_page.evaluate(moving) == []
        assert view_page.evaluate(
            "[...document.querySelectorAll('*')].every(node => getComputedStyle(node).scrollBehavior === 'auto')"
        )
