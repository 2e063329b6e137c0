"""How a build looks in the output of a cell: its steps → HTML and one line of text. Pure.

The HTML stands on its own, with inline styles, since saved notebooks are read where our style sheet is not: on GitHub,
in nbconvert's pages, in other editors. Colours are JupyterLab's where it is there; what must be read has the colour of
the text around it, so that light and dark need no telling apart. Everything that others wrote is escaped and bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..engines.protocol import Step
from ..environment.output.terminal_text import plain_line
from ..runs.duration import duration
from ..runs.html import BAD, CODE, DIM, LINE, NOW, OK, SHADE, UI, chip, escaped, shortened
from ..saved.numbers import moment
from ..submission.manifest import human_size

MOST_BYTES = 48_000
"""What the HTML of one build takes at most, whatever the build printed."""

WINDOW_LINES = 8
"""How many of a running step's last lines are shown."""

_RUNNING_WINDOWS = 2
_NOTES = 6
_LIMITS = ((40, 14, 160), (20, 10, 100), (8, 4, 60))
"""Steps, lines of the log and characters of a line that are shown; the next ones where that is too much."""

_MARKS = {
    "waiting": ("○", DIM),
    "running": ("●", f"color:{NOW}"),
    "cached": ("✓", DIM),
    "done": ("✓", f"color:{OK}"),
    "failed": ("✗", f"color:{BAD}"),
    "canceled": ("–", DIM),
}
_CHIPS = {"running": ("Building", NOW), "failed": ("Failed", BAD), "canceled": ("Stopped", "inherit")}


@dataclass(frozen=True)
class BuildState:
    """A build as it stands.

    Attributes:
        name: the environment, with its version once it has one.
        state: ``running``, ``done``, ``failed`` or ``canceled``.
        seconds: how long it has taken so far.
        steps: in the order in which they are to be shown; those that run have their time as of now.
        notes: what was said beside the steps.
        phase: what is being waited for now.
        words: more for the summary when it is done: the form of the environment, and the size of the image.
        log: the last lines of everything that was printed.
        origin: what it is made from, and on which images: ``Dockerfile on python:3.11``.
        at: when it stands so, in unix seconds; 0 when that does not matter.
    """

    name: str
    state: str = "running"
    seconds: float = 0.0
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    phase: str = ""
    words: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    origin: str = ""
    at: float = 0.0


def summary(state: BuildState) -> str:
    """The build in one line of text."""
    if state.state == "done":
        kind, *size = state.words or ("",)
        counted = count_steps(state.steps)
        return f"✓ {' · '.join(part for part in (state.name, kind, duration(state.seconds), counted, *size) if part)}"
    if state.state != "running":
        after = f"{'failed' if state.state == 'failed' else 'stopped'} after {duration(state.seconds)}"
        return f"{'✗' if state.state == 'failed' else '–'} {state.name} · {after}{_where(state, 'failed')}"
    return f"… {state.name} · {_elapsed(state.seconds)}{_where(state, 'running') or f' · {state.phase}'}"


def count_steps(steps: Sequence[Step]) -> str:
    """How many steps there were, and how many of them the cache spared; "" for none."""
    number = sum(step.state != "waiting" for step in steps)
    cached = sum(step.state == "cached" for step in steps)
    words = f"{number} step{'' if number == 1 else 's'}"
    return "" if not number else f"{words}, {cached} cached" if cached else words


def progress_words(step: Step) -> str:
    """How far a step is: ``120 of 412 MB · 3 of 8 layers``."""
    size = ""
    if step.total and step.state in ("running", "failed"):
        done, all_of_it = human_size(min(step.current, step.total)), human_size(step.total)
        number, _, unit = done.partition(" ")
        size = f"{number if all_of_it.endswith(f' {unit}') else done} of {all_of_it}"
    elif step.total:
        size = human_size(step.total)
    return " · ".join(part for part in (size, step.detail if step.state == "running" else "") if part)


def render_build(state: BuildState) -> str:
    """The build as HTML: a panel while it goes, one line that opens to its steps once it is done."""
    for limits in _LIMITS:
        html = _render(state, *limits)
        if len(html.encode()) <= MOST_BYTES:
            break
    return html


def _render(state: BuildState, most_steps: int, most_lines: int, width: int) -> str:
    body = _notes(state.notes, width) + _table(state.steps, most_steps, width)
    if state.state == "done":
        log = _pre(state.log[-most_lines:], width) if state.log else ""
        frame = f"border:1px solid {LINE};border-radius:6px;overflow:hidden;margin:4px 0"
        mark, _, rest = summary(state).partition(" ")
        name, _, words = rest.partition(" · ")
        return (
            f'<details class="jp-amltrain-build" style="{UI}"><summary style="cursor:pointer;padding:2px 0">'
            f'<b style="color:{OK}">{mark}</b> <b>{escaped(name, width)}</b> · {escaped(words, 2 * width)}</summary>'
            f'<div style="{frame}">{body}{log}</div></details>'
        )
    numbers = _where(state, "running" if state.state == "running" else "failed", short=True)
    phase = f" · {state.phase}" if state.phase and not state.steps else ""
    as_of = f", as of {moment(state.at)}" if state.at and state.state == "running" else ""
    about = " · ".join(part for part in (f"{_elapsed(state.seconds)}{as_of}{numbers}{phase}", state.origin) if part)
    head = (
        f'<div style="padding:6px 12px;border-bottom:1px solid {LINE}"><b>{escaped(state.name, width)}</b>'
        f" {chip(*_CHIPS[state.state])}"
        f' <span style="{DIM}">{escaped(about, 3 * width)}</span></div>'
    )
    frame = f"{UI};border:1px solid {LINE};border-radius:6px;overflow:hidden;margin:2px 0"
    return f'<div class="jp-amltrain-build" style="{frame}">{head}{body}</div>'


