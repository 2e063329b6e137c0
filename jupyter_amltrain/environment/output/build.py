"""What a builder answers → the build log, the steps of a view, and why it failed, with the step named."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...engines.protocol import Preparation
from ...errors import ImageBuildException
from ..builder.instructions import Instruction, parse_dockerfile, text_lines
from ..builder.step_settings import without_settings
from ..secrets import mask_url_credentials
from .buildkit import Event, Vertex, VertexLog, VertexProgress, decode_trace
from .remedies import remedy
from .steps import Steps

if TYPE_CHECKING:
    from ..builder.engine_build import Build

TAIL_LINES = 20
"""How many of a failed step's last lines an error message shows."""

_TAIL_WIDTH = 400
_NUMBERED = re.compile(r"^\[(?:(\S+) )?\s*(\d+)/(\d+)\]\s*")
_CLASSIC_STEP = re.compile(r"(?:\[\d+/\d+\] )?(?:Step|STEP) \d+/\d+\s*:\s*(.*)")
_CLASSIC_CACHED = re.compile(r"\s*--?-> Using cache")
_CLASSIC_NOISE = re.compile(
    r"\s*$| ---> |--> |Removing intermediate container|Successfully |(?:\[\d+/\d+\] )?COMMIT |[0-9a-f]{64}$"
)
_PARSE_ERROR_LINE = re.compile(r"(?:parse error(?: on)? line|Dockerfile:)\s*(\d+)")
_EXIT_CODE = re.compile(r"(?:exit code: |returned a non-zero code: |exit status )(\d+)")
_CONTENT_NAME = re.compile(r"\s*\bsha256:\S*")


