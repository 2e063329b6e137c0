"""The shapes that pass between store, faces and wire: one frozen dataclass each, the only definition there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SYSTEM = "system"
"""Source of the metrics that tell what a run uses of the machine; their names begin with ``system/``."""

SCRIPT_RUN = "azureml.scriptrun"
"""Type of the runs that an engine runs; others, of type "", are only logged to."""

RERUN_OF = "amltrain.rerun_of"
"""Property of a run that was submitted again: the id of the run before."""

OVER = "amltrain.over"
"""Property of a run that is to be drawn over another: the id of that one."""


@dataclass(frozen=True)
class RunRecord:
    """A run as the store knows it. Times are unix seconds, None for "not yet".

    Attributes:
        number: position in the order of submission, over all experiments of the workspace.
        reason: why it is in this state, for a person; every state but Running and Completed has one.
        definition: ``RunDefinition.to_json()``.
        snapshot: ``summary``, ``file_count``, ``size_bytes`` and ``notes`` of the source snapshot, the ``seconds`` that
            it took, and whether its script was a notebook cell (``from_cell``).
        image: the environment it runs in: ``reference``, ``name``, ``digest``, ``interpreter``, ``size_bytes``, and
            since when it was ready (``at``).
        handle: the engine's handle, once started; of a run that a notebook logs to, the process (:mod:`.owner`).
        exit: ``code``, ``reason``, ``infrastructure``, ``peak_memory_bytes``, once it ended.
        error: ``code`` and ``message`` of a failed run.
        type: :data:`SCRIPT_RUN`, or "" of a run that is only logged to: by a notebook or, as a child, by the script of
            its parent.
        parent: id of the parent run, "" for none.
        folder: where its files are, below the folder of all runs; "" is its id.
    """

    number: int
    id: str
    experiment: str
    target: str
    engine: str
    nodes: int
    status: str
    reason: str
    created: float
    definition: Mapping[str, Any]
    started: float | None = None
    ended: float | None = None
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    image: Mapping[str, Any] = field(default_factory=dict)
    handle: Mapping[str, Any] | None = None
    exit: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    type: str = SCRIPT_RUN
    parent: str = ""
    display_name: str = ""
    description: str = ""
    folder: str = ""

    @property
    def label(self) -> str:
        """What to call it among other runs: its name for people, else the end of its id."""
        return self.display_name or f"…{self.id[-4:]}"


@dataclass(frozen=True)
class RunUse:
    """What a run needs of what lies outside its folder.

    Attributes:
        at: when it ended, else began, else was submitted.
        image: :attr:`Image.reference`, "" before it was prepared.
    """

    id: str
    status: str
    at: float
    image: str
    snapshot: str


@dataclass(frozen=True)
class Transition:
    """One change of state: which, why and when (unix seconds)."""

    status: str
    reason: str
    at: float


@dataclass(frozen=True)
class Point:
    """One logged value.

    Attributes:
        cursor: grows with every point stored; pass the last one seen as ``after``.
        kind: ``scalar`` (value is a number or text), ``list`` (a list), ``row`` (column → value), ``table``
            (column → list), or that of a file (``image``, ``confusion_matrix``, …), whose value is the file's name.
        step: the step the script gave, else None.
        at: unix seconds by the job's clock.
        source: "" when the script logged it, else who did it in its place: ``fastai``, ``tensorboard``, ….
    """

    cursor: int
    name: str
    kind: str
    value: Any
    step: int | float | None
    at: float
    rank: int
    source: str = ""


@dataclass(frozen=True)
class Position:
    """How far the output of a run was taken in; see :mod:`jupyter_amltrain.runs.intake` for the protocol.

    Attributes:
        marks: source → raw bytes whose records are stored and whose text was about to be written.
        log_offset: length of the log file before the last batch.
        pieces: the last batch: source, raw start, raw end and length of text of each piece, in log order.
        parts: records of which only some parts have arrived (state of ``stream.Assembler``).
    """

    marks: Mapping[str, int] = field(default_factory=dict)
    log_offset: int = 0
    pieces: tuple[tuple[str, int, int, int], ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)


class NewPoint(NamedTuple):
    """A point on its way into the store; ``run`` is the id of a child run, "" for the run itself.

    ``source`` is "" when the script logged it, else who did it in its place.
    """

    name: str
    kind: str
    value: Any
    step: int | float | None
    at: float
    rank: int
    run: str = ""
    source: str = ""


@dataclass(frozen=True)
class Change:
    """Something else that a job tells of its run or of a child run.

    Attributes:
        kind: ``child`` (``value``: ``name`` and ``tags`` of a new child, whose id is ``run``; its parent is
            ``parent``), ``tags`` and ``params`` (name → text or None), ``untag`` (names), ``about`` (``display_name``,
            ``description``) or ``state`` (``status`` and perhaps ``error`` of a child).
        run: id of a child run, "" for the run itself.
    """

    kind: str
    run: str
    value: Mapping[str, Any]
    at: float
    parent: str = ""
