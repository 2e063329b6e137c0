"""Rows of a screen → HTML with inline styles that can be read in light and dark. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape

from .screen import Segment, Style

# Of medium brightness, so that they stand out from white and from black.
_PALETTE = (
    *((110, 118, 129), (209, 67, 67), (42, 138, 62), (168, 120, 0), (47, 129, 220), (163, 92, 200), (12, 137, 150)),
    *((128, 134, 142), (140, 148, 158), (224, 90, 90), (52, 150, 72), (184, 134, 11), (72, 148, 235)),
    *((178, 112, 214), (24, 150, 162), (150, 156, 164)),
)
_LEVELS = (0, 95, 135, 175, 215, 255)
_DARKEST, _BRIGHTEST = 0.16, 0.22
"""Relative luminance of text that has a contrast of 3.7 : 1 at least to white and to the black of dark themes."""


def row_html(row: Sequence[Segment]) -> str:
    """A row as spans; plain text stays as it is."""
    return "".join(_segment_html(segment) for segment in row).rstrip()


def _segment_html(segment: Segment) -> str:
    text, css = escape(segment.text, quote=False), _css(segment.style)
    return f'<span style="{css}">{text}</span>' if css and text.strip() else text


@cache
def _css(style: Style) -> str:
    parts = []
    if style.background is not None:
        back = _rgb(style.background)
        parts.append(f"background:{_hex(back)}")
        parts.append(f"color:{'#000' if _luminance(back) > 0.18 else '#fff'}")
    elif style.colour is not None:
        parts.append(f"color:{_hex(_readable(_rgb(style.colour)))}")
    if style.bold:
        parts.append("font-weight:bold")
    if style.italic:
        parts.append("font-style:italic")
    if style.underline:
        parts.append("text-decoration:underline")
    if style.dim:
        parts.append("opacity:.7")
    return ";".join(parts)


def _rgb(colour: int | tuple[int, int, int]) -> tuple[int, int, int]:
    if isinstance(colour, tuple):
        return colour
    if colour < 16:
        return _PALETTE[colour]
    if colour < 232:
        colour -= 16
        return _LEVELS[colour // 36], _LEVELS[colour // 6 % 6], _LEVELS[colour % 6]
    grey = 8 + 10 * (colour - 232)
    return grey, grey, grey


def _readable(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """The colour, made darker or brighter until it can be read on white and on black."""
    for _ in range(20):
        luminance = _luminance(colour)
        if luminance > _BRIGHTEST:
            colour = tuple(round(part * 0.92) for part in colour)  # type: ignore[assignment]
        elif luminance < _DARKEST:
            colour = tuple(round(part + (255 - part) * 0.08) for part in colour)  # type: ignore[assignment]
        else:
            break
    return colour


def _luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = (part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
