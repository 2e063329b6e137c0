"""What an engine is: the thing that turns a :class:`~jupyter_amltrain.submission.job.Job` into running processes.

An engine keeps nothing in memory that matters. Names are deterministic (``amltrain-<run id>``), labels carry the
run id and a :data:`Handle` is plain JSON, so that any process can poll, follow or stop a run that another process
started. Engines are found by entry point (group ``jupyter_amltrain.engines``, see
:mod:`~jupyter_amltrain.engines.registry`), and one contract suite (``tests/engines/test_contract.py``) runs over
all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..submission.job import Job, Resources

Handle = dict[str, Any]
"""JSON-able description of a started job: enough for any process to find it again. It covers all ranks."""

Mark = Mapping[str, int]
"""How far a stream was read: source name (:attr:`Chunk.source`) to number of raw bytes taken. {} is the start."""

REBUILD = "rebuild"
FLATTEN = "flatten"

EnvironmentSpec = Mapping[str, Any]
"""An environment as plain JSON without secrets: what ``Environment._to_spec()`` returns."""


@dataclass(frozen=True)
class Chunk:
    """Raw bytes that one rank wrote to one of its two streams, in the order it wrote them."""

    rank: int
    stream: str
    data: bytes

    @property
    def source(self) -> str:
        """The key of this chunk's stream in a :data:`Mark`, such as ``0/stdout``."""
        return f"{self.rank}/{self.stream}"


@dataclass(frozen=True)
class Exit:
    """How a job ended.

    Attributes:
        code: exit status of the first rank that failed, else 0; None when nobody can know it any more.
        reason: empty for a plain success, else a sentence for a person: what the code means and what to do.
        infrastructure: the engine or the machine failed, not the user's program.
        peak_memory_bytes: most memory the job held, where the engine knows it.
    """

    code: int | None
    reason: str = ""
    infrastructure: bool = False
    peak_memory_bytes: int | None = None


@dataclass(frozen=True)
class Usage:
    """What a job uses of the machine; counts are since its start, None is what the engine cannot tell.

    Attributes:
        at: when, unix seconds.
        cpu_seconds: CPU time of all its processes.
        memory_bytes: memory that it holds now.
    """

    at: float
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    network_received_bytes: int | None = None
    network_sent_bytes: int | None = None
    disk_read_bytes: int | None = None
    disk_written_bytes: int | None = None


@dataclass(frozen=True)
class Image:
    """A prepared environment, ready to start jobs in.

    Attributes:
        reference: what the engine starts: an image id (``sha256:…``) for container engines, the folder of a virtual
            environment (or "" for the notebook's own interpreter) for ``local``.
        interpreter: the Python to call in it, a name on its PATH or an absolute path; "" when it has none.
        name: what to call it in front of a person, such as ``fastdotai/fastai2:latest``.
        digest: content digest that identifies it for ever, recorded with every run that used it.
        built: True when this call built or pulled it, False when it was found.
        size_bytes: size on disk, where known.
        python: version of that Python, "" when nobody can tell.
        stacked_on: name of the image that it is one layer on top of, "" when it was built in full.
        notes: sentences about it that a person should see, such as that its base is another image by now.
    """

    reference: str
    interpreter: str
    name: str
    digest: str = ""
    built: bool = False
    size_bytes: int | None = None
    python: str = ""
    stacked_on: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PushedImage:
    """An image at a registry.

    Attributes:
        reference: its name there, with tag.
        digest: what it is for ever, whatever becomes of the tag.
    """

    reference: str
    digest: str

    @property
    def pinned(self) -> str:
        """The name by which any engine gets exactly this image: ``registry.example.com/team/torch@sha256:…``."""
        return f"{self.reference.rpartition(':')[0]}@{self.digest}"


@dataclass(frozen=True)
class Step:
    """One step of a preparation and its state now, as a build view shows it.

    Attributes:
        key: tells it from the other steps; the same key again is news of the same step.
        name: what it does, for a person: a Dockerfile instruction, ``pull python:3.11-slim``.
        state: ``waiting``, ``running``, ``cached``, ``done``, ``failed`` or ``canceled``.
        seconds: how long it has taken so far.
        current: bytes done, where the step knows.
        total: bytes there are to do, 0 when unknown.
        detail: how far it is in a few words ("3 of 8 layers", "downloading numpy"), "" when nothing tells.
        tail: the last lines that it printed, plain text.
    """

    key: str
    name: str
    state: str = "running"
    seconds: float = 0.0
    current: int = 0
    total: int = 0
    detail: str = ""
    tail: tuple[str, ...] = ()


IMAGE = "image"
BASE = "base image"
NAMELESS = "nameless image"
SETTINGS = "settings image"
STAGE = "build stage"
PROBE = "probe container"
JOB = "job container"
BUILD_CACHE = "build cache"
VIRTUALENV = "virtual environment"


@dataclass(frozen=True)
class Stored:
    """Something that an engine keeps on the disk for environments and runs, and what it costs.

    Attributes:
        key: what the engine finds it by, such as an image id or a folder.
        kind: what it is, in a word or two: :data:`IMAGE` and its like.
        name: what to call it in front of a person.
        size_bytes: all of it.
        own_bytes: what is freed when it alone is discarded, None when the engine cannot tell.
        ours: whether this home folder made it; None when that cannot be told.
        made_for: name of the environment it was first made for, "" when it is not an environment's.
        used_at: when the engine last made or named it, unix seconds.
        environments: the keys of the environments asked about that lead to it.
        stands_on: keys of things listed beside it whose files it shares.
        passing: it was needed for a moment only, and nobody would miss it.
        busy: why the engine would not let go of it now, a clause; "" when it would.
    """

    key: str
    kind: str
    name: str
    size_bytes: int
    own_bytes: int | None = None
    ours: bool | None = None
    made_for: str = ""
    used_at: float = 0.0
    environments: tuple[str, ...] = ()
    stands_on: tuple[str, ...] = ()
    passing: bool = False
    busy: str = ""


