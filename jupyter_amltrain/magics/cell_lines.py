"""Which lines of a cell a failure is about, for cells that list packages. Pure."""

from __future__ import annotations

import re

from ..environment.conda.dependencies import normal_name
from ..environment.output.remedies import named_packages
from ..environment.packages.requirements import without_comment

_FAILED = re.compile(r" failed: | could not be made: ")
_MOST = 3


def with_requirement_lines(message: str, cell: str) -> str:
    """The message of a failed build with the lines of the cell that ask for the packages which the installer names."""
    first, newline, rest = message.partition("\n")
    lines = requirement_lines_of(message, cell)
    if not lines or "of the cell" in first or not _FAILED.search(first):
        return message
    numbers = " and ".join(str(number) for number, _ in lines)
    texts = " and ".join(f"`{text}`" for _, text in lines)
    place = f"line{'s' if len(lines) > 1 else ''} {numbers} of the cell, {texts}"
    return _FAILED.sub(lambda found: f"{found[0][:-2]} at {place}: ", first, count=1) + newline + rest


def requirement_lines_of(message: str, cell: str) -> list[tuple[int, str]]:
    """Number and text of the cell's lines for the packages named in a message; the magic's own line is the first."""
    named = named_packages(message.splitlines())
    found = []
    for number, line in enumerate(cell.splitlines(), 2):
        text = without_comment(line).removeprefix("- ").strip(" '\"")
        if text and not text.startswith("-") and normal_name(text) in named:
            found.append((number, text))
    return found[:_MOST]
