from __future__ import annotations

import re

import pytest

from jupyter_amltrain.magics.table import Table
from jupyter_amltrain.runs.duration import duration


def test_columns_are_aligned_in_text_and_escaped_in_html() -> None:
    table = Table(("Run", "Why"), [("a", "<b>bold</b>"), ("longer", "x & y")])
    assert repr(table) == "Run     Why\na       <b>bold</b>\nlonger  x & y"
    html = table._repr_html_()
    assert "<b>" not in html
    assert ">&lt;b&gt;bold&lt;/b&gt;</td>" in html
    assert "x &amp; y" in html


def test_numbers_are_set_to_the_right() -> None:
    table = Table(("Name", "Size"), [("a", "9 MB"), ("b", "120 MB")], numbers={"Size"})
    assert repr(table) == "Name    Size\na       9 MB\nb     120 MB"
    cells = re.findall(r'<t[hd] style="text-align:(\w+)[^"]*">([^<]+)</t[hd]>', table._repr_html_())
    left, right = ([text for side, text in cells if side == asked] for asked in ("left", "right"))
    assert (left, right) == (["Name", "a", "b"], ["Size", "9 MB", "120 MB"])


def test_no_rows_say_so() -> None:
    table = Table(("Run",), [], empty="no <runs>")
    assert repr(table) == "no <runs>"
    assert table._repr_html_() == "<p>no &lt;runs&gt;</p>"
    noted = Table(("Run",), [("a",)], note="<more>")
    assert repr(noted) == "Run\na\n<more>"
    assert noted._repr_html_().endswith("<p>&lt;more&gt;</p>")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.0234, "0.02 s"),
        (0.4, "0.4 s"),
        (9.44, "9.4 s"),
        (41.2, "41 s"),
        (59.9, "1 min 0 s"),
        (185, "3 min 5 s"),
        (3599.9, "1 h 0 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
