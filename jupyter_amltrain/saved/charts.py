"""A family of curves → a chart as inline SVG, with its legend as text beside it. Pure.

The legend is no part of the drawing, since some hosts take the drawing away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from ..runs.html import DIM, Html
from ..runs.record import SYSTEM
from .curves import Curve, Family
from .numbers import measured, number, share
from .screen import visible_html

MOST_CURVES = 8
"""Curves of a chart that are drawn; the others are in the table."""

# Each has a contrast of 3 : 1 at least to white and to dark themes' black; dashes tell them apart without colours.
COLOURS = ("#2a85dc", "#d9730d", "#2f9348", "#d6336c", "#9257c8", "#1098ad", "#a07800", "#868e96")
_DASHES = ("", "7 4", "2 4", "10 3 2 3", "", "7 4", "2 4", "10 3 2 3")

_WIDTH, _HEIGHT = 288, 84
_LEFT, _TOP, _RIGHT, _BOTTOM = 4, 6, 284, 78
"""Edges of the place where curves are drawn. The scale is text below it: hosts that take drawings away leave theirs."""
_NAME = 60


def render_chart(family: Family, labels: Sequence[str] = ()) -> Html:
    """Name, last values and drawing of one family.

    Args:
        labels: all that have colours of their own, in order, when charts side by side share them and a family may lack
            some; at most :data:`MOST_CURVES`.
    """
    places = [labels.index(label) if labels else place for place, (label, _) in enumerate(family.curves)]
    shown = list(zip(places, family.curves, strict=True))[:MOST_CURVES]
    many = len(labels or family.curves) > 1
    legend = " ".join(_legend(label, curve, place if many else None) for place, (label, curve) in shown)
    left_out = len(family.curves) - len(shown)
    more = f' <span style="{DIM}">and {left_out} more</span>' if left_out else ""
    head = f"<div><strong>{visible_html(family.name, _NAME)}</strong> {legend}{more}</div>"
    told = ", ".join(f"{label or curve.name} {value_of(curve, curve.last)}" for _, (label, curve) in shown)
    drawing = _drawing([(place, curve) for place, (_, curve) in shown], f"Chart of {family.name}: {told}")
    style = f"display:inline-block;margin:4px 14px 8px 0;vertical-align:top;width:{_WIDTH}px"
    return Html(f'<div style="{style}">{head}{drawing}</div>')


def value_of(curve: Curve, value: float) -> str:
    """A value of a curve, with its unit where it is the system's."""
    return measured(curve.name, value) if curve.source == SYSTEM else number(value)


def _legend(label: str, curve: Curve, place: int | None) -> str:
    """The last value of a curve, behind its colour and label when it has a place among others."""
    named = ""
    if place is not None:
        mark = f'<span aria-hidden="true" style="color:{COLOURS[place]}">━</span>'
        named = f"{mark}&nbsp;{visible_html(label or curve.name, 24)} "
    return f'<span style="white-space:nowrap">{named}<strong>{value_of(curve, curve.last)}</strong></span>'


def _drawing(placed: Sequence[tuple[int, Curve]], words: str) -> str:
    curves = [curve for _, curve in placed]
    numbers = [value for curve in curves for value in curve.finite]
    if not numbers:
        return f'<div style="{DIM}">no numbers</div>'
    low, high = min(numbers), max(numbers)
    begin, end = min(min(curve.x) for curve in curves), max(max(curve.x) for curve in curves)
    lines = "".join(_line(curve, COLOURS[place], _DASHES[place], (begin, end), (low, high)) for place, curve in placed)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img"'
        f' aria-label="{visible_html(words, 160)}" style="display:block;max-width:100%">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="4" fill="currentColor" fill-opacity=".06"/>{lines}</svg>'
        f'<div style="font-size:11px;{DIM}">{_span(curves[0], low, high)} · {_across(curves[0], begin, end)}</div>'
    )


def _span(curve: Curve, low: float, high: float) -> str:
    return f"{value_of(curve, low)} … {value_of(curve, high)}" if low != high else value_of(curve, low)


def _across(curve: Curve, begin: float, end: float) -> str:
    if curve.source == SYSTEM:
        return f"{number(round(begin))} … {number(round(end))} s"
    return f"steps {number(begin)} … {number(end)}"


def _line(curve: Curve, colour: str, dashes: str, across: tuple[float, float], along: tuple[float, float]) -> str:
    stroke = f'fill="none" stroke="{colour}" stroke-width="1.6" stroke-linejoin="round"'
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    parts = []
    for part in _without_gaps(zip(curve.x, curve.y, strict=True)):
        spots = [(_between(x, across, _LEFT, _RIGHT), _between(y, along, _BOTTOM, _TOP)) for x, y in part]
        if len(spots) == 1:
            parts.append(f'<circle cx="{spots[0][0]}" cy="{spots[0][1]}" r="2.2" fill="{colour}"/>')
        else:
            parts.append(f'<polyline points="{" ".join(f"{x},{y}" for x, y in spots)}" {stroke}{dash}/>')
    return "".join(parts)


def _without_gaps(points: Iterable[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """The parts of a curve between what is no number."""
    part: list[tuple[float, float]] = []
    for x, y in points:
        if math.isfinite(y):
            part.append((x, y))
        elif part:
            yield part
            part = []
    if part:
        yield part


def _between(value: float, span: tuple[float, float], first: int, last: int) -> str:
    return f"{first + share(value, *span) * (last - first):.1f}".removesuffix(".0")
