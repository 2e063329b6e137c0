"""The panel itself: a form above, the runs of the workspace below, and the run that was chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Button, HBox, VBox

from ...errors import AzureMLException, ComputeTargetException
from .form import RunForm
from .markup import muted, sentence
from .runs_table import RunsTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...workspace import Workspace


class TrainingPanel(VBox):
    """Choose an environment, a target and a script, submit, and watch the runs of the workspace.

    Args:
        workspace: where runs go.
        experiment: the experiment they belong to, until another is typed.
        view: makes the widget that shows a run, from the workspace and the run's id.
        folder: where scripts are looked for, the current folder unless given.
    """

    def __init__(
        self,
        workspace: Workspace,
        experiment: str,
        view: Callable[[Workspace, str], Any],
        folder: Path | None = None,
    ) -> None:
        self._workspace = workspace
        self._view = view
        self.form = RunForm(workspace, experiment, folder or Path.cwd())
        self.message = HTML()
        self.submit_button = Button(description="Submit", button_style="primary", tooltip="Start a run of this")
        self.submit_button.on_click(lambda _: self.submit())
        self.worth_keeping: Callable[[bool], None] = lambda fresh: None
        """Called when what is shown may be worth saving, with whether a page has just begun; from whatever thread."""
        self.table = RunsTable(workspace, self._news)
        self.table.observe(lambda change: self._show(change["new"]), "chosen")
        self.stage = VBox()  # a row would leave a view no width
        super().__init__(
            [
                HTML(muted(f"Workspace {workspace.name} · {workspace.folder}")),
                self.form,
                HBox([self.submit_button, self.message]),
                self.table,
                self.stage,
            ]
        )
        self.add_class("jp-amltrain-panel")

    def submit(self) -> None:
        """Submit what the form says and show the run; what is wrong is said where it is."""
        self.submit_button.disabled = True
        self.message.value = sentence("Submitting …")
        try:
            run = self.form.submit()
        except ComputeTargetException as error:
            self.form.target.blame(error.message)
            run = None
        except AzureMLException as error:
            self.message.value = sentence(error.message, bad=True)
            return
        finally:
            self.submit_button.disabled = False
        if run is None:
            self.message.value = sentence("Nothing was submitted; see above.", bad=True)
            return
        self.message.value = sentence(f"Submitted {run.id}.")
        self.table.refresh()
        self.table.chosen = run.id

    def close(self) -> None:
        """Take it away from all front ends; the runs go on."""
        for view in (*self.stage.children, self.table):
            view.close()
        super().close()

    def _news(self, fresh: bool) -> None:
        self.form.refresh()
        self.worth_keeping(fresh)

    def _show(self, run_id: str) -> None:
        """Show a run below the table."""
        before = self.stage.children
        try:
            self.stage.children = [self._view(self._workspace, run_id)]
        except AzureMLException as error:
            self.message.value = sentence(error.message, bad=True)
            return
        for view in before:
            view.close()
        self.worth_keeping(False)
