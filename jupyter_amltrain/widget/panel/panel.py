"""The panel itself: a form above, the runs of the workspace below, and the run that was chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Button, Combobox, Dropdown, HBox, Layout, Text, Textarea, ToggleButtons, VBox

from ...errors import AzureMLException, UserErrorException
from ...submission.script import scripts_below
from . import choices
from .arguments_form import ArgumentsForm
from .markup import muted, sentence
from .runs_table import RunsTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...environment.spec import Environment
    from ...runs.record import RunRecord
    from ...submission.cell_script import CellScript
    from ...submission.config import ScriptRunConfig
    from ...workspace import Workspace

_NEW = ""
_SCRIPT, _CODE = "Script file", "Code"
_LABELS = {"description_width": "100px"}
_CODE_HINT = "from azureml.core import Run\nRun.get_context().log('loss', 0.5)"
_ENVIRONMENT_HINT = "A Dockerfile, a conda specification or pip requirements, such as:\nscikit-learn==1.5\npandas"


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
        self._folder = folder or Path.cwd()
        self._build_fields(experiment)
        self._message = HTML()
        self._submit_button = Button(description="Submit", button_style="primary", tooltip="Start a run of this")
        self._submit_button.on_click(lambda _: self.submit())
        self._stage = VBox()  # a row would leave a view no width
        self._table = RunsTable(workspace, self.show)
        self._connect()
        super().__init__(
            [
                HTML(muted(f"Workspace {workspace.name} · {workspace.folder}")),
                self._kind,
                self._script,
                self._code,
                self._environment,
                self._new_environment,
                self._target,
                self._arguments,
                HBox([self._experiment, self._tag], layout=Layout(flex_flow="row wrap")),
                HBox([self._submit_button, self._message], layout=Layout(align_items="center")),
                self._table,
                self._stage,
            ]
        )
        self.add_class("jp-amltrain-panel")
        self.refresh()

    def _build_fields(self, experiment: str) -> None:
        self._kind = ToggleButtons(options=[_SCRIPT, _CODE], tooltips=["Run a file", "Run what is typed here"])
        self._script = Combobox(
            description="Script",
            placeholder="train.py",
            options=scripts_below(self._folder),
            style=_LABELS,
            layout=_wide(),
        )
        self._code = Textarea(description="Code", placeholder=_CODE_HINT, rows=8, style=_LABELS, layout=_wide())
        self._environment = Dropdown(description="Environment", style=_LABELS, layout=_wide())
        self._environment_name = Text(description="Name", placeholder="my-env", style=_LABELS)
        self._environment_text = Textarea(
            description="Definition", placeholder=_ENVIRONMENT_HINT, rows=5, style=_LABELS, layout=_wide()
        )
        self._taken_for = HTML()
        self._new_environment = VBox([self._environment_name, self._environment_text, self._taken_for])
        self._target = Dropdown(description="Target", style=_LABELS, layout=_wide())
        self._arguments = ArgumentsForm()
        self._experiment = Text(description="Experiment", value=experiment, style=_LABELS)
        self._tag = Text(description="Tag", placeholder="key=value", style=_LABELS)

    def _connect(self) -> None:
        self._kind.observe(lambda _: self._arrange(), "value")
        self._environment.observe(lambda _: self._arrange(), "value")
        self._script.observe(lambda _: self._ask_arguments(), "value")
        self._code.observe(lambda _: self._ask_arguments(), "value")
        self._environment_text.observe(lambda _: self._tell_format(), "value")

    # --- what changes by itself --------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring environments, targets and runs up to date; what was chosen stays chosen."""
        known = choices.environments(self._workspace)
        _offer(self._environment, [*known, ("New environment …", _NEW)])
        _offer(self._target, choices.targets(self._workspace))
        self._table.refresh()
        self._arrange()

    def _arrange(self) -> None:
        is_code = self._kind.value == _CODE
        self._script.layout.display = "none" if is_code else ""
        self._code.layout.display = "" if is_code else "none"
        self._new_environment.layout.display = "" if self._environment.value == _NEW else "none"

    def _ask_arguments(self) -> None:
        if self._kind.value == _CODE:
            self._arguments.show(self._code.value)
            return
        try:
            self._arguments.show((self._folder / self._script.value).read_text(errors="replace"))
        except (OSError, ValueError):
            self._arguments.show("")  # not a file yet: somebody is typing

    def _tell_format(self) -> None:
        from ...environment.cell import parse_cell

        try:
            self._taken_for.value = muted(f"This is {parse_cell(self._environment_text.value).said}.")
        except AzureMLException as error:
            self._taken_for.value = sentence(error.message, bad=True)

    # --- what the user does ------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Submit what the form says and show the run; what is wrong is said beside the button."""
        self._submit_button.disabled = True
        try:
            run = self._submitted()
        except AzureMLException as error:
            self._message.value = sentence(error.message, bad=True)
        else:
            self._message.value = sentence(f"Submitted {run.id}.")
            self.refresh()
            self.show(run.id)
        finally:
            self._submit_button.disabled = False

    def show(self, run_id: str) -> None:
        """Show a run below the table."""
        for view in self._stage.children:
            view.close()
        self._stage.children = [self._view(self._workspace, run_id)]

    def _submitted(self) -> RunRecord:
        from ...runs.experiment import Experiment
        from ...submission.submit import submit

        experiment = Experiment(self._workspace, self._experiment.value.strip())
        config, cell = self._asked()
        key, _, value = self._tag.value.partition("=")
        tags = {key.strip(): value.strip() or None} if key.strip() else {}
        return submit(self._workspace, experiment.name, config, tags, cell=cell)

    def _asked(self) -> tuple[ScriptRunConfig, CellScript | None]:
        from ...submission.cell_script import CellScript
        from ...submission.config import ScriptRunConfig

        cell: CellScript | None = None
        if self._kind.value == _CODE:
            if not self._code.value.strip():
                raise UserErrorException("Type the code to run, or choose a script file.")
            cell = CellScript("cell.py", self._code.value)
            folder, name = self._folder, cell.name
        else:
            if not self._script.value.strip():
                raise UserErrorException("Name the script to run, such as train.py.")
            path = self._folder / Path(self._script.value.strip()).expanduser()
            folder, name = path.parent, path.name
        config = ScriptRunConfig(
            source_directory=str(folder),
            script=name,
            arguments=self._arguments.words(),
            compute_target=self._target.value,
            environment=self._chosen_environment(),
        )
        return config, cell

    def _chosen_environment(self) -> Environment:
        from ...environment.cell import parse_cell
        from ...environment.spec import Environment

        if self._environment.value != _NEW:
            return Environment.get(self._workspace, self._environment.value)
        name = self._environment_name.value.strip()
        if not name:
            raise UserErrorException("Give the new environment a name.")
        made = parse_cell(self._environment_text.value).environment(name).register(self._workspace)
        _offer(self._environment, [*choices.environments(self._workspace), ("New environment …", _NEW)])
        self._environment.value = name
        return made


def _offer(field: Dropdown, options: list[tuple[str, str]]) -> None:
    """Change what can be chosen and keep what was."""
    if list(field.options) == options:
        return
    chosen = field.value
    names = [name for _, name in options]
    field.options = options
    field.value = chosen if chosen in names else names[0]


def _wide() -> Layout:
    # A new one each time: widgets that share a layout hide together. "100%" and their margin would be cut off.
    return Layout(width="auto")