def _table(steps: Sequence[Step], most: int, width: int) -> str:
    if not steps:
        return ""
    begun = [step for step in steps if step.state != "waiting"]
    waiting = [step for step in steps if step.state == "waiting"]
    rows = []
    if len(begun) > most:
        rows.append(_more(f"{len(begun) - most} steps before these"))
    windows = [step.key for step in begun if step.state == "running" and step.tail][:_RUNNING_WINDOWS]
    telling = any(progress_words(step) for step in steps)
    for step in begun[-most:]:
        rows.append(_row(step, width, telling))
        if step.key in windows:
            rows.append(_window(step, width, 4 if telling else 3))
    rows += [_row(step, width, telling) for step in waiting[: most // 4]]
    if len(waiting) > most // 4:
        rows.append(_more(f"{len(waiting) - most // 4} more to come"))
    style = "border-collapse:collapse;margin:2px 0 4px;table-layout:fixed;width:100%;font-size:inherit;border:0"
    return f'<table class="jp-amltrain-steps" style="{style}"><tbody>{"".join(rows)}</tbody></table>'


def _row(step: Step, width: int, telling: bool) -> str:
    """A step; the column for how far it is only where any of them tells."""
    mark, style = _MARKS.get(step.state, ("", ""))
    name, full = escaped(step.name, width), escaped(step.name, 4 * width)
    live = ' class="jp-amltrain-live"' if step.state == "running" else ""
    cell = "border:0;padding:2px 4px;text-align:left;overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
    shade = f";{DIM}" if step.state in ("waiting", "canceled") else ""
    far = f'<td style="{cell};width:17em;{DIM}">{escaped(progress_words(step), width)}</td>' if telling else ""
    return (
        f'<tr style="background:none"><td style="{cell};width:22px;padding-left:12px;{style}" title="{step.state}">'
        f'<span{live}>{mark}</span></td><td style="{cell}{shade}" title="{full}">{name}{_bar(step)}</td>{far}'
        f'<td style="{cell};width:6.5em;padding-right:12px;text-align:right;{DIM}">{_time(step)}</td></tr>'
    )


def _bar(step: Step) -> str:
    if step.state != "running" or not step.total:
        return ""
    percent = min(100, step.current * 100 // step.total)
    return (
        f'<div style="background:{LINE};border-radius:2px;height:4px;margin:1px 0 3px">'
        f'<div style="background:{NOW};border-radius:2px;height:4px;width:{percent}%"></div></div>'
    )


def _window(step: Step, width: int, columns: int) -> str:
    """The running step's last lines, in a window whose height does not change."""
    return (
        f'<tr style="background:none"><td colspan="{columns}" style="border:0;padding:2px 0">'
        f"{_pre(step.tail[-WINDOW_LINES:], width, f'height:{WINDOW_LINES * 1.45:.1f}em')}</td></tr>"
    )


def _pre(lines: Sequence[str], width: int, more: str = "max-height:24em;overflow:auto") -> str:
    style = (
        f"background:{SHADE};color:inherit;{CODE};font-size:12px;"
        f"line-height:1.45;margin:0;overflow:hidden;padding:4px 12px 4px 34px;text-align:left;white-space:pre;{more}"
    )
    text = "\n".join(escaped(plain_line(line), width) for line in lines)
    return f'<pre class="jp-amltrain-log" style="{style}">{text}</pre>'


def _notes(notes: Sequence[str], width: int) -> str:
    lines = "".join(f"<div>{escaped(note, 3 * width)}</div>" for note in notes[-_NOTES:])
    return f'<div style="padding:4px 12px;{DIM}">{lines}</div>' if lines else ""


def _more(words: str) -> str:
    cell = f"border:0;padding:2px 4px;text-align:left;{DIM}"
    return f'<tr style="background:none"><td></td><td colspan="2" style="{cell}">… {words}</td></tr>'


def _time(step: Step) -> str:
    if step.state in ("waiting", "cached", "canceled"):
        return step.state
    return _elapsed(step.seconds) if step.state == "running" else duration(step.seconds)


def _elapsed(seconds: float) -> str:
    """A time that still grows, in whole seconds."""
    return f"{int(seconds)} s" if seconds < 60 else duration(int(seconds))


def _where(state: BuildState, which: str, short: bool = False) -> str:
    """Which of the steps it is at."""
    for number, step in enumerate(state.steps, 1):
        if step.state == which:
            words = f" · step {number} of {len(state.steps)}"
            return words if short else f"{words}, {shortened(step.name, 80)}"
    return ""
