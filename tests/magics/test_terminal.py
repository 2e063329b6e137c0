"""A run in a plain IPython: a real terminal, a real run."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import uuid
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest

from browser.gate import Gate
from jupyter_amltrain import Workspace
from jupyter_amltrain.magics.terminal import LiveLine

SCRIPT = """\
import os, time
from azureml.core import Run
Run.get_context().log("loss", 0.5)
print("the first line", flush=True)
while not os.path.exists("outputs/go"):
    time.sleep(0.05)
"""
FAILS = """\
print("the first line")
raise ValueError("no such pets")
"""
COLUMNS = 40


class Terminal:
    """IPython in a terminal of 40 columns."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._side, other = pty.openpty()
        self.resize(COLUMNS)
        environment = {**os.environ, "TERM": "xterm", "IPYTHONDIR": str(folder / "ipython"), **settings}
        environment.pop("COLUMNS", None)
        command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit"]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(other)
        self._heard = ""
        self.until(r"In \[1\]: ")

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._side, termios.TIOCSWINSZ, struct.pack("HHHH", 20, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._side, text.encode())

    def until(self, pattern: str) -> str:
        """What is written up to the end of this."""
        while not (found := re.search(pattern, self._heard)):
            self._heard += os.read(self._side, 1 << 16).decode(errors="replace")
        text, self._heard = self._heard[: found.end()], self._heard[found.end() :]
        return text

    def run(self, line: str) -> str:
        self.type(f"{line}\n")
        return self.until(r"In \[\d+\]: ")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._side)


@pytest.fixture(params=[{}, {"NO_COLOR": "1"}], ids=["colour", "no colour"])
def terminal(
    request: pytest.FixtureRequest, amltrain_home: Path, docker_host: str, tmp_path: Path
) -> Iterator[Terminal]:
    (tmp_path / "wait.py").write_text(SCRIPT)
    made = Terminal(tmp_path, **request.param)
    made.run("%load_ext jupyter_amltrain")
    made.run("%aml_env plain --base python-base:1 --no-build --quiet")
    yield made
    made.stop()


def test_a_run_is_watched_with_a_live_line(terminal: Terminal, request: pytest.FixtureRequest) -> None:
    terminal.type("%aml_submit wait.py --env plain --wait\n")
    terminal.until("the first line")
    live = terminal.until(r"… Running[^\r\n]*loss 0\.5[^\r\n]*\r")
    (line,) = re.findall(r"… Running[^\r\n]*loss 0\.5[^\r\n]*", live)
    assert len(re.sub(r"\x1b\[\w+", "", line)) < COLUMNS
    assert "Ctrl" not in line
    terminal.resize(100)
    terminal.until(r"… Running[^\r\n]*Ctrl-C stops watching, not the run[^\r\n]*\r")
    assert ("\x1b[36m" in live) == ("no colour" not in request.node.name)
    terminal.type("\x03")
    said = terminal.until(r"In \[\d+\]: ")
    assert "But the run is still executing" in said
    assert "Traceback" not in said
    workspace = Workspace.get("default")
    (run,) = workspace.store.runs()
    assert run.status == "Running"
    (workspace.run_folder(run.id) / "outputs" / "go").touch()
    workspace.get_run(run.id).wait_for_completion()
    story = terminal.run("%aml_run last")
    assert "✓ notebook · Completed after" in story
    assert "| the first line" in story


def test_a_run_that_fails_says_why_and_what_helps(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "fail.py").write_text(FAILS)
    said = terminal.run("%aml_submit fail.py --env plain --wait")
    story = said[said.index("✗ notebook · Failed after") :]
    assert "The script raised ValueError: no such pets (exit code 1)" in story
    assert re.search(r"fail\.py:2 .*raise ValueError", story)
    assert "| the first line" in story
    assert re.search(r"UsageError: The run notebook_\w+ failed: ", story)
    assert "Run(Experiment" not in said


def test_the_log_of_a_build_that_was_killed_is_there(amltrain_home: Path, docker_host: str, tmp_path: Path) -> None:
    with closing(Gate()) as gate:
        step = f"python3 -c \"print('begun', flush=True); {gate.waiting}\""
        (tmp_path / "Dockerfile").write_text(f"FROM python-base:1\nRUN echo {uuid.uuid4().hex}; {step}\n")
        killed = Terminal(tmp_path)
        killed.run("%load_ext jupyter_amltrain")
        killed.type("%aml_env killed --file Dockerfile\n")
        killed.until(r"\bbegun\r?\n")
        killed.stop()
    terminal = Terminal(tmp_path)
    try:
        terminal.run("%load_ext jupyter_amltrain")
        assert re.search(r"begun\s+Written until ", terminal.run("%aml_env --log killed"))
    finally:
        terminal.stop()


def test_the_line_stands_where_a_line_has_ended() -> None:
    out, now = StringIO(), [0.0]
    line = LiveLine(out, lambda width: f"at {now[0]}", lambda: now[0])
    for text in ("one\n", "  10%", "\r 100%\n"):
        line.write(text)
        line.flush()
        now[0] += 1
    line.erase()
    line.close()
    shown = re.sub(r"\x1b\[\d+m", "", out.getvalue())
    assert shown == "one\nat 0.0\r\x1b[K  10%\r 100%\nat 2.0\r\x1b[K"
