"""A run as lines of text, for terminals and for hosts that show no HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..runs.duration import duration
from ..runs.html import shortened
from ..runs.run_state import Phase, RunState
from ..runs.shorten import first_within
from ..submission.manifest import human_size
from .charts import value_of
from .contents import SavedRun
from .curves import Curve
from .numbers import moment, share
from .screen import row_text, screen_rows, visible

MOST_LINES = 60
_WIDTH = 160
_METRICS = 16
_SYSTEM = 6
_LOG_LINES = 15
_SPARKS = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH = 24

MARKS = {"Completed": "✓", "Failed": "✗", "Canceled": "–"}


def render_text(run: SavedRun) -> str:
    """The run in at most :data:`MOST_LINES` lines of at most 160 characters."""
    head = [*_head(run.state), *_failure(run.state)]
    middle = [*_metrics(run), *_files(run)]
    last = f"%aml_run {run.state.run_id} shows it live, in a notebook that uses its workspace."
    log = list(_log(run, MOST_LINES - len(head) - len(middle) - 1))
    return "\n".join(_line(line) for line in [*head, *middle, *log, last][-MOST_LINES:])


def headline(state: RunState) -> str:
    """The state of a run and since when, in words: ``Completed after 4 min 12 s``."""
    seconds = max(0.0, (state.ended or state.now) - (state.started or state.created))
    if state.ended:
        return f"{state.status} after {_span(seconds)}"
    return f"{state.status} for {_span(seconds)}, as of {moment(state.now)}"


def _span(seconds: float) -> str:
    return duration(seconds) if seconds >= 0.05 else "0 s"


def place_words(state: RunState) -> list[str]:
    """Where it ran and in what."""
    engine = f"{state.target} ({state.engine})" if state.engine and state.engine != state.target else state.target
    where = [engine if state.isolated else f"{engine}, not isolated", state.environment, state.image.partition("@")[0]]
    gpus = f"GPU {', '.join(state.gpus)}" if state.gpus else ""
    nodes = f"{state.nodes} nodes" if state.nodes > 1 else ""
    return [words for words in (*where, gpus, nodes) if words]


def phase_words(phase: Phase, state: RunState) -> str:
    """A phase in a few words: ``image cached``, ``run 4 min 12 s``."""
    if phase.begin is None or phase.state in ("todo", "skipped"):
        return phase.name
    time = _span((phase.end or state.now) - phase.begin)
    note = phase.note if phase.note in ("cached", "built", "canceled") else ""
    return " ".join(part for part in (phase.name, note, time if note != "cached" else "") if part)


def sparkline(values: Sequence[float], width: int = _SPARK_WIDTH) -> str:
    """The course of numbers in so many characters."""
    if len(values) > width:
        size = len(values) / width
        parts = (
            values[int(place * size) : max(int(place * size) + 1, int((place + 1) * size))] for place in range(width)
        )
        values = [sum(value / len(part) for value in part) for part in parts]
    if not values:
        return ""
    low, high = min(values), max(values)
    return "".join(_SPARKS[int(share(value, low, high) * 7.999)] for value in values)


def _head(state: RunState) -> Iterator[str]:
    name = state.display_name or state.experiment
    yield f"{MARKS.get(state.status, '…')} {name} · {headline(state)} · {' · '.join(place_words(state))}"
    yield f"  {state.run_id} · submitted {moment(state.created)}"
    if state.script:
        yield f"  {' '.join((state.script, *state.arguments))}"
    if state.reason and not state.failure:
        yield f"  {state.reason}"
    shown = [phase for phase in state.phases if phase.state not in ("todo", "skipped")]
    if shown:
        words = (phase_words(phase, state) + (" ✗" if phase.state == "failed" else "") for phase in shown)
        yield f"  {' → '.join(words)}"
    for what, pairs in (("parameters", state.parameters), ("tags", state.tags)):
        if pairs:
            yield f"  {what}: {', '.join(f'{key}={value}' for key, value in pairs)}"


def _failure(state: RunState) -> Iterator[str]:
    failure = state.failure
    if failure is None:
        return
    yield f"  {failure.title}{f' ({failure.exit_words})' if failure.exit_words else ''}"
    for frame in failure.frames[-6:]:
        cell = f" (line {frame.cell_line} of the cell)" if frame.cell_line else ""
        yield f"    {frame.file}:{frame.line} {frame.function}  {frame.code}{cell}"
    for cause in failure.causes:
        yield f"  → {cause.text}"
        for option in cause.options:
            yield f"    {option_words(option.label, option.arguments, option.text)}"


def option_words(label: str, arguments: Sequence[str], text: str) -> str:
    """What to do, with what it takes."""
    given = " ".join(arguments) or " ⏎ ".join(text.splitlines())
    return label if not given or given in label else f"{label}: {given}"


def _metrics(run: SavedRun) -> Iterator[str]:
    names = [visible(_called(curve, run.curves)) for curve in run.curves[:_METRICS]]
    width = min(40, max(map(len, names), default=0))
    for name, curve in zip(names, run.curves, strict=False):
        yield f"  {shortened(name, width):<{width}}  {_course(curve)}"
    for value in run.values[: _METRICS - len(names)]:
        yield f"  {value.name}: {value.text}"
    more = len(run.curves) - len(names) + run.more_metrics
    if more > 0:
        yield f"  and {more:,} more metrics"
    for curve in run.system[:_SYSTEM]:
        numbers = curve.finite
        if numbers:
            top = value_of(curve, max(numbers))
            yield f"  {curve.name}  {sparkline(numbers)}  {value_of(curve, curve.last)}, at most {top}"


def _called(curve: Curve, others: Sequence[Curve]) -> str:
    return f"{curve.name} rank {curve.rank}" if any(other.rank != curve.rank for other in others) else curve.name


def _course(curve: Curve) -> str:
    numbers = curve.finite
    if curve.count == 1 or not numbers:
        return f"{value_of(curve, curve.last)}{f'  ({curve.source})' if curve.source else ''}"
    span = f"{value_of(curve, min(numbers))} … {value_of(curve, max(numbers))}"
    about = ", ".join(words for words in (span, f"{curve.count:,} values", curve.source) if words)
    return f"{sparkline(numbers)}  {value_of(curve, curve.last)}  ({about})"


def _files(run: SavedRun) -> Iterator[str]:
    state = run.state
    if state.output_count:
        names = ", ".join(first_within((file.name for file in run.files[:5]), 120))
        more = ", …" if len(run.files) > 5 else ""
        count = f"{state.output_count:,} file{'' if state.output_count == 1 else 's'}"
        yield f"  {count}, {human_size(state.output_bytes)}: {names}{more}"


def _log(run: SavedRun, room: int) -> Iterator[str]:
    if not run.log or room < 3:
        return
    rows = screen_rows(run.log_tail, width=_WIDTH, most_rows=min(_LOG_LINES, room - 1))
    yield f"  the end of {run.log} ({human_size(run.log_bytes)}):"
    for row in rows:
        yield f"  | {row_text(row)}"


def _line(text: str) -> str:
    text = visible(" ".join(text.splitlines()))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
