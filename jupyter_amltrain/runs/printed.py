r"""Metrics in what a script prints: ``loss=0.12``, ``val_acc: 0.9``, JSON lines, what tqdm shows behind its bar.

Guesswork, so nobody gets it unasked (``AMLTRAIN_LOG_PATTERNS=1``). It is fed the text of the log piece by piece, and
gives the values in each line that is complete::

    Epoch 3/10  loss=0.12  val_acc: 0.9          step 3   loss 0.12   val_acc 0.9
    {"step": 40, "loss": 0.12}                   step 40  loss 0.12
     50%|█████     | 5/10 [00:01<00:01, 4.5it/s, loss=0.12]\r     loss 0.12

A bar is read as soon as it is there, for its end comes with the next one, and what it says again counts once.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

SOURCE = "stdout"

_LONGEST_LINE = 2048
_MOST_VALUES = 64
_MOST_NAMES = 1000
_INTEGERS = 2**63

_ENDS = re.compile(rb"[\r\n]+")
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)"
# A colon needs a space, a quoted name or a fraction, or every address and every time of day would be a metric.
_PAIR = re.compile(
    rf"""(?<![\w./@?&-])(?P<quote>["']?)(?P<name>[A-Za-z][\w.@/-]*(?:[ ][a-z]+)?)(?P=quote)
         (?:\s*=\s*|(?<=["']):\s*|:\s+|:(?=[-+]?\d*\.\d))(?P<value>["']?{_NUMBER}["']?)(?![\w./:]*[\w/:])""",
    re.VERBOSE | re.IGNORECASE,
)
_STEP = re.compile(
    r"\b(?P<name>global_step|step|iteration|iter|epoch)s?\b[\"']?\s*[:=#]?\s*[\[(]?\s*(?P<value>\d+)(?![\d.]*[\d])",
    re.IGNORECASE,
)
_STEPS = ("global_step", "step", "iteration", "iter", "epoch")
_BAR = re.compile(r"(?:\d+%\|.*?\| *\S+/\S+ \[[^,\]]*|\b\d[\d.]*[^\W\d]\w* \[\d[\d:]*(?=,))")


class Value(NamedTuple):
    """A number that was printed, with the step that its line names."""

    name: str
    value: float
    step: int | None


class Printed:
    """Finds values in text that arrives in pieces, of one source of output.

    Args:
        line: what is there already of the line that the first piece goes on with.
    """

    def __init__(self, line: bytes = b"") -> None:
        self._line = line
        self._names: set[str] = set()
        self._bar = ""
        self._read_bar()

    def feed(self, text: bytes) -> list[Value]:
        """The values in the lines that this text completes; a line ends with LF or CR, a bar with its bracket."""
        *lines, rest = _ENDS.split(self._line + text if self._line else text)
        # Of what is too long for a line of metrics only the end of it is waited for.
        self._line = rest[-_LONGEST_LINE - 1 :]
        return [value for line in lines for value in self._read(line)] + self._read_bar()

    def _read_bar(self) -> list[Value]:
        if not self._line.rstrip().endswith(b"]") or not _BAR.search(self._line.decode("utf-8", "replace")):
            return []
        return self._read(self._line)

    def _read(self, line: bytes) -> list[Value]:
        if not 2 < len(line) <= _LONGEST_LINE or not any(digit in line for digit in b"0123456789"):
            return []
        text = line.decode("utf-8", "replace")
        values = line_values(text)
        if _BAR.search(text):
            before, self._bar = self._bar, repr(values)
            if self._bar == before:
                return []
        return self._known(values)

    def _known(self, values: list[Value]) -> list[Value]:
        """Without more names than a person would look at: those come from text that is no report of metrics."""
        kept = []
        for value in values:
            if value.name in self._names or len(self._names) < _MOST_NAMES:
                self._names.add(value.name)
                kept.append(value)
        return kept


def last_line(log: Path) -> bytes:
    """What a log file ends with that is no whole line."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_LINE - 1))
            return _ENDS.split(file.read())[-1]
    except OSError:
        return b""


def line_values(line: str) -> list[Value]:
    """The values in one line of output."""
    line = _STYLE.sub("", line).strip()
    if line.startswith("{") and line.endswith("}"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return _of_object(found)
    bar = _BAR.search(line)
    if bar:
        return [Value(name, value, None) for name, value in _pairs(line[bar.end() :])]
    step = _step({match["name"].lower(): float(match["value"]) for match in _STEP.finditer(line)})
    return [Value(name, value, step) for name, value in _pairs(line)]


def _of_object(found: dict[str, object]) -> list[Value]:
    numbers = {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, float)
        or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INTEGERS)
    }
    step = _step({name.lower(): value for name, value in numbers.items()})
    return [Value(name, value, step) for name, value in numbers.items() if not _is_step(name)][:_MOST_VALUES]


def _pairs(text: str) -> list[tuple[str, float]]:
    pairs = [
        (match["name"], float(match["value"].strip("\"'")))
        for match in _PAIR.finditer(text)
        if not _is_step(match["name"])
    ]
    return pairs[:_MOST_VALUES]


def _is_step(name: str) -> bool:
    return name.lower().rpartition(" ")[2].rstrip("s") in _STEPS


def _step(found: dict[str, float]) -> int | None:
    for name in _STEPS:
        value = found.get(name)
        if value is not None and abs(value) < _INTEGERS and value == int(value):
            return int(value)
    return None
