"""Runs side by side, as text and as HTML."""

from __future__ import annotations

from html import escape
from itertools import groupby
from textwrap import shorten
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..runs.comparison import Comparison, FileChange
    from ..runs.record import RunRecord

_TEXT_CELL = 40
_ADDED, _REMOVED = "var(--jp-success-color1,#2e7d32)", "var(--jp-error-color1,#c62828)"
_MUTED = "var(--jp-ui-font-color2,#757575)"
_CELL = 'style="text-align:left;vertical-align:top;overflow-wrap:anywhere"'


def comparison_text(found: Comparison) -> str:
    """The differences in lines, aligned."""
    rows = [("", *(_name(run) for run in found.runs))]
    rows += [
        (f"{row.section}: {row.name}", *(shorten(value, _TEXT_CELL, placeholder=" …") for value in row.values))
        for row in found.differences
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{change.change}: {change.path}  ({change.run_id})" for change in found.files]
    return "\n".join([*lines, *found.notes, _the_rest(found)])


def comparison_html(found: Comparison, charts: str = "") -> str:
    """The differences as a table, and those of files as they can be unfolded.

    Args:
        charts: markup that is shown above the table.
    """
    head = "".join(f"<th {_CELL}>{escape(_name(run))}</th>" for run in found.runs)
    parts = [f"<table><thead><tr><th></th>{head}</tr></thead><tbody>"]
    for section, rows in groupby(found.differences, lambda row: row.section):
        title = f'<th colspan="{len(found.runs) + 1}" {_CELL}>{escape(section)}</th>'
        parts.append(f"<tr>{title}</tr>")
        for row in rows:
            cells = "".join(f"<td {_CELL}>{escape(value)}</td>" for value in row.values)
            parts.append(f"<tr><td {_CELL}>{escape(row.name)}</td>{cells}</tr>")
    parts.append("</tbody></table>")
    parts += map(_file, found.files)
    parts += [f"<p>{escape(note)}</p>" for note in found.notes]
    parts.append(f'<p style="color:{_MUTED}">{escape(_the_rest(found))}</p>')
    return f'<div class="jp-amltrain-comparison">{charts}{"".join(parts)}</div>'


def _name(run: RunRecord) -> str:
    return run.display_name or run.id


def _the_rest(found: Comparison) -> str:
    if not found.differences and not found.files:
        return f"No difference in {found.same} things."
    return f"{found.same} things are the same."


def _file(change: FileChange) -> str:
    title = f"{escape(change.change)}: <code>{escape(change.path)}</code> <small>({escape(change.run_id)})</small>"
    if not change.diff:
        return f"<div>{title}</div>"
    lines = "\n".join(map(_diff_line, change.diff.splitlines()))
    return f"<details><summary>{title}</summary><pre>{lines}</pre></details>"


def _diff_line(line: str) -> str:
    colour = {"+": _ADDED, "-": _REMOVED, "@": _MUTED}.get(line[:1])
    return f'<span style="color:{colour}">{escape(line)}</span>' if colour else escape(line)