@dataclass(frozen=True)
class Discarded:
    """What became of an attempt to discard things.

    Attributes:
        keys: those that are gone.
        refused: key → why it is still there, a clause.
        freed_bytes: by how much the engine's own count went down; None when it does not count.
    """

    keys: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    freed_bytes: int | None = 0


class Preparation(Protocol):
    """What :meth:`Engine.prepare` talks to while it works."""

    def write(self, data: bytes) -> None:
        """Append build or pull output, as a person should see it, to the build log of the run."""

    def phase(self, text: str) -> None:
        """Say in a few words what is being waited for now ("pulling fastai2: 3 of 8 layers")."""

    def step(self, step: Step) -> None:
        """Tell how one step stands now; may be called often. What is written while no step runs is about none."""

    def canceled(self) -> bool:
        """Whether the user gave up; prepare then raises ``CanceledException`` within 0.2 s or so."""


class OnlyAsking:
    """The ``Preparation`` of somebody who only asks: given up before anything is pulled or built."""

    def write(self, data: bytes) -> None:
        """Nobody reads it."""

    def phase(self, text: str) -> None:
        """Nobody waits."""

    def step(self, step: Step) -> None:
        """Nobody watches."""

    def canceled(self) -> bool:
        """True from the beginning."""
        return True


class Engine(Protocol):
    """One way of running jobs. All methods may be called from any thread of any process of this user.

    Errors are :class:`~jupyter_amltrain.errors.EngineException` and its children, with a message for a person.
    """

    name: str
    """Name under which targets refer to it, such as ``docker``."""

    isolated: bool
    """Whether jobs run apart from the host's own files and processes; False is said in the log and in the panel."""

    host_paths: bool
    """True when a job sees the run's folders under their paths on this host, False when they are mounted at
    fixed places (see ``submission.job.JOB_ROOT``)."""

    def check(
        self, environment: EnvironmentSpec, resources: Resources, secrets: Mapping[str, str] | None = None
    ) -> list[str]:
        """Refuse at submit what can never work: engine down, no such image, GPU asked and absent, bad credentials.

        Takes about a second at most and starts nothing. ``secrets`` may hold ``username`` and ``password`` of the
        base image's registry. Returns notes worth showing ("asked 6 CPUs, this host has 2").
        """

    def prepare(
        self,
        environment: EnvironmentSpec,
        log: Preparation,
        secrets: Mapping[str, str] | None = None,
        renew: str = "",
    ) -> Image:
        """Turn an environment into something jobs can be started in: find, pull or build it.

        ``renew`` is :data:`REBUILD` to pull the base again and build all anew, :data:`FLATTEN` to replace an image
        that grew by single packages by one that is built at once, or "" to use what is there.

        An environment whose content was prepared before is found again in < 0.15 s without calling a builder.
        """

    def start(self, job: Job) -> Handle:
        """Start the job; the same run id twice gives the same handle and never a second job.

        Also completes a start that a killed process had left half-done.
        """

    def poll(self, handle: Handle) -> Exit | None:
        """None while the job runs, else how it ended. A job that is gone altogether is an ``Exit`` with code None.

        Raises:
            EngineUnavailableException: the engine does not answer now, so nothing can be said.
        """

    def stream(self, handle: Handle, after: Mark | None = None) -> Iterator[Chunk]:
        """All output of all ranks from ``after`` on: raw bytes, live, ending when the job has ended.

        Per source nothing is lost, doubled or reordered; how sources interleave is not promised to be the same
        twice. The iterator also ends when the connection to the engine breaks: callers ask :meth:`poll` whether
        the job is over and, if not, stream again after what they have.
        """

    def usage(self, handle: Handle) -> Usage | None:
        """What the job uses now; None when it does not run, or the engine cannot tell. May take a second."""

    def stop(self, handle: Handle, grace_s: float) -> None:
        """End the job: SIGINT, then SIGTERM, then SIGKILL, with ``grace_s`` seconds in all before the last.

        Returns when it has ended. Idempotent; a missing job is not an error. Its output can still be streamed.
        """

    def remove(self, handle: Handle) -> None:
        """Forget the job and free what the engine keeps for it, its output included. Missing is not an error."""

    def stored(self, environments: Mapping[str, EnvironmentSpec]) -> tuple[Stored, ...]:
        """What it keeps on the disk for us, and which of these ``environments`` lead to it; nothing is changed.

        What others put on the engine is not listed, but for the base images that the environments name.
        """

    def discard(self, things: Sequence[Stored]) -> Discarded:
        """Delete these, and nothing else. What is in use stays, with the reason; what is gone already is no error.

        Killed half-way, it leaves each thing whole or gone, and the environments can be prepared again either way.
        """


class ImagePusher(Protocol):
    """What an engine that has images does besides (so far: ``docker``)."""

    def push(
        self,
        image: str,
        target: str,
        log: Preparation,
        registry: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> PushedImage:
        """Push the image of that :attr:`Image.reference` to a registry as ``target``, a full name with tag.

        ``registry`` and ``secrets`` are as in an environment's specification and beside it.
        """
