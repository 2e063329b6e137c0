"""The newest runs of a workspace as text and as HTML that need no kernel, and below them the one that was chosen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import NameNotFoundException
from ..runs.duration import duration
from ..runs.html import shortened, table
from .numbers import moment, number
from .page import state_chip
from .screen import visible, visible_html
from .story import MARKS, sparkline

if TYPE_CHECKING:
    from ..runs.glance import RunGlance
    from ..workspace import Workspace

_COLUMNS = ("Run", "State", "Time", "Metric", "Target")
_NAME = 60


def runs_bundle(workspace: Workspace, runs: Sequence[RunGlance], chosen: str = "") -> dict[str, str]:
    """The runs as of now under their MIME types, as an output of a notebook holds them.

    Args:
        chosen: id of the run that is told of in full, "" for none.
    """
    from . import run_bundle

    now = time.time()
    title = f"Runs of the workspace {workspace.name}, as of {moment(now)}"
    text, html = _text(title, runs, now), _html(title, runs, now)
    try:
        run = run_bundle(workspace, chosen) if chosen else {}
    except NameNotFoundException:  # deleted since
        run = {}
    return {
        "text/plain": "\n\n".join(part for part in (text, run.get("text/plain")) if part),
        "text/html": html + run.get("text/html", ""),
    }


def in_words(run: RunGlance, now: float) -> str:
    """One run in one line: its state, since when, and the metric that tells most."""
    _, state, took, metric, target = _cells(run, now)
    return "  ".join(part for part in (state, took, metric, target) if part)


def _text(title: str, runs: Sequence[RunGlance], now: float) -> str:
    rows = [_cells(run, now) for run in runs]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([title, *(f"  {line}" for line in lines)] if rows else [f"{title}: none"])


def _html(title: str, runs: Sequence[RunGlance], now: float) -> str:
    rows = [_with_chip(run, *_cells(run, now)) for run in runs]
    return f"<p>{visible_html(title, 300)}</p>" + (
        table("list", _COLUMNS, rows, {"Time"}) if rows else "<p>No runs yet.</p>"
    )


def _with_chip(run: RunGlance, name: str, _state: str, *others: str) -> tuple[str, ...]:
    return name, state_chip(run.status), *others


def _cells(run: RunGlance, now: float) -> tuple[str, ...]:
    name = run.display_name or f"{run.experiment} …{run.run_id[-4:]}"
    took = duration(max(0.0, (run.ended or now) - run.started)) if run.started else ""
    state = f"{MARKS.get(run.status, '…')} {run.status}"
    return shortened(visible(name), _NAME), state, took, " ".join(_metric(run)), visible(run.target)


def _metric(run: RunGlance) -> Iterator[str]:
    if run.value is not None:
        yield shortened(visible(run.metric), _NAME)
        yield number(run.value)
        if len(run.points) > 1:
            yield sparkline(run.points)
