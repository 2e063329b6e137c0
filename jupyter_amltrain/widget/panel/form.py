"""The form of a run: what to run, in what, where, and under which name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ipywidgets import Combobox, Dropdown, GridBox, RadioButtons, Text, Textarea, VBox

from ...errors import AzureMLException, UserErrorException
from ...submission.script import scripts_below, source_folder
from . import choices
from .arguments_form import ArgumentsForm
from .field import Field

if TYPE_CHECKING:
    from ...environment.cell import CellEnvironment
    from ...environment.spec import Environment
    from ...runs.record import RunRecord
    from ...submission.cell_script import CellScript
    from ...submission.config import ScriptRunConfig
    from ...workspace import Workspace

_NEW = ""
_FILE, _CODE = "A script file", "Code typed here"
_CODE_HINT = "from azureml.core import Run\nRun.get_context().log('loss', 0.5)"
_ENVIRONMENT_HINT = "A Dockerfile, a conda specification or pip requirements, such as:\nscikit-learn==1.5\npandas"


class RunForm(VBox):
    """Asks for everything that a run needs.

    Args:
        workspace: where the run goes.
        experiment: the experiment it belongs to, until another is typed.
        folder: where scripts are looked for.
    """

    def __init__(self, workspace: Workspace, experiment: str, folder: Path) -> None:
        self._workspace = workspace
        self._folder = folder
        self.kind = Field(RadioButtons(description="What to run", options=[_FILE, _CODE]))
        self.script = Field(
            Combobox(description="Script", placeholder="train.py", options=scripts_below(folder)), self._script_path
        )
        self.code = Field(
            Textarea(description="Code", placeholder=_CODE_HINT, rows=8, continuous_update=False), self._code_script
        )
        self.environment = Field(Dropdown(description="Environment"))
        self.environment_name = Field(
            Text(description="Name of the new environment", placeholder="my-env"), self._new_environment
        )
        self.environment_text = Field(
            Textarea(description="What is in it", placeholder=_ENVIRONMENT_HINT, rows=5, continuous_update=False),
            self._definition,
        )
        self.target = Field(Dropdown(description="Target"))
        self.arguments = ArgumentsForm()
        self.experiment = Field(Text(description="Experiment", value=experiment), self._experiment_name)
        self.tags = Field(Text(description="Tags", placeholder="key=value, key=value"), self._tags)
        super().__init__(
            [
                self.kind,
                self.script,
                self.code,
                _row(self.environment, self.target),
                self.environment_name,
                self.environment_text,
                self.arguments,
                _row(self.experiment, self.tags),
            ]
        )
        self._connect()
        self.refresh()

    @property
    def fields(self) -> list[Field]:
        """The fields that take part, in the order of the page."""
        found = [self.script, self.code, self.environment_name, self.environment_text]
        found += [*self.arguments.fields, self.experiment, self.tags]
        return [field for field in found if field.is_shown]

    def refresh(self) -> None:
        """Bring environments and targets up to date; what was chosen stays chosen."""
        self._offer_environments()
        _offer(self.target.widget, choices.targets(self._workspace))

    def submit(self) -> RunRecord | None:
        """Submit the run, or say below the fields what is wrong with them, go to the first of these, and return None.

        Raises:
            AzureMLException: the run cannot be submitted, for a reason that is no field's.
        """
        from ...runs.experiment import Experiment
        from ...submission.submit import submit

        wrong = [field for field in self.fields if field.is_wrong()]
        if wrong:
            wrong[0].widget.focus()
            return None
        experiment = Experiment(self._workspace, self._experiment_name())
        config, cell = self._asked()
        return submit(self._workspace, experiment.name, config, self._tags(), cell=cell)

    def _connect(self) -> None:
        for field in (self.kind, self.environment):
            field.widget.observe(lambda _: self._arrange(), "value")
        for field in (self.kind, self.script, self.code):
            field.widget.observe(lambda _: self._ask_arguments(), "value")
        self.environment_text.widget.observe(lambda _: self._tell_format(), "value")
        self._arrange()

    def _arrange(self) -> None:
        self.code.show(self._is_code())
        self.script.show(not self._is_code())
        for field in (self.environment_name, self.environment_text):
            field.show(self.environment.widget.value == _NEW)

    def _is_code(self) -> bool:
        return bool(self.kind.widget.value == _CODE)

    def _ask_arguments(self) -> None:
        name = "the code" if self._is_code() else self.script.widget.value
        try:
            text = self.code.widget.value if self._is_code() else self._script_path().read_text(errors="replace")
        except (OSError, AzureMLException):
            text = ""  # no file yet: somebody is typing
        self.arguments.show(text, name)

    def _tell_format(self) -> None:
        if not self.environment_text.is_wrong():
            self.environment_text.say(f"This is {self._definition().said}.")

    def _offer_environments(self) -> None:
        known = choices.environments(self._workspace)
        _offer(self.environment.widget, [*known, ("New environment …", _NEW)])

    # --- what the fields stand for -----------------------------------------------------------------------------------

    def _script_path(self) -> Path:
        name = self.script.widget.value.strip()
        if not name:
            raise UserErrorException("Name the script to run, such as train.py.")
        path = self._folder / Path(name).expanduser()
        source_folder(path.parent, path.name, False)
        return path

    def _code_script(self) -> CellScript:
        from ...submission.cell_script import CellScript

        if not self.code.widget.value.strip():
            raise UserErrorException("Type the code to run, or choose a script file.")
        return CellScript("cell.py", self.code.widget.value)

    def _definition(self) -> CellEnvironment:
        from ...environment.cell import parse_cell

        return parse_cell(self.environment_text.widget.value)

    def _new_environment(self) -> Environment:
        from ...environment.spec import Environment

        name = self.environment_name.widget.value.strip()
        if not name:
            raise UserErrorException("Give the new environment a name.")
        return Environment(name)

    def _experiment_name(self) -> str:
        from ...runs.experiment import Experiment

        return Experiment(self._workspace, self.experiment.widget.value.strip()).name

    def _tags(self) -> dict[str, str | None]:
        pairs = [pair.strip().partition("=") for pair in self.tags.widget.value.split(",") if pair.strip()]
        if any(not key.strip() for key, _, _ in pairs):
            raise UserErrorException("A tag is written key=value.")
        return {key.strip(): value.strip() if equals else None for key, equals, value in pairs}

    def _asked(self) -> tuple[ScriptRunConfig, CellScript | None]:
        from ...submission.config import ScriptRunConfig

        cell = self._code_script() if self._is_code() else None
        path = self._folder / cell.name if cell else self._script_path()
        config = ScriptRunConfig(
            source_directory=str(path.parent),
            script=path.name,
            arguments=self.arguments.words(),
            compute_target=self.target.widget.value,
            environment=self._chosen_environment(),
        )
        return config, cell

    def _chosen_environment(self) -> Environment:
        from ...environment.spec import Environment

        if self.environment.widget.value != _NEW:
            return Environment.get(self._workspace, self.environment.widget.value)
        made = self._definition().environment(self._new_environment().name).register(self._workspace)
        self._offer_environments()
        self.environment.widget.value = made.name
        return made


def _row(*fields: Field) -> GridBox:
    row = GridBox(fields)
    row.add_class("jp-amltrain-grid")
    return row


def _offer(field: Dropdown, options: list[tuple[str, str]]) -> None:
    """Change what can be chosen and keep what was."""
    if list(field.options) == options:
        return
    chosen = field.value
    names = [name for _, name in options]
    field.options = options
    field.value = chosen if chosen in names else names[0]
