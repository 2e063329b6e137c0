r"""A fake engine that ships with the product: deterministic, without processes, for tests and demonstrations.

The words of a job's command after the first are its steps, done in order by rank 0, or by rank *n* when they start
with ``n/``::

    out:TEXT            write to stdout; \n, \x1b, \xff and the like are bytes
    err:TEXT            write to stderr
    repeat:N:TEXT       write TEXT to stdout N times, {i} in it being 0, 1, 2 …
    metric:NAME=VALUE   a metric, as a script would log it
    env:NAME            write the value of a variable of the job's environment
    cat:PATH            write what a file holds (relative to the working folder, or as a mount shows it)
    write:PATH=TEXT     make a file
    wait:NAME           go on when the file NAME is in the run's folder
    stopped:TEXT        when the job is stopped from here on, write TEXT (what ``finally`` would write)
    exit:N              end with that exit code; without it a job ends with 0

A job *is* its script: what it wrote so far follows from the steps alone, and whatever the outside world answers
(a file appeared, the job was stopped) is written down once in a small file. So any process that looks sees the same,
byte for byte, and there is nothing that could die.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import EngineException, UserErrorException
from .protocol import Chunk, Discarded, EnvironmentSpec, Exit, Handle, Image, Mark, Preparation, Stored, Usage

if TYPE_CHECKING:
    from ..submission.job import Job, Resources

FOLDER = "scripted"
"""Folder below the run's folder that holds the job and what the outside world answered."""

STOPPED_CODE = 130
"""Exit code of a stopped job, as of a program that was interrupted."""

_STEP = re.compile(r"(?:(?P<rank>\d+)/)?(?P<verb>[a-z]+):(?P<text>.*)", re.DOTALL)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_VERBS = frozenset(["out", "err", "repeat", "metric", "env", "cat", "write", "wait", "stopped", "exit"])
_LOOK_EVERY_S = 0.005


class ScriptedEngine:
    """Plays jobs from a script; see the module's text."""

    name = "scripted"
    isolated = True
    host_paths = True

    def check(
        self, environment: EnvironmentSpec, resources: Resources, secrets: Mapping[str, str] | None = None
    ) -> list[str]:
        """Nothing can be wrong."""
        return []

    def prepare(
        self,
        environment: EnvironmentSpec,
        log: Preparation,
        secrets: Mapping[str, str] | None = None,
        renew: str = "",
    ) -> Image:
        """An image at once, whatever the environment is."""
        return Image(reference="scripted", interpreter="", name="scripted", digest="scripted")

    def start(self, job: Job) -> Handle:
        """Write the job down; the first one to do so wins.

        Raises:
            UserErrorException: a word is not a step.
        """
        folder = Path(job.run_folder, FOLDER)
        if not (folder / "job.json").exists():
            for word in job.command[1:]:
                _parse(word)
            folder.mkdir(parents=True, exist_ok=True)
            _write_once(folder / "job.json", json.dumps(asdict(job), default=dict).encode())
        return {"engine": self.name, "folder": str(folder)}

    def poll(self, handle: Handle) -> Exit | None:
        """How far the script goes by now."""
        performers = _performers(handle)
        if not performers:
            return Exit(code=None, reason="The files of this scripted run are gone.", infrastructure=True)
        for performer in performers:
            for _ in performer.advance():
                pass
        if any(performer.code is None for performer in performers):
            return None
        code = next((performer.code for performer in performers if performer.code), 0)
        return Exit(code=code, reason=f"The script ended with exit code {code}." if code else "")

    def stream(self, handle: Handle, after: Mark | None = None) -> Iterator[Chunk]:
        """What the steps write, rank by rank as they come."""
        skip = dict(after or {})
        performers = _performers(handle)
        while True:
            for performer in performers:
                for chunk in performer.advance():
                    passed = min(skip.get(chunk.source, 0), len(chunk.data))
                    skip[chunk.source] = skip.get(chunk.source, 0) - passed
                    if passed < len(chunk.data):
                        yield Chunk(chunk.rank, chunk.stream, chunk.data[passed:])
            if all(performer.code is not None for performer in performers) or not _performers(handle):
                return
            time.sleep(_LOOK_EVERY_S)

    def usage(self, handle: Handle) -> Usage | None:
        """No process, no usage."""
        return None

    def stop(self, handle: Handle, grace_s: float) -> None:
        """End every rank at the step where it waits."""
        for performer in _performers(handle):
            performer.stop()

    def remove(self, handle: Handle) -> None:
        """Forget the job."""
        shutil.rmtree(handle["folder"], ignore_errors=True)

    def stored(self, environments: Mapping[str, EnvironmentSpec]) -> tuple[Stored, ...]:
        """Nothing is kept outside the runs' folders."""
        return ()

    def discard(self, things: Sequence[Stored]) -> Discarded:
        """There is nothing to discard."""
        return Discarded()


