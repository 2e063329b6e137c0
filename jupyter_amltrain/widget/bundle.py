"""What the front end runs: built into ``static`` by ``jlpm build:cell``, given out once per page."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_STATIC = Path(__file__).parent / "static"
_FILES = ("run_view.js", "run_view.css")


@cache
def loader() -> str:
    """The module that every widget is sent; "" in an installation without the front end."""
    if not all((_STATIC / name).is_file() for name in ("loader.js", *_FILES)):
        return ""
    return (_STATIC / "loader.js").read_text(encoding="utf-8")


def panel(kind: str) -> str:
    """Module (``js``) or style sheet (``css``) of the training panel; "" in an installation without the front end."""
    built = _STATIC / f"panel.{kind}"
    return built.read_text(encoding="utf-8") if built.is_file() else ""


@cache
def bundle() -> tuple[bytes, ...]:
    """JavaScript and style sheet of the view."""
    return tuple((_STATIC / name).read_bytes() for name in _FILES)


@cache
def digest() -> str:
    """What tells one build of the bundle from another."""
    return hashlib.sha256(b"\0".join(bundle())).hexdigest()[:16]
