"""The parts of a run's way, from the states that it went through. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from ..compute.host import counted
from ..submission.manifest import human_size
from . import status as states
from .record import SCRIPT_RUN, RunRecord, Transition
from .run_state import Phase, PhaseName, PhaseState
from .shorten import cut

_NOTE_BYTES = 160

_ORDER: tuple[PhaseName, ...] = ("snapshot", "queue", "image", "start", "run", "finalise")
"""As they follow each other: a run waits for its place first, and its image is prepared then."""

_BEGUN_BY: Mapping[str, PhaseName] = {
    states.QUEUED: "queue",
    states.PREPARING: "image",
    states.PROVISIONING: "image",
    states.STARTING: "start",
    states.RUNNING: "run",
    states.FINALIZING: "finalise",
}

assert {*_ORDER} == {*get_args(PhaseName)}


def phases_of(run: RunRecord, transitions: Sequence[Transition], reason: str) -> tuple[Phase, ...]:
    """The phases of a run, in their order.

    Args:
        transitions: the states it went through.
        reason: why it is in its state, as of now; the note of the phase it is in.
    """
    if run.type != SCRIPT_RUN:
        state = _last_state(run)
        return (Phase("run", state, run.started, run.ended, "canceled" if state == "canceled" else ""),)
    begun = _begun(run, transitions)
    reached = [name for name in _ORDER if name in begun]
    phases = []
    for name in _ORDER:
        if name in begun:
            later = [begun[other] for other in reached[reached.index(name) + 1 :]]
            end = later[0] if later else run.ended
            state = _state(run, name, reached)
            note = cut(_note(run, name, state, reason), _NOTE_BYTES)
            phases.append(Phase(name, state, begun[name], end, note))
        else:
            missed = run.status in states.TERMINAL or _ORDER.index(name) < _ORDER.index(reached[-1])
            phases.append(Phase(name, "skipped" if missed else "todo"))
    return tuple(phases)


def _begun(run: RunRecord, transitions: Sequence[Transition]) -> dict[PhaseName, float]:
    """When each phase began that did. A supervisor that takes over enters a state again: the first time counts."""
    begun: dict[PhaseName, float] = {"snapshot": run.created - float(run.snapshot.get("seconds") or 0)}
    for change in transitions:
        name = _BEGUN_BY.get(change.status)
        if name:
            begun.setdefault(name, change.at)
    ready = run.image.get("at")
    if ready and "image" in begun:
        # What comes between image and job, such as fetching data, is part of the start.
        begun["start"] = min(float(ready), begun.get("start", float(ready)))
    return begun


def _state(run: RunRecord, name: PhaseName, reached: Sequence[PhaseName]) -> PhaseState:
    """How a phase that began stands; what a job had written is collected after it failed or was canceled, too."""
    broke_off = run.status == states.CANCELED or (run.status == states.FAILED and (run.exit or {}).get("code", 0) != 0)
    last = reached[-2] if broke_off and reached[-1] == "finalise" else reached[-1]
    return _last_state(run) if name == last else "done"


def _last_state(run: RunRecord) -> PhaseState:
    if run.status == states.FAILED:
        return "failed"
    if run.status == states.CANCELED:
        return "canceled"
    return "done" if run.status in states.TERMINAL else "now"


def _note(run: RunRecord, name: PhaseName, state: PhaseState, reason: str) -> str:
    if state == "now":
        return "canceling" if run.status == states.CANCEL_REQUESTED else reason
    if state == "canceled":
        return "canceled"
    if name == "snapshot":
        files = run.snapshot.get("file_count")
        return "" if files is None else f"{counted(files, 'file')}, {human_size(run.snapshot.get('size_bytes') or 0)}"
    if name == "image" and run.image.get("reference"):
        return "built" if run.image.get("built") else "cached"
    return ""
