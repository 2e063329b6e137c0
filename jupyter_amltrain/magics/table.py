"""A table as the result of a magic, aligned in a terminal and HTML in a notebook."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

from ..runs.html import table


@dataclass(frozen=True)
class Table:
    """Rows of text under column titles.

    Attributes:
        empty: what to say when there are no rows.
        note: a line at the end, "" for none.
        numbers: the columns that are set to the right.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "nothing"
    note: str = ""
    numbers: Collection[str] = frozenset()

    def __repr__(self) -> str:
        return "\n".join(part for part in (self._text(), self.note) if part)

    def _repr_html_(self) -> str:
        shown = table("list", self.columns, self.rows, self.numbers) if self.rows else f"<p>{escape(self.empty)}</p>"
        return f"{shown}<p>{escape(self.note)}</p>" if self.note else shown

    def _text(self) -> str:
        if not self.rows:
            return self.empty
        columns = [self._aligned(column) for column in zip(self.columns, *self.rows, strict=True)]
        return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))

    def _aligned(self, column: Sequence[str]) -> list[str]:
        width = max(map(len, column))
        align = str.rjust if column[0] in self.numbers else str.ljust
        return [align(cell, width) for cell in column]
