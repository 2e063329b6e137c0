"""Runs side by side, as text and as HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from ..runs.html import DIM, escaped, shortened
from .charts import render_chart, value_of
from .overlay import Overlay, run_names
from .page import within
from .screen import visible, visible_html
from .story import sparkline

if TYPE_CHECKING:
    from ..runs.comparison import Comparison, Difference, FileChange

_TEXT_CELL = 40
_TEXT_CHARTS = 16
_TEXT_BYTES = 24_000
_CHART_BYTES = 70_000
_TABLE_BYTES = 50_000
_FILE_BYTES = 30_000
_DIFF_BYTES = 10_000
"""What the parts take at most, whatever the runs logged and took along; together less than ``page.MOST_BYTES``."""

_DIFF_WIDTH = 300
# Behind the text, whose own colour can be read on light and dark; the first character of a line tells the same.
_BEHIND_LINES = {"+": "rgba(46,160,67,.18)", "-": "rgba(248,81,73,.18)"}
_CELL = 'style="text-align:left;vertical-align:top;max-width:30em;overflow-wrap:break-word"'


def comparison_text(found: Comparison, curves: Overlay) -> str:
    """The differences in lines, aligned, and the course of each metric in characters."""
    head = ("", *run_names(found.runs))
    rows = [(f"{row.section}: {row.name}", *row.values) for row in found.differences]
    changes = [visible(f"{change.change}: {change.path}  ({change.run_id})") for change in found.files]
    lines = [*_aligned([head, *rows]), *changes, *_aligned(list(_courses(curves)))]
    shown, more = within((f"{line}\n" for line in lines), _TEXT_BYTES, len(lines))
    rest = [f"and {more:,} lines more"] if more else []
    return "\n".join([*shown.splitlines(), *rest, *found.notes, _the_rest(found)])


def comparison_html(found: Comparison, curves: Overlay) -> str:
    """The runs' curves over each other, the differences as a table, and those of files as they can be unfolded."""
    names = run_names(found.runs)
    parts = [_charts(curves, len(names)), _table(found.differences, names), _files(found.files)]
    parts += [f"<p>{visible_html(note, 400)}</p>" for note in found.notes]
    parts.append(f'<p style="{DIM}">{_the_rest(found)}</p>')
    return f'<div class="jp-amltrain-comparison">{"".join(parts)}</div>'


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[visible(shortened(" ".join(cell.split()), _TEXT_CELL)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _courses(curves: Overlay) -> Iterator[tuple[str, ...]]:
    for chart in curves.charts[:_TEXT_CHARTS]:
        for place, (run, curve) in enumerate(chart.curves):
            yield ("" if place else chart.name, run, sparkline(curve.finite), value_of(curve, curve.last))


def _charts(curves: Overlay, runs: int) -> str:
    drawn = (render_chart(chart, curves.runs) for chart in curves.charts)
    shown, left_out = within(drawn, _CHART_BYTES, len(curves.charts))
    more = left_out + curves.more
    notes = [f"Metrics without a chart here: {more:,}."] if more else []
    if runs > len(curves.runs):
        notes.append(f"The charts have the first {len(curves.runs)} of {runs} runs.")
    words = f'<div style="{DIM}">{" ".join(notes)}</div>' if notes else ""
    return f"<div>{shown}{words}</div>" if shown else ""


def _table(differences: Sequence[Difference], names: Sequence[str]) -> str:
    if not differences:
        return ""
    head = "".join(f"<th {_CELL}>{visible_html(name, 80)}</th>" for name in names)
    shown, more = within(_rows(differences), _TABLE_BYTES, len(differences))
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{shown}</tbody></table>"
    return f"{table}{_more(more, 'differences')}"


def _rows(differences: Sequence[Difference]) -> Iterator[str]:
    for section, rows in groupby(differences, lambda row: row.section):
        for place, row in enumerate(rows):
            title = f'<tr><th colspan="{len(row.values) + 1}" {_CELL}>{visible_html(section, 80)}</th></tr>'
            cells = "".join(f"<td {_CELL}>{visible_html(value, 300)}</td>" for value in row.values)
            yield f"{'' if place else title}<tr><td {_CELL}>{visible_html(row.name, 200)}</td>{cells}</tr>"


def _files(changes: Sequence[FileChange]) -> str:
    shown, more = within(map(_file, changes), _FILE_BYTES, len(changes))
    return f"{shown}{_more(more, 'files that differ')}"


def _file(change: FileChange) -> str:
    path = f"<code>{visible_html(change.path, 300)}</code>"
    title = f'{change.change}: {path} <span style="{DIM}">({visible_html(change.run_id, 200)})</span>'
    if not change.diff:
        return f"<div>{title}</div>"
    lines = change.diff.splitlines()
    shown, more = within((f"{_diff_line(line)}\n" for line in lines), _DIFF_BYTES, len(lines))
    return f"<details><summary>{title}</summary><pre>{shown}</pre>{_more(more, 'lines')}</details>"


def _diff_line(line: str) -> str:
    behind = _BEHIND_LINES.get(line[:1])
    text = escaped(visible(line.expandtabs()), _DIFF_WIDTH)
    return f'<span style="background:{behind}">{text}</span>' if behind else text


def _more(count: int, what: str) -> str:
    return f'<div style="{DIM}">and {count:,} more {what}</div>' if count else ""


def _the_rest(found: Comparison) -> str:
    if not found.differences and not found.files:
        return f"No difference in {found.same} things."
    return f"{found.same} things are the same."
