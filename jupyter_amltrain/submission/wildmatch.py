"""One ignore pattern → one regular expression, with the meaning git gives it (gitignore(5), git's wildmatch.c)."""

from __future__ import annotations

import re

_NAMED_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\r\\f\\v",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


class _Invalid(Exception):
    """The pattern can match nothing, as when its bracket is never closed."""


def translate(pattern: str, by_name: bool) -> str | None:
    """Regular expression for a pattern without its ``!`` and slashes at both ends; None when it matches nothing.

    Args:
        pattern: the pattern.
        by_name: the pattern is compared with the last part of a path only, where ``**`` is just ``*``.
    """
    parts: list[str] = []
    position = 0
    # git compares the part before the first special character as it is and starts its matcher after it, so
    # "foo**/bar" works like "foo" followed by a true "**/".
    literal = re.match(r"[^*?\[\\]*", pattern)
    start = 0 if by_name or literal is None else literal.end()
    try:
        while position < len(pattern):
            letter = pattern[position]
            if letter == "*":
                part, position = _stars(pattern, position, start, by_name)
            elif letter == "?":
                part, position = "[^/]", position + 1
            elif letter == "[":
                part, position = _bracket(pattern, position + 1)
            elif letter == "\\":
                part, position = re.escape(_at(pattern, position + 1)), position + 2
            else:
                part, position = re.escape(letter), position + 1
            parts.append(part)
    except _Invalid:
        return None
    return "".join(parts)


def _at(pattern: str, position: int) -> str:
    if position >= len(pattern):
        raise _Invalid
    return pattern[position]


def _stars(pattern: str, position: int, start: int, by_name: bool) -> tuple[str, int]:
    end = position
    while end < len(pattern) and pattern[end] == "*":
        end += 1
    alone = position == 0 or pattern[position - 1] == "/"
    closes = end == len(pattern) or pattern.startswith(("/", "\\/"), end)
    # No part of a path is empty. Saying so keeps "a/*" and "a/**" from matching a itself, which ends in a slash here.
    some = "+" if alone and closes else "*"
    if by_name or end - position == 1 or not (closes and (alone or position == start)):
        return f"[^/]{some}", end
    if pattern.startswith("/", end):
        return "(?:.*/)?", end + 1
    return f".{some}", end


def _bracket(pattern: str, position: int) -> tuple[str, int]:
    """The character class whose first letter is at ``position``, and where the pattern goes on."""
    negated = _at(pattern, position) in "!^"
    position += negated
    items: list[str] = []
    previous = ""
    first = True
    while first or _at(pattern, position) != "]":
        first = False
        letter = _at(pattern, position)
        following = pattern[position + 1 : position + 2]
        if letter == "\\":
            letter, position = _at(pattern, position + 1), position + 1
        elif letter == "-" and previous and following not in ("", "]"):
            escaped = following == "\\"
            last = _at(pattern, position + 1 + escaped)
            if previous <= last:
                items.append(f"{re.escape(previous)}-{re.escape(last)}")
            position, previous = position + 2 + escaped, ""
            continue
        elif letter == "[" and following == ":":
            end = pattern.find("]", position + 2)
            if end < 0:
                raise _Invalid
            if end > position + 2 and pattern[end - 1] == ":":
                name = pattern[position + 2 : end - 1]
                if name not in _NAMED_CLASSES:
                    raise _Invalid
                items.append(_NAMED_CLASSES[name])
                position, previous = end + 1, ""
                continue
        items.append(re.escape(letter))
        previous = letter
        position += 1
    if not items:  # only ranges that run backwards
        return ("[^/]" if negated else "(?!)"), position + 1
    return f"(?!/)[{'^' if negated else ''}{''.join(items)}]", position + 1
