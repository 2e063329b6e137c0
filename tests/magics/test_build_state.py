"""A build as the value that live views show."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict
from pathlib import Path

from jupyter_amltrain.engines.protocol import Step
from jupyter_amltrain.magics.build_state import run_state
from jupyter_amltrain.magics.build_view import BuildState
from jupyter_amltrain.runs.state_of import MOST_BYTES

NOW = 1_790_000_000.0
FAILED = """\
The build of environment 'e' failed at line 4 of the cell, `RUN make`: the command ended with exit code 2.
The image has no program make: install it in an earlier step.
Its last lines:
    cc -c one.c
    /bin/sh: 1: make: not found
The whole log: /home/me/builds/e-local-12.txt"""
STEPS = (
    Step("a", "FROM python", "cached"),
    Step("b", "RUN pip install torch", "done", 12.0),
    Step("c", "RUN make", "running", 3.0, 5_000_000, 10_000_000),
    Step("d", "COPY . /", "waiting"),
)


def test_a_build_as_it_goes(tmp_path: Path) -> None:
    log = tmp_path / "e-local-12.txt"
    build = BuildState("e", seconds=15.0, steps=STEPS, phase="building", origin="Dockerfile on python:3.11")
    state = run_state(build, log, NOW)
    assert (state.run_id, state.display_name, state.status) == ("e-local-12", "e", "Building")
    assert state.is_build
    assert state.image == "Dockerfile on python:3.11"
    done = dataclasses.replace(build, state="done", words=("Dockerfile", "", "612 MB"))
    assert run_state(done, log, NOW).image == "Dockerfile on python:3.11 · 612 MB"
    assert state.can_cancel
    assert (state.started, state.ended, state.logs) == (NOW - 15, None, ())
    told = [(phase.name, phase.state, phase.note) for phase in state.phases]
    assert told == [
        ("FROM python", "done", "cached"),
        ("RUN pip install torch", "done", ""),
        ("RUN make", "now", "5 of 10 MB"),
        ("COPY . /", "todo", ""),
    ]
    begin, end = state.phases[1].begin, state.phases[1].end
    assert begin is not None
    assert end is not None
    assert end - begin == 12.0
    log.write_text("four")
    assert run_state(BuildState("e"), log, NOW).logs[0].size_bytes == 4


def test_a_failure_has_the_place_the_remedy_and_the_steps_last_lines(tmp_path: Path) -> None:
    build = BuildState("e", "failed", 1.0, log=("of another step",))
    failure = run_state(build, tmp_path / "none.txt", NOW, FAILED).failure
    assert failure is not None
    assert failure.title == FAILED.splitlines()[0]
    assert [cause.text for cause in failure.causes] == [FAILED.splitlines()[1]]
    assert failure.last_lines == ("cc -c one.c", "/bin/sh: 1: make: not found")
    without = run_state(build, tmp_path / "none.txt", NOW, "The engine does not answer.").failure
    assert without is not None
    assert without.last_lines == ("of another step",)


def test_a_state_is_small_whatever_was_written(tmp_path: Path) -> None:
    long = "\u202e" * 10_000
    steps = tuple(Step(str(number), long, "done", 1.0, detail=long) for number in range(500))
    build = BuildState(long, "failed", 1.0, steps, phase=long, words=(long,), log=(long,) * 40)
    state = run_state(build, tmp_path / "none.txt", NOW, long)
    assert len(json.dumps(asdict(state))) <= MOST_BYTES
    assert state.phases[0].name == "… 480 steps before these"


def test_of_many_steps_those_around_the_one_that_runs_are_shown(tmp_path: Path) -> None:
    steps = [Step(str(number), f"RUN {number}", "done" if number < 30 else "waiting") for number in range(60)]
    steps[30] = Step("30", "RUN 30")
    names = [phase.name for phase in run_state(BuildState("e", steps=tuple(steps)), tmp_path / "none.txt", NOW).phases]
    assert names == ["… 16 steps before these", *(f"RUN {number}" for number in range(16, 36)), "… 24 more to come"]
