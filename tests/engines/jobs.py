"""The same small jobs for every engine, as commands of processes and as steps of the scripted engine."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from jupyter_amltrain.submission.job import JOB_ROOT, WORK_FOLDER, Job, Mount, Resources

BINARY = (
    bytes(range(256))
    + b"\x1b[31mred\x1b[0m \r 50%\r100%\n\xff\xfe broken \xc3\n\x1b_ stray\x1b"
    + b"y" * 1_000_000
    + b"\nno newline at the end"
)
"""What a program may write: every byte, escapes, carriage returns, broken UTF-8, a line of a megabyte."""

Command = tuple[str, ...]


class Programs(Protocol):
    """What the contract needs programs for."""

    def interleaved(self, lines: int) -> Command:
        """``out 0`` … to stdout and ``err 0`` … to stderr, some time between the thousands."""

    def ends(self, code: int) -> Command:
        """Write ``done`` and end with ``code``."""

    def waits(self, farewell: str) -> Command:
        """Write ``ready`` and run until it is stopped, then write ``farewell`` to stdout as ``finally`` does."""

    def stubborn(self) -> Command:
        """Write ``ready`` and ignore everything that can be ignored."""

    def binary(self) -> Command:
        """Write :data:`BINARY` to stdout."""

    def counts_starts(self) -> Command:
        """Write ``once``, and leave ``1`` in the file ``starts`` beside the working folder for each start."""

    def writes_files(self) -> Command:
        """Make ``outputs/model.txt`` in the working folder and ``data/x`` beside it."""

    def shows_variables(self, *names: str) -> Command:
        """Write ``NAME=value`` lines."""

    def shows_file(self, path: str) -> Command:
        """Write what the file holds."""


class ProcessPrograms:
    """Python programs."""

    def interleaved(self, lines: int) -> Command:
        return _python(
            f"""
            import sys, time
            for i in range({lines}):
                print('out', i)
                print('err', i, file=sys.stderr)
                if i % 1000 == 999:
                    sys.stdout.flush()
                    time.sleep(0.05)
            """,
            "",
        )

    def ends(self, code: int) -> Command:
        return _python(f"import sys\nprint('done')\nsys.exit({code})")

    def waits(self, farewell: str) -> Command:
        return _python(
            f"""
            import time
            try:
                print('ready')
                time.sleep(600)
            finally:
                print({farewell!r})
            """
        )

    def stubborn(self) -> Command:
        return _python(
            """
            import signal, time
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            print('ready')
            time.sleep(600)
            """
        )

    def binary(self) -> Command:
        return _python(
            r"""
            import sys
            out = sys.stdout.buffer
            out.write(bytes(range(256)) + b'\x1b[31mred\x1b[0m \r 50%\r100%\n')
            out.write(b'\xff\xfe broken \xc3\n\x1b_ stray\x1b' + b'y' * 1000000 + b'\nno newline at the end')
            """
        )

    def counts_starts(self) -> Command:
        return _python("open('../starts', 'a').write('1')\nprint('once')")

    def writes_files(self) -> Command:
        return _python(
            """
            import os
            os.makedirs('outputs')
            open('outputs/model.txt', 'w').write('weights')
            os.makedirs('../data')
            open('../data/x', 'w').write('sample')
            """
        )

    def shows_variables(self, *names: str) -> Command:
        return _python(f"import os\nfor name in {names!r}: print(name + '=' + os.environ[name])")

    def shows_file(self, path: str) -> Command:
        return _python(f"print(open({path!r}).read(), end='')")


class ScriptedPrograms:
    """Steps of the scripted engine."""

    def interleaved(self, lines: int) -> Command:
        return (
            "scripted",
            *(f"{stream}:{name} {i}\\n" for i in range(lines) for stream, name in (("out", "out"), ("err", "err"))),
        )

    def ends(self, code: int) -> Command:
        return ("scripted", "out:done\\n", f"exit:{code}")

    def waits(self, farewell: str) -> Command:
        return ("scripted", f"stopped:{farewell}\\n", "out:ready\\n", "wait:never")

    def stubborn(self) -> Command:
        return ("scripted", "out:ready\\n", "wait:never", "exit:0")

    def binary(self) -> Command:
        first, _, last = BINARY.partition(b"y" * 1_000_000)
        return ("scripted", _out(first), "repeat:1000000:y", _out(last))

    def counts_starts(self) -> Command:
        return ("scripted", "write:../starts=1", "out:once\\n")

    def writes_files(self) -> Command:
        return ("scripted", "write:outputs/model.txt=weights", "write:../data/x=sample")

    def shows_variables(self, *names: str) -> Command:
        return ("scripted", *(word for name in names for word in (f"out:{name}=", f"env:{name}", "out:\\n")))

    def shows_file(self, path: str) -> Command:
        return ("scripted", f"cat:{path}")


class Bench:
    """Makes jobs for one engine in a folder of the test.

    Args:
        image: what the engine starts.
        host_paths: whether its jobs see host paths.
    """

    def __init__(self, folder: Path, programs: Programs, image: str = "", *, host_paths: bool = True) -> None:
        self.programs = programs
        self._folder = folder
        self._image = image
        self._host_paths = host_paths

    def work(self, run_id: str) -> Path:
        """The host folder in which the job's working folder lies."""
        return self._folder / run_id / WORK_FOLDER

    def job(
        self,
        command: Command,
        run_id: str,
        environment: dict[str, str] | None = None,
        shown: tuple[Mount, ...] = (),
        nodes: int = 1,
    ) -> Job:
        """A job with folders of its own, as ``plan_job`` would plan it."""
        work = self.work(run_id)
        (work / "code").mkdir(parents=True, exist_ok=True)
        seen = str(work) if self._host_paths else f"{JOB_ROOT}/run"
        return Job(
            run_id=run_id,
            image=self._image,
            command=command,
            working_dir=f"{seen}/code",
            environment=environment or {},
            mounts=shown if self._host_paths else (Mount(str(work), seen), *shown),
            resources=Resources(shm_bytes=2**26),
            network_mode=None if self._host_paths else "none",
            labels={"amltrain.run": run_id},
            nodes=nodes,
            run_folder=str(self._folder / run_id),
        )

    def mount_of(self, folder: Path) -> Mount:
        """How the engine can show ``folder`` to a job."""
        return Mount(str(folder), str(folder) if self._host_paths else "/shown")


def _python(code: str, options: str = "u") -> Command:
    lines = code.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return ("python3", f"-{options}c", "\n".join(line[indent:] for line in lines))


def _out(data: bytes) -> str:
    return "out:" + "".join(f"\\x{byte:02x}" for byte in data)
