"""Dockerfile and context → image through the Docker command line, for builds that need a session."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO

from ...engines.protocol import Preparation, Step
from ...errors import CanceledException, EngineException, ImageBuildException
from ..api import LOOK_S, EngineApi
from ..output.build import BuildOutput
from ..output.plain_progress import PlainProgress
from .docker_cli import BuildCommand, engine_variables
from .engine_build import Build, context_body
from .options import masked

_GRACE_S = 3.0
_SECRET_VARIABLE = "AMLTRAIN_BUILD_SECRET_"
# Variables that would change what the command does are given by their values in its arguments.
_OWN_VARIABLES = re.compile(r"DOCKER_|BUILDX_|BUILDKIT_|SSH_|LD_|PATH$|HOME$|TMPDIR$", re.IGNORECASE)


class _Masked:
    """A ``Preparation`` that never hears the value of a secret, should a step print it."""

    def __init__(self, log: Preparation, values: Sequence[bytes]) -> None:
        self.canceled = log.canceled
        self._log = log
        self._values = values

    def write(self, data: bytes) -> None:
        self._log.write(self.hide(data.decode("utf-8", "replace")).encode())

    def phase(self, text: str) -> None:
        self._log.phase(self.hide(text))

    def step(self, step: Step) -> None:
        changed = {
            "name": self.hide(step.name),
            "tail": tuple(self.hide(line) for line in step.tail),
            "detail": self.hide(step.detail),
        }
        self._log.step(Step(**{**step.__dict__, **changed}))

    def hide(self, text: str) -> str:
        return masked(text, self._values)


def build_with_session(api: EngineApi, build: Build, log: Preparation, *, command: BuildCommand, network: str) -> str:
    """Build it and return the image's id; see :func:`~jupyter_amltrain.environment.builder.engine_build.build_image`.

    Raises:
        ImageBuildException: a step failed.
        CanceledException: the user gave up; the command is ended, and the engine drops the build with it.
    """
    hidden = _Masked(log, [value for _, value in build.secrets])
    output, progress = BuildOutput(build, hidden), PlainProgress()
    hidden.phase(f"building {build.title}")
    with context_body(build) as body, tempfile.TemporaryDirectory(prefix="amltrain-build-") as folder:
        words, variables = _arguments(build, network)
        environment = {**os.environ, **command.variables, **engine_variables(api), **variables}
        image_file = os.path.join(folder, "image")
        run = [*command.words, "--progress=plain", "--iidfile", image_file, *words, "-"]
        try:
            code = _watch(run, environment, body, hidden, output, progress)
        except CanceledException:
            output.canceled()
            raise
        if code == 0:
            with open(image_file, encoding="utf-8") as file:
                output.take({"aux": {"ID": file.read().strip()}})
        else:
            output.take({"error": progress.error or f"{os.path.basename(run[0])} ended with exit code {code}"})
    try:
        return output.result()
    except ImageBuildException as error:
        raise ImageBuildException(hidden.hide(error.message), inner_exception=error.inner_exception) from None


def _watch(
    run: Sequence[str],
    environment: dict[str, str],
    body: IO[bytes],
    log: _Masked,
    output: BuildOutput,
    progress: PlainProgress,
) -> int:
    """Run the command to its end, or end it when the user gives up."""
    try:
        # In a session of its own: the notebook's interrupt is ours to answer.
        child = subprocess.Popen(
            run,
            env={name: value for name, value in environment.items() if value or name not in _UNSET},
            stdin=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise EngineException(f"{run[0]} cannot be started: {error.strerror}.", inner_exception=error) from error
    with child:
        try:
            for line in _lines(child, log):
                output.take_events(progress.take(line))
            return child.wait()
        finally:
            _end(child)


_UNSET = frozenset({"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_TLS"})


def _lines(child: subprocess.Popen[bytes], log: _Masked) -> Iterator[str]:
    """What the command prints, line by line, as long as nobody gives up."""
    assert child.stdout is not None
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read(stream: IO[bytes]) -> None:
        with contextlib.suppress(ValueError, OSError):  # it was closed
            for line in stream:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, args=(child.stdout,), name="amltrain-docker-build", daemon=True).start()
    while True:
        if log.canceled():
            raise CanceledException("Canceled while the image was being prepared.")
        try:
            line = lines.get(timeout=LOOK_S)
        except queue.Empty:
            continue
        if line is None:
            return
        yield line.decode("utf-8", "replace").rstrip("\n")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the command and its plug-in, if they still run."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)


def _quoted(part: str) -> str:
    """A part of an option that is read as comma-separated values."""
    escaped = part.replace('"', '""')
    return f'"{escaped}"' if set(part) & {",", '"'} else part


def _arguments(build: Build, network: str) -> tuple[list[str], dict[str, str]]:
    """The command's arguments, and the variables in which it finds what nobody else should see."""
    words = ["--tag", build.tag]
    variables: dict[str, str] = {}
    for name, value in build.labels.items():
        words += ["--label", f"{name}={value}"]
    for name, value in build.arguments.items():
        if _OWN_VARIABLES.match(name):
            words += ["--build-arg", f"{name}={value}"]
        else:
            words += ["--build-arg", name]
            variables[name] = value
    for number, (secret, content) in enumerate(build.secrets):
        source = f"src={secret.src}"
        if secret.env:
            source = f"env={_SECRET_VARIABLE}{number}"
            variables[f"{_SECRET_VARIABLE}{number}"] = content.decode()
        words += ["--secret", ",".join([f"id={secret.id}", _quoted(source)])]
    for agent in build.ssh:
        words += ["--ssh", agent]
    if network:
        words += ["--network", network]
    if build.platform:
        words += ["--platform", build.platform]
    if build.no_cache:
        words.append("--no-cache")
    return words, variables
