"""The log in Chromium: long, growing, hostile; searched, filtered, followed and left."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from browser.lab import take_picture
from front_end.conftest import use_theme
from front_end.states import LOG, running

HOSTILE = (
    "<b onclick=alert(1)>bold</b> \u202eevil\u202c \u200bhidden"
    " \x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\ \x1b[31mred\x1b[0m"
)


@pytest.fixture
def log(view_page: Page) -> Page:
    """A page with a log view of a run that goes on."""
    view_page.evaluate(
        """state => {
            window.source = new PlayedSource();
            source.state = state;
            window.view = new LogView(source);
            const root = document.createElement('section');
            root.className = 'jp-amltrain-run-view';
            root.append(view.node);
            place.append(root);
        }""",
        running(),
    )
    return view_page


def say(page: Page, text: str) -> None:
    page.evaluate("([log, text]) => source.print(log, text)", [LOG, text])


def numbered(page: Page, first: int, last: int) -> None:
    page.evaluate(
        "([log, first, last]) => source.print(log, Array.from({length: last - first},"
        " (_, at) => `line ${first + at} of the log\\n`).join(''))",
        [LOG, first, last],
    )


def rows(page: Page) -> list[str]:
    return page.locator(".jp-amltrain-log-row").all_text_contents()


def answer_find(page: Page) -> None:
    """Have the page search as the kernel does, in the whole log."""
    page.evaluate(
        """() => source.answers.find = ({file, text, level}) => {
            const all = new TextDecoder('latin1').decode(source.logs.get(file));
            const wanted = level ? /error/i : new RegExp(text, 'i');
            const matches = [];
            let offset = 0;
            for (const line of all.split('\\n')) {
                if (wanted.test(line)) matches.push({offset, line});
                offset += line.length + 1;
            }
            return {matches, complete: true};
        }"""
    )


def test_the_end_is_followed_until_somebody_scrolls_up(log: Page) -> None:
    numbered(log, 0, 5000)
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("line 4999 of the log")
    assert len(rows(log)) < 100
    viewport = log.get_by_role("log")
    viewport.evaluate("node => node.scrollTop = 1000")
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("line 60 of the log")
    numbered(log, 5000, 5010)
    follow = log.get_by_role("button", name="↓ Follow (10 new)")
    expect(follow).to_be_visible()
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("line 60 of the log")
    follow.click()
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("line 5009 of the log")
    expect(follow).to_be_hidden()


def test_bars_and_colours(log: Page) -> None:
    say(log, "epoch 1\n" + "".join(f"\r{percent}% |{'█' * percent}" for percent in range(0, 101, 20)))
    say(log, "\n\x1b[1;31mError:\x1b[0m \x1b[33mwarm\x1b[0m \x1b[38;5;39mblue\x1b[0m\n")
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("blue")
    assert rows(log) == ["epoch 1", f"100% |{'█' * 100}", "Error: warm blue"]
    error = log.locator(".jp-amltrain-log-rows span", has_text="Error:")
    expect(error).to_have_css("color", "rgb(198, 40, 40)")
    expect(error).to_have_css("font-weight", "700")
    for theme in ("light", "dark"):
        use_theme(log, theme)
        take_picture(log, f"log-{theme}")


def test_what_would_mislead_is_seen(log: Page) -> None:
    say(log, HOSTILE + "\n")
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("red")
    (shown,) = rows(log)
    assert shown == "<b onclick=alert(1)>bold</b> ⟨202E⟩evil⟨202C⟩ ⟨200B⟩hidden link red"
    assert log.locator(".jp-amltrain-log-rows :is(a, b)").count() == 0


def test_a_line_of_a_megabyte_is_shown_in_part(log: Page) -> None:
    say(log, "x" * 1_000_000 + "\nafter\n")
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("after")
    assert len(rows(log)[0]) < 2_100
    assert "998 kB more in this line" in rows(log)[0]


def test_search_finds_in_what_is_not_here(log: Page) -> None:
    answer_find(log)
    log.evaluate(
        "log => { const text = Array.from({length: 60000}, (_, at) => `row ${at}\\n`).join('');"
        " source.logs.set(log, new TextEncoder().encode(text)); source.followLog(log); }",
        LOG,
    )
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("row 59999")
    expect(log.locator(".jp-amltrain-log-above")).to_contain_text("above")
    field = log.get_by_label("Search in the log")
    field.fill("row 1234")
    expect(log.locator(".jp-amltrain-log-search")).to_contain_text("11")
    field.press("Enter")
    expect(log.locator(".jp-amltrain-log-search")).to_contain_text("1 of 11")
    expect(log.locator(".jp-amltrain-log-marked mark")).to_have_text("row 1234")
    assert "row 1230" in rows(log)
    field.press("Shift+Enter")
    expect(log.locator(".jp-amltrain-log-marked")).to_have_text("row 12349")
    log.get_by_label("Regular expression").click()
    field.fill("(")
    expect(log.locator(".jp-amltrain-log-search")).to_contain_text("not a regular expression")
    log.get_by_role("button", name="Follow").click()
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("row 59999")


def test_what_lies_above_is_read_when_somebody_goes_there(log: Page) -> None:
    log.evaluate(
        "log => { const text = Array.from({length: 20000}, (_, at) => `row ${at}\\n`).join('');"
        " source.logs.set(log, new TextEncoder().encode(text)); source.followLog(log); }",
        LOG,
    )
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("row 19999")
    viewport = log.get_by_role("log")
    for _ in range(40):
        viewport.evaluate("node => node.scrollTop = 0")
        log.wait_for_timeout(50)
        if "row 0" in rows(log):
            break
    assert "row 0" in rows(log)
    expect(log.locator(".jp-amltrain-log-above")).to_be_hidden()


IN_SIGHT = """() => {
    const sight = document.querySelector('.jp-amltrain-log-viewport').getBoundingClientRect();
    return [...document.querySelectorAll('.jp-amltrain-log-row')].filter(row => {
        const {top, bottom} = row.getBoundingClientRect();
        return bottom > sight.top && top < sight.bottom;
    }).map(row => row.textContent.split(' ').slice(0, 2).join(' '));
}"""
# Scrolling by keys goes on for some frames.
SETTLED = """async () => {
    const viewport = document.querySelector('.jp-amltrain-log-viewport');
    const frame = () => new Promise(requestAnimationFrame);
    for (let still = 0, before = NaN; still < 5; still = viewport.scrollTop === before ? still + 1 : 0) {
        before = viewport.scrollTop;
        await frame();
    }
}"""


def shown_part(page: Page, text: str) -> tuple[float, float]:
    """Where the row that begins so begins and ends in the viewport, as shares of its height."""
    return tuple(
        page.evaluate(
            """text => {
                const {top, height} = document.querySelector('.jp-amltrain-log-viewport').getBoundingClientRect();
                const row = [...document.querySelectorAll('.jp-amltrain-log-row')].find(
                    each => each.textContent.startsWith(text));
                const box = row?.getBoundingClientRect() ?? {top: NaN, bottom: NaN};
                return [(box.top - top) / height, (box.bottom - top) / height];
            }""",
            text,
        )
    )


@pytest.mark.parametrize("letter", ["x", "漢", "\t"])
def test_long_lines_are_wrapped(log: Page, letter: str) -> None:
    answer_find(log)
    wraps = log.get_by_role("button", name="Wrap long lines")
    rows_shown = log.locator(".jp-amltrain-log-rows")
    viewport = log.get_by_role("log")
    say(log, "".join(f"line {at} {letter * (at % 300)}\n" for at in range(2000)))
    wraps.click()
    expect(wraps).to_have_attribute("aria-pressed", "true")
    expect(rows_shown).to_contain_text("line 1999")
    assert viewport.evaluate("node => node.scrollWidth === node.clientWidth")
    assert shown_part(log, "line 1999")[1] == pytest.approx(1, abs=0.01)
    say(log, f"line 2000 {letter * 299}\n")
    expect(rows_shown).to_contain_text("line 2000")
    assert shown_part(log, "line 2000")[1] == pytest.approx(1, abs=0.01)

    viewport.press("Home")
    expect(rows_shown).to_contain_text("line 0")
    expect(log.get_by_role("button", name="Follow")).to_be_visible()
    assert shown_part(log, "line 0")[0] == 0
    # By a page of the viewport each time, every line comes into sight.
    seen = set()
    while "line 60" not in seen:
        seen |= set(log.evaluate(IN_SIGHT))
        viewport.press("PageDown")
        log.evaluate(SETTLED)
    assert {f"line {at}" for at in range(60)} <= seen

    say(log, "ValueError\n" + "".join(f"after {at} {letter * 299}\n" for at in range(200)))
    log.get_by_role("button", name="First error").click()
    expect(log.locator(".jp-amltrain-log-marked")).to_have_text("ValueError")
    assert shown_part(log, "ValueError")[0] == pytest.approx(0, abs=0.01)
    wraps.click()
    expect(log.locator(".jp-amltrain-log-row").first).to_have_css("height", "18px")
    log.evaluate(SETTLED)
    assert "ValueError" in log.evaluate(IN_SIGHT)


def test_errors_are_listed_and_found(log: Page) -> None:
    answer_find(log)
    numbered(log, 0, 3000)
    say(log, "ValueError: one\n")
    numbered(log, 3000, 6000)
    say(log, "KeyError: two\n")
    log.get_by_role("button", name="First error").click()
    expect(log.locator(".jp-amltrain-log-marked")).to_have_text("ValueError: one")
    log.get_by_label("Lines to list").select_option("Errors")
    listed = log.get_by_label("Lines of that level").get_by_role("listitem")
    assert listed.all_inner_texts() == ["ValueError: one", "KeyError: two"]
    listed.last.get_by_role("button").click()
    expect(log.locator(".jp-amltrain-log-marked")).to_have_text("KeyError: two")


def test_a_part_that_was_left_out_can_be_opened(log: Page) -> None:
    numbered(log, 0, 100)
    log.evaluate(
        "log => { const all = new TextEncoder().encode(Array.from({length: 9000}, (_, at) =>"
        " `line ${at} of the log\\n`).join('')); source.logs.set(log, all);"
        " const start = all.length - 2000;"
        " source.log({file: log, start, size: all.length, bytes: all.subarray(start)}); }",
        LOG,
    )
    log.get_by_role("log").evaluate("node => node.scrollTop = 95 * 18")
    log.get_by_role("button", name="not shown; click to read").press("Enter")
    expect(log.locator(".jp-amltrain-log-rows")).to_contain_text("line 105 of the log")
    expect(log.get_by_role("log")).to_be_focused()


def test_copy_and_other_files(log: Page) -> None:
    log.evaluate("void document.addEventListener('copy', () => { window.copied = document.activeElement.value; })")
    say(log, "all\nof it\n")
    log.get_by_role("button", name="Copy").click()
    log.wait_for_function("window.copied === 'all\\nof it\\n'")
    log.get_by_label("Which log").select_option("20_image_build_log.txt")
    assert log.evaluate("source.asked.at(-1)") == {
        "kind": "follow_log",
        "content": {"file": "azureml-logs/20_image_build_log.txt", "start": None},
    }
