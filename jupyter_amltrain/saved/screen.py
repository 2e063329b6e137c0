"""What a terminal would show of a log: rows of text with their styles. Pure.

Carriage returns, cursor movements and erasures are done as a terminal does them, so that progress bars are one line.
Control characters that mean nothing, and marks that turn the direction of writing, are made visible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from ..runs.html import Html, escaped

_TOKENS = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~])"  # control sequences
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|(?=\n)|$)"  # strings: titles, links, records
    r"|\x1b[ -/]*[0-~]"  # other escapes
    r"|(?P<move>[\n\r\b\t])"
    r"|(?P<text>[^\x1b\n\r\b\t]+)|\x1b"
)
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_TAB = 8


class Style(NamedTuple):
    """How a piece of text looks; colours are numbers 0–255 of the palette, or red, green and blue."""

    colour: int | tuple[int, int, int] | None = None
    background: int | tuple[int, int, int] | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False


class Segment(NamedTuple):
    """A piece of a row that looks the same all along."""

    text: str
    style: Style


PLAIN = Style()


def visible(text: str) -> str:
    """The text with what hides, or turns the direction of the rest, written out: ``␀``, ``<U+202E>``."""
    return text if text.isprintable() else _HIDDEN.sub(_written_out, text)


def visible_html(text: str, width: int) -> Html:
    """Text of others in one line of at most so many characters, as markup."""
    return escaped(visible(" ".join(text[: 4 * width].split())), width)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


def screen_rows(text: str, *, width: int, most_rows: int) -> list[list[Segment]]:
    """The last rows that a terminal would show, without empty ones at the end.

    Args:
        width: characters of a row that are kept.
        most_rows: rows that are kept.
    """
    screen = _Screen(width)
    for token in _TOKENS.finditer(text):
        screen.take(token)
    rows = screen.rows
    while rows and not "".join(rows[-1].characters).strip():
        rows.pop()
    return [row.segments(width) for row in rows[-most_rows:]]


def row_text(row: list[Segment]) -> str:
    """A row without its styles."""
    return "".join(segment.text for segment in row)


class _Row:
    """One row: its characters, the style of each, and how many there would be."""

    def __init__(self) -> None:
        self.characters: list[str] = []
        self.styles: list[Style] = []
        self.length = 0

    def write(self, column: int, text: str, style: Style, width: int) -> None:
        self.length = max(self.length, column + len(text))
        text = text[: max(0, width - column)]
        if not text:
            return
        gap = column - len(self.characters)
        if gap > 0:
            self.characters += " " * gap
            self.styles += [PLAIN] * gap
        end = column + len(text)
        self.characters[column:end] = text
        self.styles[column:end] = [style] * len(text)

    def erase(self, begin: int, end: int | None) -> None:
        if end is None:
            del self.characters[begin:], self.styles[begin:]
            self.length = min(self.length, begin)
        else:
            self.write(begin, " " * (min(end, len(self.characters)) - begin), PLAIN, len(self.characters))

    def segments(self, width: int) -> list[Segment]:
        pairs = zip(self.characters, self.styles, strict=True)
        found = [
            Segment("".join(character for character, _ in group), style)
            for style, group in groupby(pairs, key=lambda pair: pair[1])
        ]
        if self.length > width:
            found.append(Segment(f"… ({self.length:,} characters)", Style(dim=True)))
        return found


class _Screen:
    def __init__(self, width: int) -> None:
        self.rows = [_Row()]
        self._width = width
        self._at = self._column = 0
        self._style = PLAIN

    def take(self, token: re.Match[str]) -> None:
        if token["text"]:
            text = visible(token["text"])
            self.rows[self._at].write(self._column, text, self._style, self._width)
            self._column += len(text)
        elif token["move"]:
            self._move(token["move"])
        elif token["final"] == "m":
            self._style = _styled(self._style, _numbers(token["parameters"]))
        elif token["final"]:
            self._control(token["final"], _numbers(token["parameters"]))

    def _move(self, character: str) -> None:
        if character == "\n":
            if self._at == len(self.rows) - 1:
                self.rows.append(_Row())
            self._to(self._at + 1, 0)
        elif character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(0, self._column - 1)
        else:
            self._column += _TAB - self._column % _TAB

    def _control(self, final: str, numbers: list[int]) -> None:
        number = numbers[0] if numbers else 0
        count = max(1, number)
        if final in "AB":
            self._to(self._at + (count if final == "B" else -count), self._column)
        elif final in "EF":
            self._to(self._at + (count if final == "E" else -count), 0)
        elif final in "CD":
            self._column = min(max(0, self._column + (count if final == "C" else -count)), self._width)
        elif final == "G":
            self._column = min(count - 1, self._width)
        elif final == "K":
            begin = 0 if number else self._column
            self.rows[self._at].erase(begin, self._column if number == 1 else None)

    def _to(self, row: int, column: int) -> None:
        # As on a screen, only a new line makes a row.
        self._at, self._column = min(max(0, row), len(self.rows) - 1), column


def _numbers(parameters: str) -> list[int]:
    return [int(text) if text.isdecimal() and len(text) < 6 else 0 for text in re.split("[;:]", parameters)]


_SWITCHES = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    39: {"colour": None},
    49: {"background": None},
}


def _styled(style: Style, numbers: list[int]) -> Style:
    """The style after "select graphic rendition" with these numbers."""
    rest = iter(numbers)
    for number in rest:
        if number == 0:
            style = PLAIN
        elif number in _SWITCHES:
            style = style._replace(**_SWITCHES[number])  # type: ignore[arg-type]
        elif number == 7:
            style = style._replace(colour=style.background, background=style.colour)
        elif number in (38, 48):
            colour = _extended(rest)
            style = style._replace(**{"colour" if number == 38 else "background": colour})  # type: ignore[arg-type]
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style = style._replace(colour=number - 30 if number < 90 else number - 82)
        elif 40 <= number <= 47 or 100 <= number <= 107:
            style = style._replace(background=number - 40 if number < 100 else number - 92)
    return style


def _extended(rest: Iterator[int]) -> int | tuple[int, int, int] | None:
    kind = next(rest, None)
    if kind == 5:
        return min(next(rest, 0), 255)
    if kind == 2:
        return min(next(rest, 0), 255), min(next(rest, 0), 255), min(next(rest, 0), 255)
    return None
