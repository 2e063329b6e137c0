"""A build as the value that live views show. Pure."""

from __future__ import annotations

from pathlib import Path

from ..engines.protocol import Step
from ..runs import status as states
from ..runs.failure import fitted, not_its_fault
from ..runs.run_state import Failure, LogFile, Phase, PhaseState, RunState
from ..runs.shorten import cut
from .build_view import BuildState, progress_words

BUILDING = "Building"

_NAME_BYTES = 200
_MOST_STEPS = 20
_MOST_WAITING = 5
_FAILURE_BYTES = 6000
_STATUS = {"running": BUILDING, "done": states.COMPLETED, "failed": states.FAILED, "canceled": states.CANCELED}
_PHASES: dict[str, PhaseState] = {"waiting": "todo", "running": "now", "failed": "failed", "canceled": "canceled"}


def run_state(build: BuildState, log: Path, now: float, why: str = "") -> RunState:
    """What a live view shows of a build at ``now``, unix seconds.

    Args:
        log: where its output is, perhaps not yet.
        why: the message of a build that failed.
    """
    begun = now - build.seconds
    over = build.state != "running"
    return RunState(
        run_id=log.stem,
        number=0,
        experiment="",
        display_name=cut(build.name, _NAME_BYTES),
        status=_STATUS[build.state],
        reason="" if build.steps else cut(build.phase, _NAME_BYTES),
        target="",
        engine="",
        nodes=1,
        now=now,
        created=begun,
        started=begun,
        ended=now if over else None,
        environment="",
        image=cut(" · ".join(word for word in (build.origin, *build.words[1:]) if word), _NAME_BYTES),
        gpus=(),
        isolated=True,
        script="",
        from_cell=False,
        arguments=(),
        parameters=(),
        tags=(),
        phases=_phases(build.steps, now),
        logs=(LogFile(log.name, log.stat().st_size),) if log.exists() else (),
        output_count=0,
        output_bytes=0,
        can_cancel=not over,
        can_rerun=False,
        failure=_failure(build, why) if build.state == "failed" else None,
        is_build=True,
    )


def _phases(steps: tuple[Step, ...], now: float) -> tuple[Phase, ...]:
    """The steps; of very many those around the ones that run."""
    begun = max((number for number, step in enumerate(steps, 1) if step.state != "waiting"), default=0)
    first = max(0, min(begun + _MOST_WAITING, len(steps)) - _MOST_STEPS)
    last = first + _MOST_STEPS
    before = (Phase(f"… {first} steps before these", "done"),) if first else ()
    after = (Phase(f"… {len(steps) - last} more to come", "todo"),) if len(steps) > last else ()
    return (*before, *(_phase(step, now) for step in steps[first:last]), *after)


def _phase(step: Step, now: float) -> Phase:
    state = _PHASES.get(step.state, "done")
    note = step.state if step.state in ("cached", "canceled") else progress_words(step)
    if step.state in ("waiting", "cached", "canceled"):
        return Phase(cut(step.name, _NAME_BYTES), state, note=note)
    end = None if state == "now" else now
    return Phase(cut(step.name, _NAME_BYTES), state, now - step.seconds, end, cut(note, _NAME_BYTES))


def _failure(build: BuildState, why: str) -> Failure:
    """The message has the step, where it stands and what to do; and its last lines, which tell more than the log's."""
    _, _, printed = why.partition("\nIts last lines:\n")
    lines = "\n".join(line.removeprefix("    ") for line in printed.splitlines() if line.startswith("    "))
    return fitted(not_its_fault(None, why, lines or "\n".join(build.log)), _FAILURE_BYTES)
