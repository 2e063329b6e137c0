"""How magics read their line, and how they tell a user's mistake: one sentence, no traceback."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from typing import Any, TypeVar

from IPython.core.error import UsageError

from ..errors import AzureMLException

_Magic = TypeVar("_Magic", bound=Callable[..., Any])


def plain_errors(magic: _Magic) -> _Magic:
    """Turn what the package raises on purpose into a ``UsageError`` with the message alone."""

    @wraps(magic)
    def answered(*arguments: Any) -> Any:
        try:
            return magic(*arguments)
        except AzureMLException as error:
            raise UsageError(error.message) from error
        except KeyboardInterrupt:
            raise UsageError("Interrupted.") from None

    return answered  # type: ignore[return-value]


def read_line(magic: Any, line: str) -> tuple[Namespace, list[str]]:
    """The options of a magic's line, and the words after ``--``.

    Raises:
        UsageError: the line cannot be understood; the message ends with the usage.
    """
    parser = magic.parser
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"The line cannot be split into words: {error}.") from error
    rest: list[str] = []
    if "--" in words:
        position = words.index("--")
        words, rest = words[:position], words[position + 1 :]
    try:
        return parser.parse_args(words), rest
    except UsageError as error:
        raise UsageError(f"{error}{_suggestion(parser, words)}\n{_usage(parser)}") from None


def _suggestion(parser: Any, words: list[str]) -> str:
    options = list(parser._option_string_actions)
    for word in words:
        asked = word.partition("=")[0]
        if asked.startswith("--") and not any(option.startswith(asked) for option in options):
            nearest = get_close_matches(asked, options, n=1)
            return f"; did you mean {nearest[0]}?" if nearest else ""
    return ""


def _usage(parser: Any) -> str:
    lines = [line.strip() for line in parser.format_usage().splitlines()]
    return "Usage: " + " ".join(line for line in lines if line and line != "::")
