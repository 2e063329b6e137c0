"""Texts and lists of users, cut so that their JSON has a bounded size. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def json_size(value: object) -> int:
    """Bytes of a value as JSON in its longest form, where all but ASCII is escaped."""
    return len(json.dumps(value))


def cut(text: str, most_bytes: int) -> str:
    """The beginning of a text, such that it takes at most so many bytes as JSON; what is cut ends with "…"."""
    text = text[: most_bytes + 1].encode("utf-8", "replace").decode()  # half a surrogate is no text to others
    if json_size(text) - 2 <= most_bytes:
        return text
    low, high = 0, len(text)
    while low < high:  # the size of a prefix grows with it
        middle = (low + high + 1) // 2
        low, high = (middle, high) if json_size(text[:middle]) - 2 <= most_bytes - 6 else (low, middle - 1)
    return f"{text[:low]}…"


def first_within(items: Iterable[T], most_bytes: int) -> list[T]:
    """The first items that together take at most so many bytes as JSON."""
    found, size = [], 0
    for item in items:
        size += json_size(item) + 2
        if size > most_bytes:
            break
        found.append(item)
    return found
