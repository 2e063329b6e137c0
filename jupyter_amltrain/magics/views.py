"""``%aml_run`` and ``%aml_panel``: runs on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from ..runs.find import LAST
from .answers import plain_errors, read_line
from .named_run import named_run
from .session import default_experiment

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..runs.run import Run
    from .screen import Screen
    from .session import Session


@magics_class
class ViewMagics(Magics):
    """Showing runs."""

    def __init__(self, shell: InteractiveShell, session: Session, screen: Screen) -> None:
        super().__init__(shell)
        self._session = session
        self._screen = screen

    @line_magic
    @plain_errors
    @magic_arguments()
    @argument("run", nargs="?", default=LAST, help="A run's id or one end of it, a variable with a Run, or 'last'.")
    def aml_run(self, line: str) -> Run:
        """Show a run: live while it goes, and whole when it is over. Returns the Run.

        %aml_run last
        run = %aml_run 4f0c21ab
        """
        asked, _ = read_line(self.aml_run, line)
        assert self.shell is not None
        workspace, run_id = named_run(self.shell, self._session, asked.run)
        run = workspace.get_run(run_id)
        if self._screen.show(workspace, run_id) is None and getattr(self.shell, "kernel", None) is None:
            from ..saved import run_text

            print(run_text(workspace, run_id))
        return run

    @line_magic
    @plain_errors
    @magic_arguments()
    @argument("--experiment", metavar="NAME", help="Experiment of the runs; the notebook's name unless given.")
    def aml_panel(self, line: str) -> None:
        """Show the training panel: choose an environment, a target and a script, submit, and watch the runs.

        %aml_panel
        """
        asked, _ = read_line(self.aml_panel, line)
        workspace = self._session.workspace
        if not self._screen.show_panel(workspace, asked.experiment or default_experiment()):
            from ..runs.glance import GlanceReader
            from ..saved.glances import runs_bundle

            assert self.shell is not None
            self.shell.display_pub.publish(runs_bundle(workspace, GlanceReader(workspace.store).read()), {})
            print("The form needs a notebook with somebody before it; %aml_submit does the same in text.")
