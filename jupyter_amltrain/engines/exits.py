"""What an exit status means, in words, with what to do about it."""

from __future__ import annotations

import re
import signal

KILLED_FOR_MEMORY = "The job was killed for memory"
"""How the sentence begins for a job that reached its memory limit."""

_MEANINGS = {
    signal.SIGHUP: "it was told to hang up",
    signal.SIGINT: "it was interrupted",
    signal.SIGILL: "a library was built for another processor: reinstall the package that it names, or build it here",
    signal.SIGABRT: "it aborted itself, often for a failed assertion in native code; see its last lines",
    signal.SIGBUS: "it touched memory that is not there; a full /dev/shm does that to data loaders: raise shm_size, or"
    " use num_workers=0",
    signal.SIGFPE: "a native library divided by zero",
    signal.SIGKILL: "it was killed from outside; if nobody did that by hand, this machine ran out of memory: use"
    " smaller batches, fewer data loader workers or a bigger machine",
    signal.SIGSEGV: "a native library crashed (segmentation fault); check that the versions of the packages fit"
    " together, and this CPU and its CUDA version",
    signal.SIGPIPE: "who read its output went away",
    signal.SIGTERM: "it was told to end from outside, as when the engine is stopped",
}


_CODE_FIRST = re.compile(r"Exit code \d+: (?:ended by \w+: (?!see ))?")

_WORDS = {
    125: "container not started",
    126: "program cannot be run",
    127: "program not found",
    signal.SIGABRT + 128: "aborted itself, SIGABRT",
    signal.SIGBUS + 128: "bus error, SIGBUS",
    signal.SIGINT + 128: "interrupted, SIGINT",
    signal.SIGKILL + 128: "killed by SIGKILL",
    signal.SIGSEGV + 128: "segmentation fault, SIGSEGV",
}


def meaning_of(code: int) -> str:
    """An exit code in a few words: ``killed by SIGKILL``; "" for one that means only what the program means by it."""
    if code in _WORDS:
        return _WORDS[code]
    return f"ended by {signal.Signals(code - 128).name}" if _is_signal(code) else ""


def _is_signal(code: int) -> bool:
    return code - 128 in signal.Signals.__members__.values()


def exit_words(code: int) -> str:
    """An exit code with the name of its signal: ``exit code 137, SIGKILL``."""
    return f"exit code {code}, {signal.Signals(code - 128).name}" if _is_signal(code) else f"exit code {code}"


def explain_exit(code: int, program: str = "", detail: str = "", place: str = "environment") -> str:
    """A sentence on why a job ended with ``code``; empty for a plain success.

    Args:
        program: what could not be run, where that is known.
        detail: what the engine or the system says about it.
        place: where its programs come from, ``image`` or ``environment``.
    """
    if code == 0:
        return ""
    what = f"'{program}'" if program else "a program that the job called"
    if code == 125:
        words = "the engine could not start the container"
    elif code == 126:
        words = f"{what} may not be executed; it may lack the execute permission, or be no program"
    elif code == 127:
        words = f"{what} was not found in the {place}. Install it there, or correct its name"
    elif _is_signal(code):
        ended_by = signal.Signals(code - 128)
        words = f"ended by {ended_by.name}: {_MEANINGS.get(ended_by, 'see its last lines')}"
    else:
        return f"The script ended with exit code {code}; its own message is at the end of the log."
    return f"Exit code {code}: {words}.{f' ({detail})' if detail else ''}"


def without_code(sentence: str) -> str:
    """What :func:`explain_exit` says, for a place that has the exit code beside it."""
    words = _CODE_FIRST.sub("", sentence, count=1)
    return words[:1].upper() + words[1:] if words.startswith(("a ", "ended ", "it ", "the ", "who ")) else words


def explain_memory(limit_bytes: int | None) -> str:
    """The sentence for a job that was killed because it reached its memory limit."""
    size = f" of {limit_bytes / 1e9:.1f} GB (peak {limit_bytes / 1e9:.1f} GB)" if limit_bytes else ""
    return (
        f"{KILLED_FOR_MEMORY}: it reached its limit{size} (exit code 137). Use smaller batches or fewer"
        " data-loader workers, or a target with more memory."
    )