class BuildOutput:
    """Turns what a builder answers into lines of the build log and steps, and remembers what a failure needs."""

    def __init__(self, build: Build, log: Preparation) -> None:
        self._build = build
        self._log = log
        self._steps = Steps(log, build.tag)
        self._image_id = ""
        self._error = ""
        self._failed_step = ""
        self._vertices: dict[str, Vertex] = {}
        self._numbers: dict[str, int] = {}
        self._open: dict[str, bytes] = {}
        self._progress: dict[str, dict[str, VertexProgress]] = {}
        self._stages = _stage_names(build.dockerfile)
        self._classic = ""
        self._classic_names: list[str] = []
        self._classic_rest = ""

    def take(self, item: Mapping[str, Any]) -> None:
        """One JSON object of the answer."""
        aux = item.get("aux")
        if item.get("id") == "moby.buildkit.trace" and isinstance(aux, str):
            self.take_events(list(decode_trace(base64.b64decode(aux))))
        elif isinstance(aux, Mapping) and "ID" in aux:
            self._image_id = str(aux["ID"])
        elif "error" in item:
            self._error = str(item["error"])
        elif "stream" in item:
            self._take_classic(str(item["stream"]))

    def take_events(self, events: Sequence[Event]) -> None:
        """BuildKit's news, told together."""
        self._announce([event for event in events if isinstance(event, Vertex) and not event.started])
        for event in events:
            if isinstance(event, Vertex):
                self._take_vertex(event)
            elif isinstance(event, VertexLog):
                self._take_log(event)
            else:
                self._take_progress(event)

    def result(self) -> str:
        """The image's id.

        Raises:
            ImageBuildException: the build failed.
        """
        if self._classic_rest:
            self._take_classic_line(self._classic_rest)
        if self._error or not self._image_id:
            for digest in list(self._open):
                self._flush(digest)
            self._steps.end(self._classic or self._failed_step, "failed")
            self._steps.end_all("canceled")
            raise ImageBuildException(self._explained(self._error or "the builder ended without an image"))
        self._end_classic()
        self._steps.end_all("done")
        return self._image_id

    def canceled(self) -> None:
        """Nothing more will come: the person gave it up."""
        self._steps.end_all("canceled")

    # --- BuildKit ------------------------------------------------------------------------------------------------

    def _announce(self, vertices: Sequence[Vertex]) -> None:
        """Steps that will come, in the order of the Dockerfile; BuildKit names them in any order."""
        for vertex in sorted(vertices, key=lambda vertex: self._position(vertex.name)):
            if not _is_internal(vertex.name):
                self._steps.announce(vertex.digest, self._title(vertex.name))

    def _position(self, name: str) -> tuple[int, int]:
        numbered = _NUMBERED.match(name)
        if not numbered:
            return len(self._stages), 0
        stage = (numbered[1] or "").lower()
        return self._stages.index(stage) if stage in self._stages else 0, int(numbered[2])

    def _take_vertex(self, vertex: Vertex) -> None:
        before = self._vertices.get(vertex.digest)
        self._vertices[vertex.digest] = vertex
        if vertex.error and "context canceled" not in vertex.error:
            self._failed_step = vertex.digest
        if _is_internal(vertex.name) or not vertex.started:
            return
        title = self._title(vertex.name)
        if vertex.digest not in self._numbers:
            number = self._numbers[vertex.digest] = len(self._numbers) + 1
            name = self._shown(vertex.name)
            self._steps.begin(vertex.digest, title)
            self._write(f"#{number} {name}\n")
            self._log.phase(f"building {self._build.title}: {name[:80]}")
        number = self._numbers[vertex.digest]
        if vertex.completed and not (before and before.completed):
            self._flush(vertex.digest)
            if vertex.cached:
                self._write(f"#{number} cached\n")
            elif not vertex.error or self._failed_step == vertex.digest:
                how = "failed after" if vertex.error else "done"
                self._write(f"#{number} {how} {vertex.completed - vertex.started:.1f} s\n")
            state = "cached" if vertex.cached or _is_base(title) else "done"
            if vertex.error:
                state = "failed" if self._failed_step == vertex.digest else "canceled"
            self._steps.end(vertex.digest, state, vertex.completed - vertex.started)

    def _take_log(self, event: VertexLog) -> None:
        *lines, rest = (self._open.get(event.vertex, b"") + event.data).split(b"\n")
        self._open[event.vertex] = rest
        for line in lines:
            self._step_line(event.vertex, line)

    def _take_progress(self, event: VertexProgress) -> None:
        if event.name.startswith("naming"):
            return
        parts = self._progress.setdefault(event.vertex, {})
        parts[event.name] = event
        total = sum(part.total for part in parts.values())
        current = sum(min(part.current, part.total) for part in parts.values())
        name = _CONTENT_NAME.sub("", event.name)
        self._steps.progress(event.vertex, current, total, name)
        if total:
            self._steps.phase(f"building {self._build.title}: {name[:40]} {current * 100 // total} %")

    def _flush(self, vertex: str) -> None:
        rest = self._open.pop(vertex, b"")
        if rest:
            self._step_line(vertex, rest)

    def _step_line(self, vertex: str, line: bytes) -> None:
        text = mask_url_credentials(line.decode("utf-8", "replace"))
        self._steps.line(vertex, text)
        self._write(f"#{self._numbers.get(vertex, 0)} {text}\n")

    # --- the classic builder, and Podman -------------------------------------------------------------------------

    def _take_classic(self, text: str) -> None:
        """Text as it comes, cut anywhere; a step begins before its line is in the log."""
        *lines, self._classic_rest = (self._classic_rest + text).split("\n")
        for line in lines:
            self._take_classic_line(line)
        self._write(text)

    def _take_classic_line(self, line: str) -> None:
        text = mask_url_credentials(line)
        step = _CLASSIC_STEP.match(line)
        if step:
            self._end_classic()
            self._classic_names.append(step[1].strip())
            self._classic = self._failed_step = str(len(self._classic_names))
            if not _is_internal(step[1]):
                self._steps.begin(self._classic, self._title(step[1]))
            self._log.phase(f"building {self._build.title}: {self._shown(step[1])[:80]}")
        elif _CLASSIC_CACHED.match(line):
            self._steps.end(self._classic, "cached", 0.0)
        elif not _CLASSIC_NOISE.match(line):
            self._steps.line(self._classic, text)
        found = re.match(r"Successfully built ([0-9a-f]{12,64})", line)
        if found:
            self._image_id = self._image_id or found[1]

    def _end_classic(self) -> None:
        base = bool(self._classic_names) and _is_base(self._classic_names[-1])
        self._steps.end(self._classic, "cached" if base else "done")

    def _write(self, text: str) -> None:
        self._log.write(mask_url_credentials(text).encode())

    # --- names and reasons ---------------------------------------------------------------------------------------

    def _shown(self, name: str) -> str:
        return without_settings(" ".join(name.split()))

    def _title(self, name: str) -> str:
        """A step's name in a view: the instruction, the stage before it where stages have names."""
        numbered = _NUMBERED.match(name)
        stage = numbered[1] if numbered and numbered[1] and not numbered[1].startswith("stage-") else ""
        text = mask_url_credentials(self._shown(_NUMBERED.sub("", name))).replace(" docker.io/library/", " ")
        if not self._build.shown and _installs(text):
            text = f"install the packages with {'uv' if 'uv pip install' in text else 'pip'}: {text}"
        return f"{stage}: {text}" if stage else text

    def _explained(self, error: str) -> str:
        step = self._failed_name()
        place = self._place(step, error)
        lines = [line for line in self._steps.lines(self._failed_step) if line.strip()]
        tail = "\n".join(f"    {_shortened(line)}" for line in lines[-TAIL_LINES:])
        reason = mask_url_credentials(_plain_error(error))
        parts = [f"The build of {self._build.title} failed{place}: {reason}"]
        help_for_it = remedy(error, lines)
        if help_for_it:
            parts.append(mask_url_credentials(help_for_it))
        if step and not place and not (tail and _installs(step)):
            parts.append(f"In step:\n    {step[:400]}")
        if tail:
            parts.append(f"Its last lines:\n{tail}")
        return "\n".join(parts)

    def _failed_name(self) -> str:
        vertex = self._vertices.get(self._failed_step)
        if vertex:
            return self._shown(_NUMBERED.sub("", vertex.name))
        return self._shown(self._classic_names[int(self._failed_step) - 1]) if self._failed_step else ""

    def _place(self, step: str, error: str) -> str:
        """Where in the person's own Dockerfile it failed, and the instruction there."""
        if not self._build.shown:
            return ""
        lines = text_lines(self._build.shown)
        named = _PARSE_ERROR_LINE.search(error)
        if named and 0 < int(named[1]) <= len(lines):
            return f" at Dockerfile line {named[1]}, `{lines[int(named[1]) - 1].strip()}`"
        found = find_instruction(self._build.shown, step)
        return f" at Dockerfile line {found.line}, `{found.text.splitlines()[0].strip()}`" if found else ""


