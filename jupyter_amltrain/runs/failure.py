"""Why a run failed, from how it ended and what it printed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace

from ..engines.exits import KILLED_FOR_MEMORY, exit_words, explain_exit, meaning_of, without_code
from ..engines.protocol import Exit
from ..submission.manifest import human_size
from .causes import known_causes, more_memory, shared_memory, smaller_batch
from .circumstances import Circumstances
from .description import last_lines
from .run_state import Cause, Failure, Frame, Option
from .shorten import cut, first_within, json_size
from .tracebacks import Raised, find_tracebacks, plain_lines

_TITLE_BYTES = 400
_MOST_FRAMES = 10
_NEAR_THE_END = 15
"""Lines that may follow a traceback which ended a script that chose its exit code itself."""
_STILL_THE_REASON = 400
"""Lines that launchers print after the traceback of one of their processes, at most."""
_EVIDENCE_LINES = 60
_CHAIN_GAP = 5
"""Lines between two exceptions one of which led to the other, at most."""
_LINES_BEFORE = 8

_LINES_BYTES = 600
_OPTION_BYTES = 700

_BY_MESSAGE = "User program failed with "
_ELASTIC_KIND = "ChildFailedError"
_ELASTIC = re.compile(
    r"Root Cause \(first observed failure\):.*?rank\s+: (?P<rank>\d+) .*?exitcode\s+: (?P<code>-?\d+)", re.DOTALL
)
_USAGE = re.compile(r"\S+: error: .+")
_SEGFAULTS = (139, 134, 132, 136)
_FAULTHANDLER = "import faulthandler; faulthandler.enable()"


def failure_of(ended: Exit | None, message: str, log: str, about: Circumstances) -> Failure:
    """Why a run failed.

    Args:
        ended: how its job ended, None when it never began.
        message: what its supervisor said about it.
        log: the end of its driver log, or of the log of its image when the job never began.
    """
    if ended is None or ended.infrastructure:
        return not_its_fault(ended, message, log)
    code = ended.code or 0
    lines = plain_lines(log)
    found = find_tracebacks(lines)
    raised = _blamed(found, lines, code, about)
    evidence = "\n".join(lines[_chain_begin(raised, found) :] if raised else lines[-_EVIDENCE_LINES:])
    causes = (*_causes_of_exit(code, raised, message, about), *known_causes(evidence, about))
    return Failure(
        title=cut(_title(code, raised, message, lines, about), _TITLE_BYTES),
        exit_code=ended.code,
        exit_words=exit_words(code),
        frames=user_frames(raised, about) if raised else (),
        last_lines=tuple(last_lines(log)),
        causes=_different(causes),
    )


def not_its_fault(ended: Exit | None, message: str, log: str) -> Failure:
    """The engine, the machine or the environment failed: what was said about it has the remedy already."""
    said, _, _ = message.partition("\nIts last lines:\n")
    first, *more = said.split("\n")
    causes = [Cause(" ".join(" ".join(more).split()))] if more else []
    if ended is not None:
        causes.append(Cause("The script is not to blame, so the same may well work.", (Option("Rerun", "rerun"),)))
    return Failure(
        title=cut(first, _TITLE_BYTES),
        exit_code=ended.code if ended else None,
        exit_words=exit_words(ended.code) if ended and ended.code is not None else "",
        last_lines=tuple(last_lines(log)),
        causes=tuple(causes),
    )


# --- which exception --------------------------------------------------------------------------------------------------


def _blamed(found: Sequence[Raised], lines: Sequence[str], code: int, about: Circumstances) -> Raised | None:
    """The exception that ended the run: the last one with code of the user in it, unless it is an old story."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    allowed = _STILL_THE_REASON if code == 1 else _NEAR_THE_END
    recent = [raised for raised in found if raised.fatal or len(lines) - raised.last <= allowed]
    if code > 128:
        recent = [raised for raised in recent if raised.fatal or raised.last == len(lines) - 1]
    elif recent and recent[-1].fatal:
        recent = recent[-1:]
    if recent and recent[-1].kind.endswith(_ELASTIC_KIND):
        recent = _of_first_rank(recent, "\n".join(lines))
    with_users = [raised for raised in recent if user_frames(raised, about)]
    best = with_users or recent
    return best[-1] if best else None


def _chain_begin(raised: Raised, found: Sequence[Raised]) -> int:
    """Where the story of an exception begins: a little before the first of those that led to it."""
    begin = raised.first
    for earlier in reversed(found):
        if begin - _CHAIN_GAP <= earlier.last < begin:
            begin = earlier.first
    return max(0, begin - _LINES_BEFORE)


def _of_first_rank(found: Sequence[Raised], text: str) -> list[Raised]:
    """Those of the rank that failed first, where launchers print what all of them raised; else all but their own."""
    others = [raised for raised in found if not raised.kind.endswith(_ELASTIC_KIND)]
    told = _ELASTIC.search(text)
    of_first = [raised for raised in others if told and raised.rank == int(told["rank"])]
    return of_first or others


