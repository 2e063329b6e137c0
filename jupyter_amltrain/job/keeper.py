"""Parent process of one local job: runs it in a process group of its own and writes down how it ended.

The ``local`` engine starts it as ``python -I -S keeper.py`` and hands it the job as JSON on standard input, so that
no value of the job's environment is ever written to disk. It outlives whoever started it (terminal, kernel, supervisor)
and leaves these files in the folder it is given::

    start.lock    held (the descriptor is inherited from the engine) until started.json is there
    started.json  keeper and job: process ids with their start times, written before the job's program is executed
    0.stdout      what the job wrote, appended by the job itself, byte for byte
    0.stderr
    exit.json     how it ended, written last and in one piece
    keeper.stderr empty, unless the keeper itself failed

Standard library only, Python 3.6 and later; few imports, because every start of a job waits for them.
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress

STARTED = "started.json"
EXIT = "exit.json"
_RESERVED_BYTES = 512


def process_identity(pid: int) -> str:
    """When a process started, in the system's own words; empty when it is gone or only a zombie.

    Together with the process id this names one process for good: a reused id has another start time.
    """
    try:
        with open("/proc/%d/stat" % pid, "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    except OSError:
        if os.path.isdir("/proc/self"):
            return ""
    import subprocess

    asked = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], stdout=subprocess.PIPE, check=False)
    state, _, started = asked.stdout.decode().strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()


def main() -> None:
    """Read the request, go into the background, keep the job."""
    try:
        request = json.loads(sys.stdin.read())
    except ValueError:
        # Whoever started us was killed in the middle of it; the lock goes with us and the next one starts anew.
        sys.exit("the request was cut off")
    if os.fork():
        os._exit(0)
    _keep(request)


def _keep(request: "dict[str, object]") -> None:
    folder = str(request["folder"])
    os.chdir(folder)
    # Room for the exit report is taken now, so that a disk that the job fills cannot hide how the job ended.
    with open(EXIT + ".partial", "wb") as report:
        report.write(b" " * _RESERVED_BYTES)
    go_read, go_write = os.pipe()
    failure_read, failure_write = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _every_signal())
    started_at = time.time()
    job = os.fork()
    if job == 0:
        os.close(go_write)
        _become_job(request, go_read, failure_write)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _every_signal())
    with suppress(OSError):  # the child has done it and was already signalled
        os.setpgid(job, job)
    os.close(go_read)
    os.close(failure_write)
    _write_whole(
        STARTED,
        json.dumps(
            {
                "pid": os.getpid(),
                "pid_started": process_identity(os.getpid()),
                "job_pid": job,
                "job_pid_started": process_identity(job),
            }
        ).encode(),
    )
    os.close(int(str(request["lock"])))
    # The engine waits for the end of both pipes; what may still go wrong is found in a file.
    diagnosis = os.open("keeper.stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(diagnosis, 1)
    os.dup2(diagnosis, 2)
    with suppress(BrokenPipeError):  # stopped before it began
        os.write(go_write, b"1")
    os.close(go_write)
    with open(failure_read, "rb") as failures:
        failure = failures.read().decode()
    _, status, usage = os.wait4(job, 0)
    _end_group(job)
    report_of_end = {
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "failure": failure,
        "peak_memory_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "started_at": started_at,
        "ended_at": time.time(),
    }
    with open(EXIT + ".partial", "r+b") as report:
        report.write(json.dumps(report_of_end).encode().ljust(_RESERVED_BYTES))
    os.rename(EXIT + ".partial", EXIT)
    os._exit(0)


def _become_job(request: "dict[str, object]", go: int, failure: int) -> None:
    """The child's side of the fork; never returns."""
    os.close(int(str(request["lock"])))
    os.setpgid(0, 0)
    for number in _every_signal():
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    # A stop that came before this line was kept pending by the mask and takes effect now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _every_signal())
    if not os.read(go, 1):
        os._exit(1)  # the keeper died before it could say what it keeps
    code = 126
    try:
        for descriptor, name in ((1, "0.stdout"), (2, "0.stderr")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(str(request["working_dir"]))
    except OSError as error:
        os.write(failure, ("folder:" + (error.strerror or "")).encode())
        os._exit(code)
    command = request["command"]
    assert isinstance(command, list)
    environment = request["environment"]
    assert isinstance(environment, dict)
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        code = 127 if isinstance(error, (FileNotFoundError, NotADirectoryError)) else 126
        os.write(failure, ("program:%s: %s" % (command[0][:200], error.strerror)).encode())
    os._exit(code)


def _end_group(job: int) -> None:
    """End what the job left running, as the end of a container would."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(job, signal.SIGKILL)


def _every_signal() -> "set[int]":
    return {int(number) for number in range(1, signal.NSIG) if number not in (signal.SIGKILL, signal.SIGSTOP)}


def _write_whole(name: str, content: bytes) -> None:
    with open(name + ".partial", "wb") as target:
        target.write(content)
    os.rename(name + ".partial", name)


if __name__ == "__main__":
    main()