@dataclass(frozen=True)
class _Step:
    rank: int
    verb: str
    text: str


def _parse(word: str) -> _Step:
    match = _STEP.fullmatch(word)
    if match is None or match["verb"] not in _VERBS:
        raise UserErrorException(
            f"'{word}' is no step of the scripted engine; write out:TEXT or one of: {', '.join(sorted(_VERBS))}."
        )
    return _Step(int(match["rank"] or 0), match["verb"], match["text"])


def _performers(handle: Handle) -> list[_Performer]:
    """One performer per rank, at the start of the script; none when the job is gone."""
    folder = Path(handle["folder"])
    try:
        job: dict[str, Any] = json.loads((folder / "job.json").read_bytes())
    except FileNotFoundError:
        return []
    steps = [_parse(word) for word in job["command"][1:]]
    return [
        _Performer(rank, [step for step in steps if step.rank == rank], job, folder) for rank in range(job["nodes"])
    ]


class _Performer:
    """Plays the steps of one rank as far as they go."""

    def __init__(self, rank: int, steps: list[_Step], job: dict[str, Any], folder: Path) -> None:
        self.code: int | None = None
        self._rank = rank
        self._steps = steps
        self._job = job
        self._folder = folder
        self._at = 0
        self._farewell = b""

    def advance(self) -> Iterator[Chunk]:
        """Play until the end or a step that has to wait, giving what is written on the way."""
        while self.code is None:
            if self._at == len(self._steps):
                self.code = 0
                return
            step = self._steps[self._at]
            if step.verb == "wait" and not self._answered(step):
                return
            data = self._play(step)
            self._at += 1
            if data:
                yield Chunk(self._rank, "stderr" if step.verb == "err" else "stdout", data)

    def stop(self) -> None:
        """Play to the next wait that nobody may pass yet and end there."""
        for _ in self.advance():
            pass
        while self.code is None:
            _write_once(self._note, b"stopped")
            for _ in self.advance():
                pass

    @property
    def _note(self) -> Path:
        """The file that holds what the outside world answered to the step that is played now."""
        return self._folder / f"{self._rank}.{self._at}"

    def _answered(self, step: _Step) -> bool:
        if not self._note.exists():
            if not Path(self._job["run_folder"], step.text).exists():
                return False
            _write_once(self._note, b"passed")
        return True

    def _play(self, step: _Step) -> bytes:
        if step.verb in ("out", "err"):
            return _bytes(step.text)
        if step.verb == "repeat":
            count, _, text = step.text.partition(":")
            return b"".join(_bytes(text.replace("{i}", str(i))) for i in range(int(count)))
        if step.verb == "metric":
            return self._metric(step.text)
        if step.verb == "env":
            return str(self._job["environment"].get(step.text, "")).encode()
        if step.verb in ("cat", "write"):
            return self._touch_file(step)
        if step.verb == "stopped":
            self._farewell = _bytes(step.text)
        elif step.verb == "exit":
            self.code = int(step.text)
        elif self._note.read_bytes() == b"stopped":
            self.code = STOPPED_CODE
            return self._farewell
        return b""

    def _metric(self, text: str) -> bytes:
        name, _, value = text.partition("=")
        record = {
            "w": f"scripted-{self._rank}",
            "q": self._at,
            "r": self._rank,
            "t": float(self._at),
            "k": "metric",
            "v": [[name, float(value)]],
        }
        return b"\x1b_amltrain;" + json.dumps(record, separators=(",", ":")).encode() + b"\x1b\\"

    def _touch_file(self, step: _Step) -> bytes:
        if not self._note.exists():
            name, _, text = step.text.partition("=")
            path = self._seen(name)
            try:
                if step.verb == "write":
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(_bytes(text))
                answer = path.read_bytes() if step.verb == "cat" else b""
            except OSError as error:
                answer = f"{name}: {error.strerror}\n".encode()
            _write_once(self._note, answer)
        return self._note.read_bytes()

    def _seen(self, name: str) -> Path:
        """The host path of what the job sees as ``name``."""
        path = PurePosixPath(self._job["working_dir"], name)
        for mount in self._job["mounts"]:
            if path.is_relative_to(mount["target"]):
                return Path(mount["source"], path.relative_to(mount["target"]))
        return Path(path)


def _bytes(text: str) -> bytes:
    def byte(match: re.Match[bytes]) -> bytes:
        escaped = match[1]
        return bytes([int(escaped[1:], 16)]) if len(escaped) == 3 else _ESCAPED.get(escaped, escaped)

    return _ESCAPE.sub(byte, text.encode())


def _write_once(path: Path, content: bytes) -> None:
    """Write the file in one piece unless it is there; of several who try, the first wins."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        partial.write_bytes(content)
        os.link(partial, path)
    except FileExistsError:
        pass
    except FileNotFoundError as error:
        raise EngineException(f"The files of this scripted run are gone: {path.parent}.") from error
    finally:
        partial.unlink(missing_ok=True)
