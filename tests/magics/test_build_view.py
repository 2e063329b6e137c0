"""How a build looks: one line of text, bounded HTML in which nothing of others is markup, and few drawings."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from jupyter_amltrain.engines.protocol import Step
from jupyter_amltrain.magics.build_view import MOST_BYTES, BuildState, progress_words, render_build, summary
from jupyter_amltrain.magics.watchers import CellWatcher, TextWatcher

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e"
STEPS = (
    Step("a", "FROM python-base:1", "cached"),
    Step("b", "RUN pip install numpy", "running", 12.3, tail=("Collecting numpy",)),
    Step("c", "RUN true", "waiting"),
)


class Elements(HTMLParser):
    """The elements of a piece of HTML, its attributes and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (BuildState("e", seconds=12.3, steps=STEPS), "… e · 12 s · step 2 of 3, RUN pip install numpy"),
        (BuildState("e", seconds=3.0, phase="waiting for a lock"), "… e · 3 s · waiting for a lock"),
        (
            BuildState("fastai2:3", "done", 41, STEPS[:2], words=("Dockerfile", "612 MB")),
            "✓ fastai2:3 · Dockerfile · 41 s · 2 steps, 1 cached · 612 MB",
        ),
        (BuildState("e:1", "done", 1.2, words=("pip, 1 package", "")), "✓ e:1 · pip, 1 package · 1.2 s"),
        (
            BuildState("e", "failed", 185, (replace(STEPS[1], state="failed"),)),
            "✗ e · failed after 3 min 5 s · step 1 of 1, RUN pip install numpy",
        ),
        (BuildState("e", "canceled", 2), "– e · stopped after 2 s"),
    ],
)
def test_a_build_in_one_line(state: BuildState, line: str) -> None:
    assert summary(state) == line


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            Step("k", "n", current=120_000_000, total=412_000_000, detail="3 of 8 layers"),
            "120 of 412 MB · 3 of 8 layers",
        ),
        (Step("k", "n", current=999_000, total=412_000_000), "999 kB of 412 MB"),
        (Step("k", "n", "done", 2, 5_000_000, 5_000_000, "8 of 8 layers"), "5 MB"),
        (Step("k", "n", detail="resolved 4 packages"), "resolved 4 packages"),
        (Step("k", "n"), ""),
    ],
)
def test_how_far_a_step_is(step: Step, words: str) -> None:
    assert progress_words(step) == words


@pytest.mark.parametrize("state", ["running", "done", "failed", "canceled"])
def test_the_html_needs_no_script_and_takes_no_markup_from_others(state: str) -> None:
    steps = tuple(replace(step, name=HOSTILE, detail=HOSTILE, tail=(HOSTILE,)) for step in STEPS)
    found = BuildState(HOSTILE, state, 1, steps, (HOSTILE,), HOSTILE, (HOSTILE, HOSTILE), (HOSTILE,), HOSTILE)
    elements = Elements(render_build(found))
    assert elements.names <= {"b", "details", "div", "pre", "span", "summary", "table", "tbody", "td", "tr"}
    assert elements.attributes <= {"class", "style", "title", "colspan", "aria-hidden"}
    assert ("details" in elements.names) == (state == "done")
    assert "<script>alert(1)</script>\"'&" in elements.text


@pytest.mark.parametrize("state", ["running", "done", "failed"])
@pytest.mark.parametrize("letter", ["x", "&", '"', "\U0001f600"])
def test_the_html_is_bounded_whatever_was_printed(state: str, letter: str) -> None:
    line = letter * 10_000
    steps = tuple(
        Step(str(number), line, "running" if number % 2 else "waiting", detail=line, tail=(line,) * 8)
        for number in range(500)
    )
    html = render_build(BuildState(line, state, 1, steps, (line,) * 50, line, (line, line), (line,) * 50, line, 1.79e9))
    assert len(html.encode()) <= MOST_BYTES
    assert "steps before these" in html


