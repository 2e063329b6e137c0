"""``RunDetails`` of ``azureml.widgets``: a run at a glance, in a notebook and in a terminal."""

from __future__ import annotations

import sys
from html import escape
from typing import Any

from ..absent import Recreated
from ..errors import UserErrorException
from .description import last_lines, log_tail
from .html import table
from .run import Run


class RunDetails(Recreated):
    """State, metrics and the end of the log of a run, as of when it is shown.

    Args:
        run_instance: the run to show.
    """

    _absent = {"get_widget_data": "run.get_details() and run.get_metrics() have what it shows"}

    def __init__(self, run_instance: Run) -> None:
        if not isinstance(run_instance, Run):
            raise UserErrorException(f"RunDetails takes a Run, not {type(run_instance).__name__}.")
        self._run = run_instance

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """Show it: as HTML where a notebook asks, as text elsewhere.

        Args:
            render_lib: kept for the SDK.
            widget_settings: kept for the SDK.
        """
        # Without an import: where IPython runs it is there, and nowhere else is it needed.
        ipython = sys.modules.get("IPython")
        if ipython is not None and ipython.get_ipython() is not None:
            ipython.display.display(self)
        else:
            print(self)

    def _rows(self) -> list[tuple[str, str]]:
        status = self._run.get_detailed_status()
        record = self._run._record()
        rows = [
            ("Run", record.id),
            ("Experiment", record.experiment),
            ("Target", f"{record.target} ({record.engine})"),
            ("Status", f"{status['status']} {'after' if record.ended else 'for'} {_duration(status['elapsed_s'])}"),
            ("Reason", status["reason"]),
            ("Tags", ", ".join(f"{key}={value}" for key, value in self._run.get_tags().items())),
        ]
        return [(name, text) for name, text in rows if text]

    def _metric_rows(self) -> list[tuple[str, str, str, str]]:
        """Name, last value and number of values of each metric, and who logged it unless the script did."""
        rows = []
        sources = self._run._store.metric_sources(self._run.id)
        for name, value in self._run.get_metrics().items():
            values = value if isinstance(value, list) else [value]
            rows.append((name, _short(values[-1]) if values else "", str(len(values)), sources.get(name, "")))
        return rows

    def __str__(self) -> str:
        lines = [f"{name:<10}  {text}" for name, text in self._rows()]
        for name, last, count, source in self._metric_rows():
            about = ", ".join(text for text in (f"{count} values" if count != "1" else "", source) if text)
            lines.append(f"{name} = {last}" + (f"  ({about})" if about else ""))
        return "\n".join([*lines, *(f"| {line}" for line in last_lines(log_tail(self._run._folder)))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [table("details", ["", ""], self._rows())]
        metric_rows = self._metric_rows()
        if metric_rows:
            parts.append(table("metrics", ["Metric", "Last value", "Values", "Source"], metric_rows))
        lines = last_lines(log_tail(self._run._folder))
        if lines:
            parts.append(f'<pre class="jp-amltrain-log">{escape(chr(10).join(lines))}</pre>')
        return f'<div class="jp-amltrain-run-details">{"".join(parts)}</div>'


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:80]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h" if minutes >= 60 else f"{minutes}:{rest:02} min"
