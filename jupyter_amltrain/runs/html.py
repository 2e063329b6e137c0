"""Tables for a notebook's output; every piece of text is escaped, for logs and names are other people's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def link(address: str, text: str) -> Html:
    """A link that opens beside the notebook."""
    return Html(f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(text)}</a>')


def table(kind: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of class ``jp-amltrain-<kind>``; cells are text, or :class:`Html`."""
    head = "".join(f"<th>{escape(title)}</th>" for title in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="jp-amltrain-{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(cell: str) -> str:
    return cell if isinstance(cell, Html) else escape(cell)