def test_a_build_that_goes_on_says_as_of_when() -> None:
    """What a kernel that is killed leaves in the notebook must not read as if it still went on."""
    going = BuildState("e", "running", 5.0, STEPS, origin="Dockerfile on python:3.11", at=1_790_000_000.0)
    text = Elements(render_build(going)).text
    assert "5 s, as of 2026-09-21 14:13:20 UTC · step 2 of 3 · Dockerfile on python:3.11" in text
    assert "as of" not in Elements(render_build(replace(going, state="failed"))).text


class Drawings:
    """A cell whose view is drawn into lists, and a clock that goes when it is told to."""

    def __init__(self) -> None:
        self.html: list[str] = []
        self.text: list[str] = []
        self.now = 0.0
        self.watcher = CellWatcher(BuildState("e"), self.draw, clock=lambda: self.now)

    def draw(self, html: str, text: str) -> None:
        self.html.append(html)
        self.text.append(text)


def test_the_view_is_drawn_four_times_a_second_at_most_and_only_when_it_changes() -> None:
    cell = Drawings()
    for number in range(1000):
        cell.now += 0.001
        cell.watcher.step(Step("a", "RUN one", tail=(f"line {number}",)))
        cell.watcher.look("building")
    assert 3 <= len(cell.html) <= 5
    cell.watcher.step(Step("a", "RUN one", "done", 1.0))
    cell.now = 1.3
    cell.watcher.look("building")
    drawn = len(cell.html)
    for _ in range(5):
        cell.now += 0.1
        cell.watcher.look("building")
    assert len(cell.html) == drawn


def test_what_no_step_wrote_is_a_note_and_the_end_of_the_log_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    cell = Drawings()
    cell.watcher.write(b"The base image has chan")
    cell.watcher.write(b"ged.\n")
    cell.watcher.step(Step("a", "RUN one"))
    cell.watcher.write(b"#1 RUN one\n#1 \xc3")
    cell.watcher.write(b"\xbc\n")
    cell.watcher.step(Step("a", "RUN one", "done", 1.0))
    cell.watcher.done("e:1", "Dockerfile", "built in 1 s", "stacked on e:0", "5 MB")
    assert cell.text == ["✓ e:1 · Dockerfile · 0.00 s · 1 step · stacked on e:0 · 5 MB"]
    elements = Elements(cell.html[-1])
    assert elements.text.count("The base image has changed.") == 2  # the note, and the log
    assert "#1 ü" in elements.text
    assert capsys.readouterr().out == ""


def test_tables_are_no_notes_and_untimed_steps_are_timed() -> None:
    cell = Drawings()
    cell.watcher.step(Step("solve", "solve conda packages"))
    cell.now = 3.0
    cell.watcher.step(Step("solve", "solve conda packages", "done"))
    cell.watcher.write(b"Solved and locked 2 conda packages:\n  python  3.12\n  numpy   2.4\n")
    cell.watcher.look("")
    elements = Elements(cell.html[-1])
    assert "Solved and locked 2" in elements.text
    assert "numpy" not in elements.text
    assert "3 s" in elements.text.partition("solve conda packages")[2]


def test_what_was_found_at_once_is_told_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    cell = Drawings()
    cell.watcher.write(b"Not installed: azureml-sdk\n")
    cell.watcher.look("")
    cell.watcher.done("e:1", "Dockerfile", "found in 0.02 s", "", "5 MB")
    assert cell.html == []
    assert capsys.readouterr().out == "Not installed: azureml-sdk\n✓ e:1 · Dockerfile · found in 0.02 s · 5 MB\n"


def test_a_long_wait_without_steps_is_shown_too() -> None:
    cell = Drawings()
    cell.now = 3.0
    cell.watcher.look("waiting for another build of the same environment")
    assert "waiting for another build" in Elements(cell.html[-1]).text
    cell.watcher.failed("canceled", "")
    assert "Stopped" in Elements(cell.html[-1]).text


def test_text_tells_of_a_silence_once() -> None:
    shown: list[str] = []
    now = [0.0]
    watcher = TextWatcher(shown.append, clock=lambda: now[0])
    watcher.write(b"begin\n")
    for now[0] in (1.0, 2.5, 3.0, 9.0):
        watcher.look("pulling")
    watcher.look("building")
    assert shown == ["begin\n", "… pulling\n", "… building\n"]
