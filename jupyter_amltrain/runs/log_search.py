"""Finding lines in a log of any size, for a while at most."""

from __future__ import annotations

import json
import mmap
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO

from ..errors import UserErrorException

_PATIENCE_S = 5.0
_START_S = 5.0
_PIECE_BYTES = 1 << 20
_LINE_BYTES = 500
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")

_ERROR = (
    rb"\b(?:error|exception|traceback|fatal|critical|panic|killed|segmentation fault|core dumped)\b"
    rb"|(?:Error|Exception)\b"
)
_WARNING = rb"|\bwarn(?:ing)?s?\b|Warning\b"
_LEVELS = {"error": re.compile(_ERROR, re.IGNORECASE), "warning": re.compile(_ERROR + _WARNING, re.IGNORECASE)}


def find_lines(
    file: IO[bytes],
    text: str,
    *,
    regex: bool = False,
    ignore_case: bool = True,
    level: str = "",
    after: int = 0,
    limit: int = 1000,
) -> tuple[list[tuple[int, str]], bool]:
    """Offsets and texts of lines that match, and whether the file was looked through to its end.

    Args:
        file: one that only ever grows; a file that is cut short while it is looked through ends the process.
        text: what to look for; not used with ``level``.
        level: ``error`` or ``warning`` (which has errors, too) finds lines that look like one.
        after: offset to begin at.

    Raises:
        UserErrorException: it is no regular expression, or one that takes too long.
    """
    if regex and not level:
        _pattern(text, regex, ignore_case)
        return _find_beside(file, text, ignore_case, after, limit)
    return _look_for(_LEVELS.get(level) or _pattern(text, regex, ignore_case), file, after, limit)


def _find_beside(
    file: IO[bytes], text: str, ignore_case: bool, after: int, limit: int
) -> tuple[list[tuple[int, str]], bool]:
    """The same in a process of its own, for some expressions never come to an end, and nobody can stop them here."""
    asked = json.dumps([text, ignore_case, after, limit])
    command = [sys.executable, "-m", __name__, asked]
    try:
        done = subprocess.run(command, stdin=file, stdout=subprocess.PIPE, timeout=_PATIENCE_S + _START_S, check=True)
    except subprocess.TimeoutExpired:
        raise UserErrorException(
            f"Looking for '{text}' takes too long: an expression such as (a+)+ has too many ways to fit. Simplify it."
        ) from None
    found, complete = json.loads(done.stdout)
    return [(offset, line) for offset, line in found], complete


def _look_for(
    pattern: re.Pattern[bytes], file: IO[bytes], after: int, limit: int
) -> tuple[list[tuple[int, str]], bool]:
    size = file.seek(0, 2)
    if size <= after:
        return [], True
    found: list[tuple[int, str]] = []
    end = time.monotonic() + _PATIENCE_S
    with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data:
        position = after
        while position < size:
            # Piece by piece, for a search holds up the whole interpreter.
            newline = data.find(b"\n", min(size, position + _PIECE_BYTES))
            stop = size if newline < 0 else newline + 1
            for start, match_end in _lines_with(pattern, data, position, stop):
                found.append((start, _shown(data[start : min(match_end, start + _LINE_BYTES)])))
                if len(found) == limit:
                    return found, False
            position = stop
            if time.monotonic() > end:
                return found, position >= size
    return found, True


def _lines_with(pattern: re.Pattern[bytes], data: mmap.mmap, position: int, stop: int) -> Iterator[tuple[int, int]]:
    """Begin and end of the lines that match, each once."""
    while position < stop and (match := pattern.search(data, position, stop)) is not None:
        start = data.rfind(b"\n", 0, match.start()) + 1
        newline = data.find(b"\n", max(match.end() - 1, match.start()))
        line_end = stop if newline < 0 else newline
        yield start, line_end
        position = line_end + 1


def _pattern(text: str, regex: bool, ignore_case: bool) -> re.Pattern[bytes]:
    try:
        flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)
        return re.compile((text if regex else re.escape(text)).encode(), flags)
    except re.error as error:
        raise UserErrorException(f"'{text}' is no regular expression: {error}.") from None


def _shown(line: bytes) -> str:
    return _CONTROL.sub("", line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2])


if __name__ == "__main__":
    _text, _ignore_case, _after, _limit = json.loads(sys.argv[1])
    print(json.dumps(_look_for(_pattern(_text, True, _ignore_case), sys.stdin.buffer, _after, _limit)))
