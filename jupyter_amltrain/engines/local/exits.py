"""What an exit status means, in words."""

from __future__ import annotations

import signal

_MEANINGS = {
    signal.SIGHUP: "it was told to hang up",
    signal.SIGINT: "it was interrupted",
    signal.SIGILL: "a library was built for another processor: reinstall the package that it names, or build it here",
    signal.SIGABRT: "it aborted itself, often for a failed assertion in native code; see its last lines",
    signal.SIGBUS: "it touched memory that is not there; a full /dev/shm does that to data loaders (num_workers=0)",
    signal.SIGFPE: "a native library divided by zero",
    signal.SIGKILL: "if nobody did that by hand, this machine ran out of memory: use smaller batches, fewer data "
    "loader workers or a bigger machine",
    signal.SIGSEGV: "a native library crashed; check that the versions of the packages fit together",
    signal.SIGPIPE: "who read its output went away",
    signal.SIGTERM: "it was told to end",
}


def reason_of(code: int, failure: str, peak_memory_bytes: int) -> str:
    """A sentence on why a job ended with ``code``; empty for a plain success.

    Args:
        failure: what the keeper could not do, ``program:`` or ``folder:`` with the system's words, else empty.
        peak_memory_bytes: most memory that its biggest process held.
    """
    kind, _, detail = failure.partition(":")
    if kind == "folder":
        return f"The working folder of the job cannot be used: {detail}."
    if kind == "program":
        return f"Exit code {code}: {detail}. Check the command and the environment's packages."
    if code == 0:
        return ""
    if code == 126:
        return "Exit code 126: a program that the job called cannot be executed; it may lack the execute permission."
    if code == 127:
        return (
            "Exit code 127: a program that the job called was not found. Check its name and the environment's packages."
        )
    try:
        ended_by = signal.Signals(code - 128)
    except ValueError:
        return f"The script ended with exit code {code}."
    meaning = _MEANINGS.get(ended_by, "see its last lines")
    peak = f" Its biggest process held {peak_memory_bytes / 2**20:.0f} MiB." if ended_by == signal.SIGKILL else ""
    return f"Exit code {code}: ended by {ended_by.name}: {meaning}.{peak}"
