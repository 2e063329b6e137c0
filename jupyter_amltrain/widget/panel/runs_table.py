"""The newest runs of a workspace with their states and curves; choosing one shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from ipywidgets import HTML, Button, HBox, Layout, VBox

from ...runs import status as states
from .markup import muted, sparkline, state

if TYPE_CHECKING:
    from ...runs.record import RunRecord
    from ...runs.store import Store
    from ...workspace import Workspace

_SHOWN = 15
_SPARK_POINTS = 60
_FIRST_NAMES = ("loss", "valid_loss", "val_loss", "error_rate", "accuracy")


class RunsTable(VBox):
    """Rows of runs, the newest first; :meth:`refresh` brings them up to date.

    Args:
        choose: called with the id of the run whose row was chosen.
    """

    def __init__(self, workspace: Workspace, choose: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._choose = choose
        self._rows: dict[str, HBox] = {}
        self._over: dict[str, str] = {}
        self._order: list[str] = []
        self._empty = HTML(muted("No runs yet."))
        super().__init__(layout=Layout(overflow="auto"))
        self.refresh()

    def refresh(self) -> None:
        """Read what has changed; rows that are as they were are not touched."""
        store = self._workspace.store
        runs = store.runs(limit=_SHOWN)
        for run in runs:
            row = self._rows.get(run.id) or self._new_row(run)
            text = self._text(store, run)
            if row.children[1].value != text:
                row.children[1].value = text
        self._rows = {run.id: self._rows[run.id] for run in runs}
        self._over = {run_id: text for run_id, text in self._over.items() if run_id in self._rows}
        shown = list(self._rows.values()) or [self._empty]
        if self._order != list(self._rows) or not self._rows:
            self._order = list(self._rows)
            self.children = shown

    def _new_row(self, run: RunRecord) -> HBox:
        name = run.display_name or f"{run.experiment} …{run.id[-4:]}"
        button = Button(
            description=name,
            tooltip=f"Show {run.id}",
            layout=Layout(width="220px", flex="0 0 auto"),
        )
        button.on_click(lambda _: self._choose(run.id))
        row = HBox([button, HTML()], layout=Layout(align_items="center"))
        self._rows[run.id] = row
        return row

    def _text(self, store: Store, run: RunRecord) -> str:
        over = run.status in states.TERMINAL
        if over and run.id in self._over:
            return self._over[run.id]
        name, numbers = curve(store, run.id)
        parts = [state(run.status), escape(_took(run))]
        if numbers:
            parts += [sparkline(numbers), f"{escape(name)} {numbers[-1]:.5g}"]
        if run.reason and run.status != states.COMPLETED:
            parts.append(muted(run.reason[:160]))
        text = " · ".join(part for part in parts if part)
        if over:
            self._over[run.id] = text
        return text


def curve(store: Store, run_id: str) -> tuple[str, list[float]]:
    """The metric that tells most about a run at a glance, and some of its values: a loss before all others."""
    names = store.metric_names(run_id)
    preferred = [name for wanted in _FIRST_NAMES for name in names if name.rpartition("/")[2] == wanted]
    for name in dict.fromkeys([*preferred, *list(names)[:5]]):
        numbers = [
            float(point.value)
            for point in store.sample_metric(run_id, name, _SPARK_POINTS)
            if isinstance(point.value, (int, float)) and not isinstance(point.value, bool)
        ]
        if numbers:
            return name, numbers
    return "", []


def _took(run: RunRecord) -> str:
    if not run.started:
        return ""
    seconds = round((run.ended or time.time()) - run.started)
    if run.ended is None:
        return f"since {time.strftime('%H:%M:%S', time.localtime(run.started))}"
    return f"{seconds // 60}:{seconds % 60:02}" if seconds >= 60 else f"{run.ended - run.started:.1f} s"
