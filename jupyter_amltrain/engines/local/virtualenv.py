"""Virtual environments made by uv, one per content, kept in the home folder for all runs.

``environments/<fingerprint>`` (rebuilt ones: ``<fingerprint>.2`` and so on, of which the last counts) is whole when
``complete.json`` is in it, which is written last. Whoever makes one holds
the lock file beside it, and so do the uv processes it started (they inherit it): after a kill nobody touches the folder
until the last of them is gone, and then the next one starts from an empty folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...environment.builder.lock import held
from ...environment.output.remedies import remedy
from ...environment.output.steps import Steps
from ...errors import CanceledException, EngineException, ImageBuildException
from ...home import home_folder, made_folder
from ..protocol import Preparation
from .pip_settings import uv_variables

COMPLETE = "complete.json"
_FORMAT = 1
_LOOK_EVERY_S = 0.1
_TAIL_LINES = 20


@dataclass(frozen=True)
class Plan:
    """A virtual environment to be.

    Attributes:
        python: interpreter to make it from: a path, or a version that uv finds or fetches.
        python_version: version of that interpreter.
        content: what decides what will be in it, in a form that is the same for the same meaning.
        lines: requirement and option lines for the installer, credentials included.
        secrets: what must not be shown in the build output.
        variables: how the installer is to reach the network, where that is not as everywhere on this host.
    """

    python: str
    python_version: str
    content: tuple[str, ...] = ()
    lines: tuple[str, ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides what is in the environment."""
        parts = [_FORMAT, self.python, self.python_version, sys.platform, platform.machine(), *self.content]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    @property
    def folder(self) -> Path:
        """Where it lies when it is made the first time."""
        return home_folder() / "environments" / self.fingerprint


def plan_virtualenv(
    python_version: str, content: tuple[str, ...], lines: tuple[str, ...], secrets: tuple[str, ...] = ()
) -> Plan:
    """The environment for these lines; no version, or the notebook's, means the notebook's own Python."""
    own = platform.python_version()
    if not python_version or f"{own}.".startswith(f"{python_version}."):
        return Plan(sys.executable, own, content, lines, secrets)
    return Plan(python_version, python_version, content, lines, secrets)


def interpreter_of(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / "bin" / "python"


def is_complete(folder: Path) -> bool:
    """Whether it was made to the end and its Python still exists."""
    return (folder / COMPLETE).exists() and interpreter_of(folder).exists()


def make(
    plan: Plan, log: Preparation, *, rebuild: bool = False, fill: Callable[[Path], None] | None = None
) -> tuple[Path, bool]:
    """The folder of the environment, made unless it is there; and whether this call made it.

    A rebuilt one gets a folder of its own, since jobs may be running in the one before. ``fill`` puts a Python of
    another kind there, in which uv then installs.

    Raises:
        ImageBuildException: uv could not make it.
        CanceledException: the user gave up.
    """
    before = newest(plan)
    if before and not rebuild:
        return before, False
    made_folder(plan.folder.parent)
    what = f"virtual environment {plan.fingerprint[:8]}"
    with held(plan.folder.with_suffix(".lock"), what, log) as (lock, _):
        found = newest(plan)
        if found and (found != before or not rebuild):
            return found, False
        folder = plan.folder.with_suffix(f".{_generation(found) + 1}") if found else plan.folder
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _build(plan, folder, lock, log, fill)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return folder, True


def newest(plan: Plan) -> Path | None:
    """The folder of the environment that was made last, None when there is none."""
    folders = [plan.folder, *plan.folder.parent.glob(f"{plan.folder.name}.[0-9]*")]
    return max(filter(is_complete, folders), key=_generation, default=None)


def _generation(folder: Path) -> int:
    return int(folder.suffix[1:] or 1)


def _build(plan: Plan, folder: Path, lock: int, log: Preparation, fill: Callable[[Path], None] | None) -> None:
    if fill:
        fill(folder)
    else:
        log.phase(f"making a virtual environment with Python {plan.python_version}")
    steps = Steps(log, str(folder))
    create = f"make a virtual environment with Python {plan.python_version}"
    install = "install the packages with uv"
    if plan.lines:
        if not fill:
            steps.announce(create, create)
        steps.announce(install, install)
    # The folder of the call is one without a pyproject.toml, which uv would otherwise read.
    if not fill:
        _run([_uv(), "venv", "--no-project", "--python", plan.python, str(folder)], plan, lock, log, steps, create)
    if plan.lines:
        log.phase(f"installing packages for Python {plan.python_version}")
        command = [_uv(), "pip", "install", "--python", str(interpreter_of(folder)), "-r", "-"]
        _run(command, plan, lock, log, steps, install)
    partial = folder / f"{COMPLETE}.partial"
    partial.write_text(json.dumps({"python": plan.python_version, "content": plan.content}))
    partial.rename(folder / COMPLETE)


def _uv() -> str:
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if not found:
        raise EngineException("The local engine makes environments with uv, which is not there: pip install uv")
    return found


def _run(command: list[str], plan: Plan, lock: int, log: Preparation, steps: Steps, step: str) -> None:
    """Run uv with the plan's lines on its standard input and its output going to the log as it comes."""
    steps.begin(step, step)
    variables = {**os.environ, **plan.variables}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=plan.folder.parent,
        env={**variables, **uv_variables(variables)},
        start_new_session=True,
        pass_fds=(lock,),
    )
    with process:
        try:
            _hand_over(process, "".join(f"{line}\n" for line in plan.lines))
            _pass_on(process, plan.secrets, log, steps, step)
        except BaseException:
            _end(process)
            steps.end(step, "canceled")
            raise
    if process.returncode:
        steps.end(step, "failed")
        lines = [line for line in steps.lines(step) if line.strip()]
        raise ImageBuildException(
            f"The virtual environment could not be made: uv ended with exit code {process.returncode}."
            f" {remedy('', lines)}".rstrip()
            + " Its last lines:\n"
            + "\n".join(lines[-_TAIL_LINES:])
        )
    steps.end(step)


def _hand_over(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(text.encode())
        process.stdin.close()
    except BrokenPipeError:  # it did not want to read; its exit code says why
        pass


def _pass_on(
    process: subprocess.Popen[bytes], secrets: tuple[str, ...], log: Preparation, steps: Steps, step: str
) -> None:
    assert process.stdout is not None
    rest = b""
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while True:
            if log.canceled():
                raise CanceledException("Canceled while the environment was being made.")
            if not ready.select(_LOOK_EVERY_S):
                continue
            data = os.read(process.stdout.fileno(), 65536)
            # Whole lines only, so that no secret passes in two halves.
            *lines, rest = (rest + data).split(b"\n") if data else [rest, b""]
            for line in lines:
                for secret in secrets:
                    line = line.replace(secret.encode(), b"***")
                if line or data:
                    steps.line(step, line.decode("utf-8", "replace"))
                    log.write(line + b"\n")
            if not data:
                return


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, wait_s in ((signal.SIGTERM, 0.5), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, number)
            process.wait(wait_s)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
