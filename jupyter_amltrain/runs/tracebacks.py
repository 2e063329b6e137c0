"""The Python tracebacks in a log, whoever printed them: the interpreter, a rank of many, ``faulthandler``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..environment.output.terminal_text import plain_line

_LINE_CHARACTERS = 2000
_FOREIGN_LINES = 20
"""So many lines of other processes may stand in a traceback that several of them print at once."""
_THREAD_LINES = 300
"""So many lines ``faulthandler`` may print of other threads before the one that crashed."""

# What launchers put before each line of a rank: torch's own "[rank1]: ", torchrun's "[default1]:", mpirun's.
_RANK = re.compile(r"\[(?:[A-Za-z_]+)?(\d+)\]: ?|\[\d+,(\d+)\]<std(?:err|out)>: ?")
# A group's traceback has its lines behind bars, those of the exceptions in it behind more of them.
_HEAD = re.compile(r"(?P<bar>[ |+]*)(?:Original |Exception Group )?Traceback \(most recent call last\):")
_FRAME = re.compile(r'(?:  |> )File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
# As rich draws them, and typer with it.
_BOX = re.compile(r"╭─+ Traceback \(most recent call last\) ─+╮$")
_BOX_FRAME = re.compile(r"│ (?P<file>\S.*):(?P<line>\d+) in (?P<function>\S+) *│$")
_BOX_CODE = re.compile(r"│ ❱ *\d+ (?:│ )*\s*(?P<code>.*?) *│$")
_RAISED = re.compile(r"(?P<kind>[A-Za-z_][\w.]*)(?::(?: (?P<message>.*))?)?$")
_NAMED_LIKE_AN_ERROR = re.compile(r".*(?:Error|Exception|Exit|Interrupt|Warning|Group|Failure)")
_FATAL = re.compile(r"Fatal Python error: (?P<message>.*)")
_FATAL_FRAME = re.compile(r'(?:  |> )File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>.+)$')
_NOT_COMPILED = ("SyntaxError", "IndentationError", "TabError")
_CARETS = re.compile(r"[\s~^]*$")


class RawFrame(NamedTuple):
    """A frame as a traceback prints it; ``code`` is "" where it shows none, ``function`` where it is not in one."""

    file: str
    line: int
    function: str
    code: str


@dataclass(frozen=True)
class Raised:
    """One exception of a log.

    Attributes:
        kind: its type with its module, "" when the log ends before it.
        message: the first line of its message.
        frames: outermost first.
        rank: the process of a distributed job, None where the log does not tell.
        first: number of its first line in the log.
        last: number of its last line.
        fatal: the interpreter itself crashed.
    """

    kind: str
    message: str
    frames: tuple[RawFrame, ...]
    rank: int | None
    first: int
    last: int
    fatal: bool = False

    @property
    def text(self) -> str:
        """``Type: message`` as Python prints it."""
        return f"{self.kind}: {self.message}" if self.message else self.kind


class _Line(NamedTuple):
    number: int
    text: str


def plain_lines(text: str) -> list[str]:
    """The lines of a log as a screen would show them."""
    return [plain_line(line[:_LINE_CHARACTERS]) for line in text.split("\n")]


def find_tracebacks(lines: Sequence[str]) -> list[Raised]:
    """All tracebacks in the lines of a log, in the order in which they end."""
    by_rank: dict[int | None, list[_Line]] = {}
    for number, line in enumerate(lines):
        prefix = _RANK.match(line)
        rank = int(prefix[1] or prefix[2]) if prefix else None
        by_rank.setdefault(rank, []).append(_Line(number, line[prefix.end() :] if prefix else line))
    found = [raised for rank, own in by_rank.items() for raised in _in_one_stream(own, rank)]
    return sorted(found, key=lambda raised: raised.last)


def _in_one_stream(lines: Sequence[_Line], rank: int | None) -> Iterator[Raised]:
    group: tuple[RawFrame, ...] = ()
    for place, (_, text) in enumerate(lines):
        head = _HEAD.match(text)
        if head:
            bar = len(head["bar"])
            raised = _read(lines, place, bar, rank)
            if bar and group and "|" in head["bar"]:
                # What went wrong lies in the exceptions of a group; the way there is the group's.
                raised = Raised(**{**vars(raised), "frames": group + raised.frames})
            elif "Exception Group" in text:
                group = raised.frames
            else:
                group = ()
            yield raised
        elif _BOX.match(text):
            yield _read_box(lines, place, rank)
        elif fatal := _FATAL.match(text):
            yield _read_fatal(lines, place, fatal["message"], rank)
        elif _FRAME.match(text) and not (place and lines[place - 1].text.startswith("  ")):
            # A script that cannot be compiled: there is no way to tell, so no "Traceback".
            raised = _read(lines, place - 1, 0, rank)
            if raised.kind in _NOT_COMPILED:
                yield raised


def _read(lines: Sequence[_Line], head: int, bar: int, rank: int | None) -> Raised:
    """The traceback below the line ``head``."""
    frames: list[RawFrame] = []
    kind = message = ""
    first = last = lines[max(head, 0)].number
    foreign = 0
    for number, text in lines[head + 1 :]:
        if text[:bar].strip(" |+-") or _HEAD.match(text):
            break
        body = text[bar:]
        if frame := _FRAME.match(body):
            frames.append(RawFrame(frame["file"], int(frame["line"]), frame["function"] or "", ""))
        elif body.startswith("  ") or not body:
            if frames and not frames[-1].code and body.startswith("    ") and not _CARETS.match(body):
                frames[-1] = frames[-1]._replace(code=body.strip())
        else:
            raised = _RAISED.match(body)
            if raised and _is_exception(raised["kind"], bool(foreign)):
                kind, message, last = raised["kind"], raised["message"] or "", number
                break
            foreign += 1
            if foreign > _FOREIGN_LINES:
                break
            continue
        last = number
    return Raised(kind, message, tuple(frames), rank, first, last)


def _read_box(lines: Sequence[_Line], head: int, rank: int | None) -> Raised:
    """A traceback in a frame of line characters; what it was stands below the frame."""
    frames: list[RawFrame] = []
    for number, text in lines[head + 1 :]:
        if frame := _BOX_FRAME.match(text):
            frames.append(RawFrame(frame["file"], int(frame["line"]), frame["function"], ""))
        elif frames and (code := _BOX_CODE.match(text)):
            frames[-1] = frames[-1]._replace(code=code["code"])
        elif not text.startswith(("│", "╰")):
            raised = _RAISED.match(text)
            kind, message = (raised["kind"], raised["message"] or "") if raised else ("", "")
            return Raised(kind, message, tuple(frames), rank, lines[head].number, number)
    return Raised("", "", tuple(frames), rank, lines[head].number, lines[-1].number)


def _is_exception(kind: str, is_doubtful: bool) -> bool:
    """Whether a name can be that of an exception, told from words that a script prints (``epoch: 3``)."""
    if is_doubtful:
        return _NAMED_LIKE_AN_ERROR.fullmatch(kind) is not None
    return "." in kind or not kind[0].islower()


def _read_fatal(lines: Sequence[_Line], head: int, message: str, rank: int | None) -> Raised:
    """What ``faulthandler`` prints: the thread that crashed, innermost frame first."""
    frames: list[RawFrame] = []
    begun = False
    last = lines[head].number
    for number, text in lines[head + 1 :]:
        frame = _FATAL_FRAME.match(text)
        if frame and begun:
            frames.append(RawFrame(frame["file"], int(frame["line"]), frame["function"], ""))
        elif text.startswith("Current thread "):
            begun = True
        elif frames or number > lines[head].number + _THREAD_LINES:
            break
        last = number
    return Raised("Fatal Python error", message, tuple(reversed(frames)), rank, lines[head].number, last, fatal=True)
