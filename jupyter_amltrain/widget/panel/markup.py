"""Small pieces of markup for the panel; every text is escaped."""

from __future__ import annotations

from html import escape


def muted(text: str) -> str:
    """A remark beside something, "" for none."""
    return f'<span class="jp-amltrain-muted">{escape(text)}</span>' if text else ""


def sentence(text: str, *, bad: bool = False) -> str:
    """What the panel has to say; an error is announced by screen readers."""
    kind, role = ("jp-amltrain-bad", "alert") if bad else ("jp-amltrain-said", "status")
    return f'<div role="{role}" class="{kind}">{escape(text)}</div>'
