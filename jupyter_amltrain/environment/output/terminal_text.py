"""What a terminal would show of a line of output, as plain text. Pure."""

from __future__ import annotations

import re

# Control sequences, then strings that end with BEL or ESC \ (titles, links, records), then other escapes.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]")
# What is left of control characters, and the marks that turn the direction of writing.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain_line(line: str) -> str:
    """One line without escape sequences and control characters; of parts that overwrite each other, the last."""
    if line.isprintable():
        return line
    parts = [part for part in _ESCAPES.sub("", line).split("\r") if part.strip()]
    return _INVISIBLE.sub("", parts[-1] if parts else "").rstrip()