def user_frames(raised: Raised, about: Circumstances) -> tuple[Frame, ...]:
    """The user's own frames: those in the job's working folder, else what belongs to no library."""
    frames = []
    for file, line, function, code in raised.frames:
        path = about.snapshot_path(file)
        if not about.is_library(file):
            is_cell = about.from_cell and path == about.script
            frames.append(
                Frame(path or file, line, function, code, path in about.names, cell_line=line if is_cell else None)
            )
    own = [frame for frame in frames if not frame.file.startswith("/")]
    shown = own or frames
    return tuple(shown if len(shown) <= _MOST_FRAMES else [shown[0], *shown[1 - _MOST_FRAMES :]])


# --- in words ---------------------------------------------------------------------------------------------------------


def _title(code: int, raised: Raised | None, message: str, lines: Sequence[str], about: Circumstances) -> str:
    told = _ELASTIC.search("\n".join(lines)) if code == 1 else None
    if told and (raised is None or _is_launchers(raised)):
        ended_by = -int(told["code"])
        words = meaning_of(128 + ended_by) if ended_by > 0 else f"exit code {told['code']}"
        return f"Rank {told['rank']} failed first: {words}."
    if _for_memory(code, message, about):
        if not about.memory_bytes:
            return f"{KILLED_FOR_MEMORY}: this machine had none left."
        peak = f" (peak {human_size(about.peak_memory_bytes)})" if about.peak_memory_bytes else ""
        return f"{KILLED_FOR_MEMORY}: it reached its limit of {human_size(about.memory_bytes)}{peak}."
    if raised is not None and raised.fatal:
        return f"Python crashed: {raised.message}."
    if raised is not None and raised.kind and (code == 1 or message.startswith(_BY_MESSAGE)):
        rank = int(told["rank"]) if told and raised.rank is None else raised.rank
        who = "The script" if rank is None else f"Rank {rank}"
        return f"{who} raised {raised.text}"
    usage = [line for line in lines[-10:] if _USAGE.fullmatch(line)] if code == 2 else []
    if usage:
        return usage[-1]
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if last and message == explain_exit(code) and not meaning_of(code):
        return f"The script ended with exit code {code}; the last line of its log: {last}"
    # What signals mean comes with advice, which stands among the causes.
    said = without_code(message.partition("\n")[0])
    return f"{said.partition('; ')[0]}." if code > 128 and "; " in said else said


def _is_launchers(raised: Raised) -> bool:
    return raised.kind.endswith(_ELASTIC_KIND)


def _for_memory(code: int, message: str, about: Circumstances) -> bool:
    """Whether a job was killed because it had all the memory that it may have; not every engine tells."""
    held_all = about.memory_bytes and (about.peak_memory_bytes or 0) > 0.9 * about.memory_bytes
    return code == 137 and (message.startswith(KILLED_FOR_MEMORY) or bool(held_all))


def _causes_of_exit(code: int, raised: Raised | None, message: str, about: Circumstances) -> tuple[Cause, ...]:
    if _for_memory(code, message, about):
        text = "Use smaller batches or fewer data loader workers, or give it more memory."
        return (Cause(text, more_memory(about)),)
    if code == 137:
        text = "If nobody did that by hand, this machine ran out of memory: use smaller batches or fewer workers."
        return (Cause(text, smaller_batch(about)),)
    if code == 135:
        return (shared_memory(about),)
    if code in _SEGFAULTS and not (raised and raised.fatal):
        return (
            Cause(
                "Native code crashed, so there is no traceback; with faulthandler on, the next crash tells the line."
                " Check that the versions of the packages fit together, and this CPU and its CUDA version.",
                (Option("Copy the line for the script", "copy", text=_FAULTHANDLER),),
            ),
        )
    return ()


def _different(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """Each cause once, and an option only where it is offered first."""
    offered: set[Option] = set()
    kept = []
    for cause in dict.fromkeys(causes):
        fresh = tuple(option for option in cause.options if option not in offered)
        offered.update(fresh)
        kept.append(Cause(cause.text, fresh))
    return tuple(kept)


# --- small enough -----------------------------------------------------------------------------------------------------


def fitted(failure: Failure, most_bytes: int) -> Failure:
    """The failure in so many bytes of JSON, if that is at all possible: what tells least is left out."""
    causes = tuple(Cause(cut(cause.text, 400), tuple(_short_options(cause.options))) for cause in failure.causes[:2])
    for most_frames in (_MOST_FRAMES, 5, 2):
        frames = tuple(_short_frame(frame) for frame in failure.frames[-most_frames:])
        short = replace(failure, frames=frames, causes=causes, last_lines=())
        room = most_bytes - json_size(asdict(short))
        if room > _LINES_BYTES:
            break
    lines = [cut(line, 200) for line in failure.last_lines]
    return replace(short, last_lines=tuple(reversed(first_within(reversed(lines), max(room, 0)))))


def _short_frame(frame: Frame) -> Frame:
    return replace(frame, file=cut(frame.file, 120), function=cut(frame.function, 60), code=cut(frame.code, 120))


def _short_options(options: Sequence[Option]) -> list[Option]:
    """Options cannot be cut, since they are done as they are written; those that are too long are left out."""
    return [option for option in options if json_size(asdict(option)) <= _OPTION_BYTES][:2]
