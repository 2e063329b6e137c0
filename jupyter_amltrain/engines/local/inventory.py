"""What is installed beside an interpreter of this machine."""

from __future__ import annotations

import subprocess
import sys

from ...environment.inspection.contents import Contents, contents_of, keep_contents, known_contents, read_answer
from ...job import inventory
from ..protocol import Preparation

_PATIENCE_S = 60.0


def look_beside(reference: str, interpreter: str, log: Preparation, *, again: bool) -> Contents | None:
    """What is installed beside an interpreter, from memory unless it is to be looked at again.

    None when it cannot tell, which is said in the log.
    """
    found = None if again else known_contents(reference, interpreter)
    if found is None:
        found = contents_of(inventory.contents()) if interpreter == sys.executable else _asked(interpreter, log)
        if found:
            keep_contents(reference, interpreter, found)
    return found


def _asked(interpreter: str, log: Preparation) -> Contents | None:
    try:
        command = [interpreter, "-B", inventory.__file__]
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    else:
        found = read_answer(done.stdout.decode(errors="replace"))
        if found:
            return found
        problem = (done.stderr.decode(errors="replace").strip().splitlines() or ["it printed nothing"])[-1]
    log.write(f"What is installed beside {interpreter} is not known: {problem}\n".encode())
    return None
