"""A table as the result of a magic, aligned in a terminal and HTML in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..runs.html import table


@dataclass(frozen=True)
class Table:
    """Rows of text under column titles.

    Attributes:
        empty: what to say when there are no rows.
        note: a line at the end, "" for none.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "nothing"
    note: str = ""

    def __repr__(self) -> str:
        return "\n".join(part for part in (self._text(), self.note) if part)

    def _repr_html_(self) -> str:
        shown = table("list", self.columns, self.rows) if self.rows else f"<p>{escape(self.empty)}</p>"
        return f"{shown}<p>{escape(self.note)}</p>" if self.note else shown

    def _text(self) -> str:
        if not self.rows:
            return self.empty
        lines = [self.columns, *self.rows]
        widths = [max(len(line[number]) for line in lines) for number in range(len(self.columns))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )
