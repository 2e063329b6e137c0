"""A log as a terminal shows it, and as HTML that can be read on white and on black."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from jupyter_amltrain.saved.log_html import row_html
from jupyter_amltrain.saved.screen import PLAIN, Segment, Style, row_text, screen_rows, visible


def shown(text: str, *, width: int = 80, most_rows: int = 50) -> list[str]:
    return [row_text(row).rstrip() for row in screen_rows(text, width=width, most_rows=most_rows)]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("10%\r 55%\r100%\ndone\n", ["100%", "done"]),
        ("a long line\rshort\n", ["shortg line"]),
        ("a long line\rshort\x1b[K\n", ["short"]),
        ("abc\b\bX\n", ["aXc"]),
        ("a\tb\n", ["a       b"]),
        # Two bars of tqdm, one in the other.
        ("outer 0\n\rinner 1\x1b[A\n\rinner 2\x1b[A\router 1\n\n", ["outer 1", "inner 2"]),
        ("one\ntwo\nthree\x1b[2A\rONE\n\n\n", ["ONE", "two", "three"]),
        ("\x1b[2Ja\x1b[1;31mred\x1b[0m\x1b]0;title\x07b\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", ["aredblink"]),
        ("cut off \x1b]8;;http://never-ends\nnext\n", ["cut off", "next"]),
        ("\x1b[38;5;999999999;1mx\x1b[mx\x1b(Bx\x1b", ["xxx"]),
        ("nul\x00 bell\x07 del\x7f c1\x85\n", ["nul␀ bell␇ del␡ c1<U+0085>"]),
        (
            "pay \u202eresu\u202c now \u2066x\u2069 \ufeff\u200b\n",
            ["pay <U+202E>resu<U+202C> now <U+2066>x<U+2069> <U+FEFF><U+200B>"],
        ),
        ("👩‍🚀 café 漢字\n", ["👩‍🚀 café 漢字"]),
        ("\n\n\n", []),
        ("a\n" + "\n" * 5, ["a"]),
        ("a\n\x1b[99999B\x1b[4Cx\n" + "\x1b[99999B" * 3, ["a", "    x"]),
    ],
)
def test_rows(text: str, rows: list[str]) -> None:
    assert shown(text) == rows


def test_long_lines_and_many_rows_are_cut() -> None:
    assert shown("x" * 1_000_000, width=10) == ["xxxxxxxxxx… (1,000,000 characters)"]
    assert shown("\n".join(map(str, range(1000))), most_rows=3) == ["997", "998", "999"]


def test_styles() -> None:
    (row,) = screen_rows("a\x1b[1;31mb\x1b[22mc\x1b[0md\x1b[38;2;1;2;3;48;5;9me\x1b[7mf", width=80, most_rows=1)
    assert row == [
        Segment("a", PLAIN),
        Segment("b", Style(colour=1, bold=True)),
        Segment("c", Style(colour=1)),
        Segment("d", PLAIN),
        Segment("e", Style(colour=(1, 2, 3), background=9)),
        Segment("f", Style(colour=9, background=(1, 2, 3))),
    ]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    "colour", [*range(256), (0, 0, 0), (255, 255, 255), (255, 255, 0), (0, 0, 90), (200, 255, 200)]
)
def test_every_colour_can_be_read_in_light_and_dark(colour: int | tuple[int, int, int]) -> None:
    found = re.search(r"color:(#[0-9a-f]{6})", row_html([Segment("x", Style(colour=colour))]))
    assert found
    assert contrast(found[1], "#ffffff") >= 3.7
    assert contrast(found[1], "#111111") >= 3.7
    on = row_html([Segment("x", Style(colour=3, background=colour))])
    back, text = re.findall(r"#[0-9a-f]{3,6}", on)
    assert contrast(back, {"#000": "#000000", "#fff": "#ffffff"}[text]) >= 4.5


def test_what_a_job_prints_is_text() -> None:
    hostile = '\x1b[31m</pre><script>alert(1)</script>\x1b[0m &amp; <img src=x onerror="alert(1)">'
    (row,) = screen_rows(hostile, width=300, most_rows=1)
    tags: list[str] = []
    texts: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Parser().feed(row_html(row))
    assert tags == ["span"]
    assert "".join(texts) == '</pre><script>alert(1)</script> &amp; <img src=x onerror="alert(1)">'


def test_visible_leaves_plain_text_alone() -> None:
    assert visible("plain ünïcode 漢字") == "plain ünïcode 漢字"
    assert visible("a\x1b[31m\u202e") == "a␛[31m<U+202E>"
