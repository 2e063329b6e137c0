"""Small pieces of markup for the panel; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_COLOURS = {
    "Completed": "var(--jp-success-color1, #2e7d32)",
    "Failed": "var(--jp-error-color1, #c62828)",
    "Canceled": "var(--jp-ui-font-color2, #616161)",
    "Queued": "var(--jp-warn-color1, #b26a00)",
}
_ACTIVE = "var(--jp-brand-color1, #1976d2)"
_SPARK_WIDTH, _SPARK_HEIGHT = 90, 18


def muted(text: str) -> str:
    """A remark beside something."""
    return f'<span style="color:var(--jp-ui-font-color2,#616161);font-size:90%">{escape(text)}</span>'


def sentence(text: str, *, bad: bool = False) -> str:
    """What the panel has to say; an error is announced by screen readers."""
    colour = "var(--jp-error-color1,#c62828)" if bad else "var(--jp-ui-font-color1,inherit)"
    role = "alert" if bad else "status"
    return f'<div role="{role}" style="color:{colour};white-space:pre-wrap">{escape(text)}</div>'


def state(status: str) -> str:
    """The state of a run, in its colour and in words."""
    colour = _COLOURS.get(status, _ACTIVE)
    return f'<span style="color:{colour};font-weight:600">{escape(status)}</span>'


def sparkline(values: Sequence[float]) -> str:
    """A curve the size of a word, "" for less than two values; the numbers stand beside it in words."""
    finite = [value for value in values if value == value and abs(value) != float("inf")]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    points = " ".join(
        f"{place * _SPARK_WIDTH / (len(finite) - 1):.1f},{(1 - (value - low) / span) * (_SPARK_HEIGHT - 2) + 1:.1f}"
        for place, value in enumerate(finite)
    )
    return (
        f'<svg width="{_SPARK_WIDTH}" height="{_SPARK_HEIGHT}" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}"'
        f' style="vertical-align:middle" aria-hidden="true"><polyline points="{points}" fill="none"'
        f' stroke="{_ACTIVE}" stroke-width="1.5"/></svg>'
    )
