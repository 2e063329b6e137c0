"""Pieces of a notebook's output; every piece of text is escaped, for logs and names are other people's words.

Styles stand inline, since saved notebooks are read where our style sheet is not: on GitHub, in nbconvert's pages, in
other editors. Colours are JupyterLab's where it is there; what must be read has the colour of the text around it, so
that light and dark need no telling apart.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from itertools import repeat

OK = "var(--jp-success-color1,#3a9a4a)"
BAD = "var(--jp-error-color1,#d9453d)"
NOW = "var(--jp-brand-color1,#2a8ae0)"
LINE = "var(--jp-border-color2,rgba(128,128,128,.35))"
SHADE = "var(--jp-layout-color2,rgba(128,128,128,.12))"
CODE = "font-family:var(--jp-code-font-family,monospace)"
UI = "font-size:13px;line-height:1.5"
DIM = "opacity:.72"
LEFT = "text-align:left"
"""Notebooks set the cells of a table to the right."""

_NUMBER = "text-align:right;white-space:nowrap"


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def link(address: str, text: str) -> Html:
    """A link that opens beside the notebook."""
    return Html(f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(text)}</a>')


def shortened(text: str, width: int) -> str:
    """The text in at most so many characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def escaped(text: str, width: int) -> Html:
    """Text of others, shortened, as markup."""
    return Html(escape(shortened(text, width)))


def both(css: str) -> str:
    """A declaration with a variable in it, after the same without: hosts that allow no variables take the first."""
    plain = re.sub(r"var\(--[\w-]+,(.*)\)$", r"\1", css)
    return f"{plain};{css}" if plain != css else css


def chip(words: str, colour: str) -> Html:
    """A state in a rounded frame; its colour is in the frame and a dot, since text in it would be hard to read."""
    style = f"{both(f'border:1px solid {colour}')};border-radius:10px;font-size:12px;font-weight:600;margin:0 6px"
    dot = f'<span aria-hidden="true" style="{both(f"color:{colour}")}">●</span>'
    return Html(f'<span class="jp-amltrain-chip" style="{style};padding:0 8px">{dot} {escape(words)}</span>')


def table(
    kind: str, columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str] = frozenset()
) -> str:
    """A table of class ``jp-amltrain-<kind>``; cells are text, or :class:`Html`.

    Args:
        numbers: the columns that are set to the right.
    """
    styles = [_NUMBER if title in numbers else LEFT for title in columns]
    head = "".join(map(_cell, columns, styles, repeat("th")))
    body = "".join(f"<tr>{''.join(map(_cell, row, styles))}</tr>" for row in rows)
    return f'<table class="jp-amltrain-{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def facts(kind: str, found: Mapping[str, str]) -> str:
    """A table of class ``jp-amltrain-<kind>`` with a line for each name and what it stands for."""
    body = "".join(f"<tr>{_cell(name, LEFT, 'th')}{_cell(value, LEFT)}</tr>" for name, value in found.items())
    return f'<table class="jp-amltrain-{kind}"><tbody>{body}</tbody></table>'


def _cell(cell: str, style: str, tag: str = "td") -> str:
    return f'<{tag} style="{style}">{cell if isinstance(cell, Html) else escape(cell)}</{tag}>'
