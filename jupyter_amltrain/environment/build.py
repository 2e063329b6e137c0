"""Dockerfile and context → image, through the engine's build API, with live output and the failing step named.

BuildKit is used without a client session: a plain tar body and ``version=2``. Base images must be on the engine before.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import tempfile
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engines.protocol import Preparation
from ..errors import CanceledException, EngineException, ImageBuildException
from .api import EngineApi
from .buildkit import Vertex, VertexLog, VertexProgress, decode_trace
from .context import write_context
from .dockerfile import without_settings
from .instructions import Instruction, parse_dockerfile
from .secrets import mask_url_credentials

TAIL_LINES = 20
"""How many of a failed step's last lines an error message shows."""

_NUMBERED = re.compile(r"^\[(?:\S+ )?\s*(\d+)/(\d+)\]\s*")
_CLASSIC_NOISE = re.compile(r"\s*$| ---> |--> |Removing intermediate container|Successfully ")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PARSE_ERROR_LINE = re.compile(r"(?:parse error(?: on)? line|Dockerfile:)\s*(\d+)")


@dataclass(frozen=True)
class Build:
    """One build, as a value.

    Attributes:
        title: what is built, for messages.
        dockerfile: the text the builder gets.
        shown: the text as the person knows it, whose lines messages name; "" when they never saw it.
        folder: build context, None for none.
        paths: the files of it to send.
        added: more files, by name: their bytes, or the path of a file of this host.
        tag: name of the result.
        labels: labels of the result.
        arguments: build arguments.
        platform: such as ``linux/arm64``, None for the engine's own.
        no_cache: build every step, whatever the builder remembers of earlier builds.
    """

    title: str
    dockerfile: str
    tag: str
    shown: str = ""
    folder: str | None = None
    paths: Sequence[str] = ()
    added: Mapping[str, bytes | str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None
    no_cache: bool = False


def choose_builder(api: EngineApi) -> str:
    """``buildkit`` where the engine has it, else ``classic``; ``AMLTRAIN_BUILDER`` decides otherwise."""
    asked = os.environ.get("AMLTRAIN_BUILDER", "")
    if asked in ("buildkit", "classic"):
        return asked
    _, version = api.get("/version")
    names = [str(part.get("Name", "")) for part in (version or {}).get("Components") or ()]
    is_podman = any("podman" in name.lower() for name in names)
    return "classic" if is_podman or (version or {}).get("Os") == "windows" else "buildkit"


def build_network(api: EngineApi) -> str:
    """Network of RUN steps: ``AMLTRAIN_BUILD_NETWORK``, else the engine's default; the host's where it has none."""
    asked = os.environ.get("AMLTRAIN_BUILD_NETWORK")
    if asked:
        return asked
    status, networks = api.get("/networks")
    drivers = {network.get("Driver") for network in networks or ()} if status == 200 else {"bridge"}
    return "" if "bridge" in drivers else "host"


def build_image(api: EngineApi, build: Build, log: Preparation, *, builder: str, network: str) -> str:
    """Build it and return the image's id; the tag is given by the engine when, and only when, all steps succeeded.

    Raises:
        ImageBuildException: a step failed; its instruction, line and last lines are named.
        CanceledException: the user gave up; the engine drops the build.
    """
    build_id = uuid.uuid4().hex
    params = {
        "t": build.tag,
        "rm": "1",
        "forcerm": "1",
        "labels": json.dumps(dict(build.labels)),
        "buildargs": json.dumps(dict(build.arguments)),
        "buildid": build_id,
    }
    if builder == "buildkit":
        params["version"] = "2"
    if build.no_cache:
        params["nocache"] = "1"
    if network:
        params["networkmode"] = network
    if build.platform:
        params["platform"] = build.platform
    output = BuildOutput(build, log)
    log.phase(f"building {build.title}")
    with tempfile.TemporaryFile(prefix="amltrain-context-") as body:
        added = {"Dockerfile": build.dockerfile.encode(), **build.added}
        try:
            write_context(body, build.folder, [path for path in build.paths if path not in added], added)
            body.seek(0)
        except OSError as error:
            raise EngineException(
                f"The build context of {build.title} cannot be copied to {tempfile.gettempdir()}: {error}.",
                inner_exception=error,
            ) from error
        try:
            stream = api.stream(
                "/build",
                params=params,
                headers={"Content-Type": "application/x-tar"},
                body=body,
                canceled=log.canceled,
            )
            with contextlib.closing(stream):
                for item in stream:
                    output.take(item)
        except CanceledException:
            if builder == "buildkit":
                api.post("/build/cancel", params={"id": build_id})
            raise
    return output.result()


class BuildOutput:
    """Turns what a builder answers into lines of the build log, and remembers what a failure needs."""

    def __init__(self, build: Build, log: Preparation) -> None:
        self._build = build
        self._log = log
        self._image_id = ""
        self._error = ""
        self._failed_step = ""
        self._step = ""
        self._tails: dict[str, deque[str]] = {}
        self._vertices: dict[str, Vertex] = {}
        self._numbers: dict[str, int] = {}
        self._open: dict[str, bytes] = {}

    def take(self, item: Mapping[str, Any]) -> None:
        """One JSON object of the answer."""
        aux = item.get("aux")
        if item.get("id") == "moby.buildkit.trace" and isinstance(aux, str):
            for event in decode_trace(base64.b64decode(aux)):
                if isinstance(event, Vertex):
                    self._take_vertex(event)
                elif isinstance(event, VertexLog):
                    self._take_log(event)
                else:
                    self._take_progress(event)
        elif isinstance(aux, Mapping) and "ID" in aux:
            self._image_id = str(aux["ID"])
        elif "error" in item:
            self._error = str(item["error"])
        elif "stream" in item:
            self._take_classic(str(item["stream"]))

    def result(self) -> str:
        """The image's id.

        Raises:
            ImageBuildException: the build failed.
        """
        if self._error or not self._image_id:
            raise ImageBuildException(self._explained(self._error or "the builder ended without an image"))
        return self._image_id

    def _take_vertex(self, vertex: Vertex) -> None:
        before = self._vertices.get(vertex.digest)
        self._vertices[vertex.digest] = vertex
        if vertex.error and "context canceled" not in vertex.error:
            self._failed_step = vertex.digest
        if _is_internal(vertex.name) or not vertex.started:
            return
        if vertex.digest not in self._numbers:
            number = self._numbers[vertex.digest] = len(self._numbers) + 1
            name = self._shown(vertex.name)
            self._write(f"#{number} {name}\n")
            self._log.phase(f"building {self._build.title}: {name[:80]}")
        number = self._numbers[vertex.digest]
        if vertex.completed and not (before and before.completed):
            self._flush(vertex.digest)
            if vertex.cached:
                self._write(f"#{number} cached\n")
            elif not vertex.error:
                self._write(f"#{number} done {vertex.completed - vertex.started:.1f} s\n")

    def _take_log(self, event: VertexLog) -> None:
        *lines, rest = (self._open.get(event.vertex, b"") + event.data).split(b"\n")
        self._open[event.vertex] = rest
        for line in lines:
            self._step_line(event.vertex, line)

    def _take_progress(self, event: VertexProgress) -> None:
        if event.total and not event.name.startswith("naming"):
            self._log.phase(f"building {self._build.title}: {event.name[:40]} {event.current * 100 // event.total} %")

    def _flush(self, vertex: str) -> None:
        rest = self._open.pop(vertex, b"")
        if rest:
            self._step_line(vertex, rest)

    def _step_line(self, vertex: str, line: bytes) -> None:
        text = mask_url_credentials(line.decode("utf-8", "replace"))
        self._tails.setdefault(vertex, deque(maxlen=TAIL_LINES)).append(text.rpartition("\r")[2] or text)
        self._write(f"#{self._numbers.get(vertex, 0)} {text}\n")

    def _take_classic(self, text: str) -> None:
        step = re.match(r"(?:\[\d+/\d+\] )?(?:Step|STEP) \d+/\d+\s*:\s*(.*)", text)
        if step:
            self._step = self._failed_step = step[1].strip()
            self._log.phase(f"building {self._build.title}: {self._step[:80]}")
        elif not _CLASSIC_NOISE.match(text):
            self._tails.setdefault(self._step, deque(maxlen=TAIL_LINES)).extend(
                mask_url_credentials(line) for line in _ANSI.sub("", text).splitlines() if line.strip()
            )
        found = re.match(r"Successfully built ([0-9a-f]{12,64})", text)
        if found:
            self._image_id = self._image_id or found[1]
        self._write(text)

    def _write(self, text: str) -> None:
        self._log.write(mask_url_credentials(text).encode())

    def _shown(self, name: str) -> str:
        return without_settings(" ".join(name.split()))

    def _explained(self, error: str) -> str:
        for digest in list(self._open):
            self._flush(digest)
        vertex = self._vertices.get(self._failed_step)
        step = self._shown(_NUMBERED.sub("", vertex.name)) if vertex else without_settings(self._failed_step)
        place = self._place(step, error)
        tail = "\n".join(f"    {line}" for line in self._tails.get(self._failed_step, ()))
        reason = mask_url_credentials(_plain_error(error))
        parts = [f"The build of {self._build.title} failed{place}: {reason}"]
        if step and not place:
            parts.append(f"In step:\n    {step[:400]}")
        if tail:
            parts.append(f"Its last lines:\n{tail}")
        return "\n".join(parts)

    def _place(self, step: str, error: str) -> str:
        """Where in the person's own Dockerfile it failed, and the instruction there."""
        if not self._build.shown:
            return ""
        lines = self._build.shown.splitlines()
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


def _plain_error(error: str) -> str:
    """The builder's message without the layers of wrapping in front of it."""
    found = re.search(r"(?:exit code: |returned a non-zero code: |exit status )(\d+)", error)
    if found:
        return f"the command ended with exit code {found[1]}."
    return re.sub(r"^(failed to solve( with frontend \S+)?: |failed to create LLB definition: )+", "", error).strip()


def _is_internal(name: str) -> bool:
    return name.startswith("[internal]") or name.startswith("copy /context")
