"""A run as HTML that stands on its own, for saved notebooks. Pure.

Hosts take things away: GitHub drawings and styles, JupyterLab drawings from notebooks that it does not trust. So
everything that must be known is text in tables and paragraphs, and drawings only repeat it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..runs.html import BAD, CODE, DIM, LINE, NOW, OK, UI, Html, both, chip
from ..runs.run_state import Failure, Frame, Option, Phase, RunState
from ..submission.manifest import human_size
from .charts import render_chart, value_of
from .contents import SavedRun
from .curves import Curve, families
from .log_html import row_html
from .numbers import moment
from .screen import screen_rows, visible_html
from .story import headline, option_words, phase_words, place_words, sparkline

MOST_BYTES = 200_000
"""What the HTML of one run takes at most, whatever it printed and logged; the limits below add up to less."""

_CHART_BYTES = 60_000
_SYSTEM_BYTES = 16_000
_TABLE_BYTES = 24_000
_LOG_BYTES = 28_000
_FILE_BYTES = 6_000
_LOG_ROWS = 80
_LOG_WIDTH = 300

_COLOURS = {"Completed": OK, "Failed": BAD, "Running": NOW}
_PHASE_COLOURS = {"done": OK, "failed": BAD, "now": NOW, "canceled": "currentcolor"}
_CELL = "border:0;padding:2px 12px 2px 0;text-align:left;vertical-align:top;background:none"
_NUMBER = f"{_CELL.replace('left', 'right')};white-space:nowrap"
_NUMBERS = (1, 3, 4, 5)
"""Columns of the table of metrics."""

_INLINE = f"{CODE};background:none;border:0;color:inherit;padding:0"
_PAD = "padding:6px 12px"
_TABLE = ' style="border:0;border-collapse:collapse;font-size:12px;margin:2px 0"'


def render_html(run: SavedRun) -> str:
    """The run as HTML in less than :data:`MOST_BYTES`."""
    state = run.state
    frame = f"{UI};{both(f'border:1px solid {LINE}')};border-radius:6px;margin:4px 0;overflow:hidden;text-align:left"
    parts = (
        _head(state),
        _phases(state),
        _failure(state.failure) if state.failure else "",
        _charts(run),
        _values(run),
        _system(run),
        _log(run),
        _files(run),
        _settings(state),
        _live(run),
    )
    return f'<div class="jp-amltrain-saved" style="{frame}">{"".join(parts)}</div>'


def _head(state: RunState) -> str:
    name = visible_html(state.display_name or state.experiment, 120)
    place = visible_html(" · ".join(place_words(state)), 300)
    lines = [f"{state.run_id} · submitted {moment(state.created)}"]
    if state.script:
        lines.append(" ".join((state.script, *state.arguments)))
    if state.reason and not state.failure:
        lines.append(state.reason)
    lines += state.notes
    below = "".join(f"<div>{visible_html(line, 400)}</div>" for line in lines)
    status, _, since = headline(state).partition(" ")
    return (
        f'<div style="{_PAD}"><div><strong>{name}</strong> {state_chip(status)}'
        f' {visible_html(since, 100)} · {place}</div><div style="{DIM}">{below}</div></div>'
    )


def state_chip(status: str) -> Html:
    """A state in its colour."""
    return chip(status, _COLOURS.get(status, "inherit"))


def _phases(state: RunState) -> str:
    begun = [phase for phase in state.phases if phase.state not in ("todo", "skipped")]
    if len(begun) < 2:
        return ""
    cells = "".join(_phase(phase, state) for phase in begun)
    style = "border-collapse:separate;border-spacing:3px 0;border:0;font-size:12px;margin:0 9px 6px;width:auto"
    return f'<table style="{style}"><tbody><tr style="background:none">{cells}</tr></tbody></table>'


def _phase(phase: Phase, state: RunState) -> str:
    words = visible_html(phase_words(phase, state), 80)
    failed = f' <strong style="{both(f"color:{BAD}")}">failed</strong>' if phase.state == "failed" else ""
    style = (
        f"border:0;{both(f'border-top:3px solid {_PHASE_COLOURS[phase.state]}')};padding:2px 14px 0 0;text-align:left"
    )
    return f'<td style="{style}">{words}{failed}</td>'


def _failure(failure: Failure) -> str:
    words = f' <span style="{DIM}">{visible_html(failure.exit_words, 100)}</span>' if failure.exit_words else ""
    frames = "".join(_frame(frame) for frame in failure.frames)
    table = f'<table style="border:0;font-size:12px;margin:4px 0"><tbody>{frames}</tbody></table>' if frames else ""
    causes = "".join(f"<p>{visible_html(cause.text, 500)}{_options(cause.options)}</p>" for cause in failure.causes)
    style = f"{both(f'border-left:4px solid {BAD}')};margin:0 12px 8px;padding:2px 12px"
    return f'<div style="{style}"><strong>{visible_html(failure.title, 500)}</strong>{words}{table}{causes}</div>'


def _frame(frame: Frame) -> str:
    cell = f" (line {frame.cell_line} of the cell)" if frame.cell_line else ""
    place = _code(f"{frame.file[-120:]}:{frame.line}", 130)
    return (
        f'<tr style="background:none"><td style="{_CELL};white-space:nowrap">{place}</td>'
        f'<td style="{_CELL}">{visible_html(frame.function, 60)}{cell}</td>'
        f'<td style="{_CELL}">{_code(frame.code, 160)}</td></tr>'
    )


def _options(options: Iterable[Option]) -> str:
    words = (option_words(option.label, option.arguments, option.text) for option in options)
    return "".join(f"<br>→ {_code(text, 300)}" for text in words)


def _charts(run: SavedRun) -> str:
    found = families(run.curves, run.behind, run.over)
    drawn = [family for family in found if any(len(curve.x) > 1 for _, curve in family.curves)]
    charts, more = within((render_chart(family) for family in drawn), _CHART_BYTES, len(drawn))
    words = f'<div style="{DIM}">{more} more charts: their last values are in the table.</div>' if more else ""
    return f'<div style="{_PAD}">{charts}{words}</div>' if charts else ""


def _values(run: SavedRun) -> str:
    """The table of all metrics; open when there is no chart that tells the same."""
    ranks = {curve.rank for curve in run.curves}
    rows = [
        *(_row(_curve_cells(curve, len(ranks) > 1), _NUMBERS) for curve in run.curves),
        *(
            _row((value.name, value.text, "", "", "", f"{value.count:,}", value.source or value.kind), _NUMBERS[3:])
            for value in run.values
        ),
    ]
    if not rows:
        return ""
    shown, more = within(rows, _TABLE_BYTES, len(rows))
    more += run.more_metrics
    titles = ("Metric", "Last value", "Course", "Lowest", "Highest", "Values", "Source")
    head = _row(titles, _NUMBERS, "th")
    table = f"<table{_TABLE}><thead>{head}</thead><tbody>{shown}</tbody></table>"
    rest = f'<div style="{DIM}">and {more:,} more metrics</div>' if more else ""
    is_open = all(len(curve.x) < 2 for curve in run.curves)
    return _section(f"Metrics ({len(run.curves) + len(run.values) + run.more_metrics:,})", table + rest, is_open)


def _curve_cells(curve: Curve, many_ranks: bool) -> Sequence[str]:
    numbers = curve.finite
    span = (value_of(curve, min(numbers)), value_of(curve, max(numbers))) if curve.count > 1 and numbers else ("", "")
    name = f"{curve.name} rank {curve.rank}" if many_ranks else curve.name
    course = sparkline(numbers) if curve.count > 1 else ""
    return (name, value_of(curve, curve.last), course, *span, f"{curve.count:,}", curve.source)


def _row(cells: Sequence[str], numbers: Sequence[int] = (), tag: str = "td") -> str:
    styles = (_NUMBER if place in numbers else _CELL for place in range(len(cells)))
    marked = "".join(
        f'<{tag} style="{style}">{visible_html(cell, 100)}</{tag}>' for cell, style in zip(cells, styles, strict=True)
    )
    return f"<tr>{marked}</tr>"


def _system(run: SavedRun) -> str:
    found = families(run.system)
    charts, _ = within((render_chart(family) for family in found), _SYSTEM_BYTES, len(found))
    return _section("What it used of the machine", charts) if charts else ""


def _log(run: SavedRun) -> str:
    if not run.log:
        return ""
    rows = [row_html(row) for row in screen_rows(run.log_tail, width=_LOG_WIDTH, most_rows=_LOG_ROWS)]
    # The end of a log tells most.
    kept: list[str] = []
    size = 0
    for row in reversed(rows):
        size += len(row.encode()) + 1
        if size > _LOG_BYTES:
            break
        kept.append(row)
    style = (
        f"background:rgba(128,128,128,.1);color:inherit;{CODE};font-size:12px;line-height:1.45;margin:0;max-height:26em;overflow:auto;"
        "padding:6px 12px;text-align:left;white-space:pre"
    )
    whole = "" if len(run.log_tail.encode()) >= run.log_bytes and len(kept) == len(rows) < _LOG_ROWS else "the end of "
    title = f"Log: {whole}{run.log}, {human_size(run.log_bytes)}"
    return _section(title, f'<pre style="{style}">{chr(10).join(reversed(kept))}</pre>', is_open=True)


def _files(run: SavedRun) -> str:
    if not run.files:
        return ""
    rows = [_row((file.name, human_size(file.size_bytes)), (1,)) for file in run.files]
    shown, more = within(rows, _FILE_BYTES, len(rows))
    more += run.more_files
    rest = f'<div style="{DIM}">and {more:,} more</div>' if more else ""
    count = len(run.files) + run.more_files
    title = f"{count:,} file{'' if count == 1 else 's'}, {human_size(run.state.output_bytes)}"
    return _section(title, f"<table{_TABLE}><tbody>{shown}</tbody></table>{rest}")


def _settings(state: RunState) -> str:
    parts = []
    for title, pairs in (("Parameters", state.parameters), ("Tags", state.tags)):
        if pairs:
            rows = "".join(_row(pair) for pair in pairs)
            parts.append(_section(title, f"<table{_TABLE}><tbody>{rows}</tbody></table>"))
    return "".join(parts)


def _live(run: SavedRun) -> str:
    words = "shows it live" if not run.is_over else "shows all of it"
    return (
        f'<div style="{_PAD};{DIM}">{_code(f"%aml_run {run.state.run_id}", 260)} {words}, in a notebook'
        " that uses its workspace.</div>"
    )


def _code(text: str, width: int) -> Html:
    return Html(f'<code style="{_INLINE}">{visible_html(text, width)}</code>')


def _section(title: str, content: str, is_open: bool = False) -> str:
    mark = " open" if is_open else ""
    style = f"{both(f'border-top:1px solid {LINE}')};padding:4px 12px"
    return (
        f'<details{mark} style="{style}"><summary style="cursor:pointer">'
        f"{visible_html(title, 200)}</summary>{content}</details>"
    )


def within(pieces: Iterable[str], most_bytes: int, count: int) -> tuple[Html, int]:
    """The first pieces that take at most so many bytes, and how many of ``count`` are left out."""
    kept: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece.encode())
        if size > most_bytes:
            break
        kept.append(piece)
    return Html("".join(kept)), count - len(kept)