def find_instruction(dockerfile: str, step: str) -> Instruction | None:
    """The instruction that a builder's step name stands for; builders rewrite blanks, variables and ``LABEL``-likes."""
    wanted = " ".join(step.split())
    instructions = parse_dockerfile(dockerfile)
    for instruction in instructions:
        if " ".join(f"{instruction.keyword} {instruction.value}".split()) == wanted:
            return instruction
    keyword = wanted.partition(" ")[0].upper()
    same = [instruction for instruction in instructions if instruction.keyword == keyword]
    return same[0] if len(same) == 1 else None


def _stage_names(dockerfile: str) -> list[str]:
    """What BuildKit calls the stages of a Dockerfile."""
    begun = [instruction for instruction in parse_dockerfile(dockerfile) if instruction.keyword == "FROM"]
    found = [re.search(r"\sAS\s+(\S+)$", instruction.value, re.IGNORECASE) for instruction in begun]
    return [name[1].lower() if name else f"stage-{number}" for number, name in enumerate(found)]


def _shortened(line: str) -> str:
    return line if len(line) <= _TAIL_WIDTH else f"{line[: _TAIL_WIDTH // 2]} … {line[-_TAIL_WIDTH // 2 :]}"


def _plain_error(error: str) -> str:
    """The builder's message without the layers of wrapping in front of it."""
    found = _EXIT_CODE.search(error)
    if found:
        return f"the command ended with exit code {found[1]}."
    return re.sub(r"^(failed to solve( with frontend \S+)?: |failed to create LLB definition: )+", "", error).strip()


def _installs(step: str) -> bool:
    """Whether it is our own step that installs a list of packages, which the person knows by the list."""
    return "pip install" in step and "requirements.txt" in step


def _is_base(title: str) -> bool:
    """Whether it is the step of a base image, which takes nothing: the image was there, or was pulled before."""
    return re.match(r"(?:\S+: )?FROM\b", title, re.IGNORECASE) is not None


def _is_internal(name: str) -> bool:
    """Steps that are the builder's or ours, and no business of the person."""
    return (
        name.startswith(("[internal]", "copy /context", "LABEL amltrain.", 'LABEL "amltrain.'))
        or re.match(r"FROM \S*\bamltrain/settings:", name) is not None
    )
