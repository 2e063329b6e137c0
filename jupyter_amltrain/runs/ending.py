"""How a run ended → what to tell the user: the script's own exception where there is one, else the exit in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..engines.protocol import Exit

_TAIL_BYTES = 64 << 10


def error_of(ended: Exit, log_path: Path) -> dict[str, Any]:
    """``code`` and ``message`` of a failed run, in the SDK's words (azureml-v1.md section 9.5)."""
    exception = last_exception(tail(log_path)) if ended.code == 1 and not ended.infrastructure else ""
    return {
        "code": "SystemError" if ended.infrastructure else "UserError",
        "message": f"User program failed with {exception}" if exception else ended.reason,
        "exit_code": ended.code,
    }


def tail(path: Path, size_bytes: int = _TAIL_BYTES) -> str:
    """The last part of a text file."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size_bytes))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def last_exception(text: str) -> str:
    """``Type: message`` of the last Python traceback in a log, or "" when there is none."""
    from .tracebacks import find_tracebacks, plain_lines

    found = find_tracebacks(plain_lines(text))
    return found[-1].text if found else ""
