"""What a view shows of a run or a build, as values: plain dataclasses that become JSON for every face.

See docs/live-view.md.

``labextension/src/wire.ts`` is generated from these by ``labextension/make_wire.py``; a test keeps it true.
Times are unix seconds, None for "not yet".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PhaseName = Literal["snapshot", "image", "queue", "start", "run", "finalise"]
PhaseState = Literal["todo", "now", "done", "failed", "canceled", "skipped"]
Remedy = Literal["rerun", "environment", "copy"]


@dataclass(frozen=True)
class Phase:
    """One part of a run's way, or one step of a build, for the timeline.

    Attributes:
        name: one of ``PhaseName``, or what the step does.
        note: a few words, such as ``cached`` or ``waits for 1 GPU on gpu-cluster``.
    """

    name: str
    state: PhaseState
    begin: float | None = None
    end: float | None = None
    note: str = ""


@dataclass(frozen=True)
class LogFile:
    """A log of the run, such as ``azureml-logs/70_driver_log.txt``."""

    name: str
    size_bytes: int


@dataclass(frozen=True)
class Frame:
    """A frame of the user's code in a traceback, outermost first.

    Attributes:
        file: its path in the snapshot, or as the traceback has it when it is none of the snapshot's.
        code: the line of code, as the traceback shows it.
        in_snapshot: whether the view can show the file.
        cell_line: number of the line in the notebook cell when the script was a cell, counted as the notebook does.
    """

    file: str
    line: int
    function: str
    code: str
    in_snapshot: bool
    cell_line: int | None = None


@dataclass(frozen=True)
class Option:
    """Something to do about a failure.

    Attributes:
        label: what the button says, such as ``Rerun with --shm 8g``.
        remedy: ``rerun`` submits again with ``arguments`` (options of ``%aml_submit``; what follows ``--`` takes the
            place of the script's arguments), ``environment`` shows the cell with what is to be added, ``copy`` is text
            to copy.
        text: for ``environment`` and ``copy``, the text.
    """

    label: str
    remedy: Remedy
    arguments: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Cause:
    """A known cause of a failure in words, with what can be done about it."""

    text: str
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class Failure:
    """Why a run failed.

    Attributes:
        title: one sentence, such as ``The job was killed for memory: it reached its limit of 8.0 GB.``
        exit_code: None when there was none, as for an image that could not be built.
        exit_words: the exit code and the signal behind it, such as ``exit code 137, SIGKILL``.
        frames: the user's own frames of the last traceback, outermost first.
        last_lines: the last lines of the log, without escape sequences.
    """

    title: str
    exit_code: int | None
    exit_words: str
    frames: tuple[Frame, ...] = ()
    last_lines: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class RunState:
    """A run at a moment, small enough to be sent whenever something of it changes (texts are cut, lists are short).

    Attributes:
        now: the clock of whoever made this, so that a view with another clock can count on.
        reason: why it is in this state, as a person is told.
        environment: name and version, such as ``fastai2:4``; "" when it has none.
        image: reference and digest of the image, "" before it is known.
        gpus: ids of the GPUs it was given.
        isolated: False on an engine that shares this machine's files and network with the job.
        script: file name of the script, or the command.
        from_cell: whether the script was a cell of the notebook.
        parameters: name and value of what was logged as parameters.
        arguments: arguments of the script.
        logs: in the order in which they are to be read.
        output_count: files below ``outputs/`` and ``logs/``.
        can_cancel: whether it is still going and may be ended.
        can_rerun: whether the same can be submitted again.
        over: id of the run that it is drawn over, "" for none.
        is_build: it is no run but the build of an environment, whose id is that of its log and which has no experiment.
    """

    run_id: str
    number: int
    experiment: str
    display_name: str
    status: str
    reason: str
    target: str
    engine: str
    nodes: int
    now: float
    created: float
    started: float | None
    ended: float | None
    environment: str
    image: str
    gpus: tuple[str, ...]
    isolated: bool
    script: str
    from_cell: bool
    arguments: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]
    phases: tuple[Phase, ...]
    logs: tuple[LogFile, ...]
    output_count: int
    output_bytes: int
    can_cancel: bool
    can_rerun: bool
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    over: str = ""
    is_build: bool = False
