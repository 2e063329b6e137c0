"""``RunDetails`` of ``azureml.widgets``: a run at a glance, in a notebook and in a terminal."""

from __future__ import annotations

import sys
from typing import Any

from ..absent import Recreated
from ..errors import UserErrorException
from .run import Run


class RunDetails(Recreated):
    """State, phases, metrics, failure and the end of the log of a run, as of when it is shown.

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

    def __str__(self) -> str:
        from ..saved import run_text

        return run_text(self._run.experiment.workspace, self._run.id)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from ..saved import run_html

        return run_html(self._run.experiment.workspace, self._run.id)
