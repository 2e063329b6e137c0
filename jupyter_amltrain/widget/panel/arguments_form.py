"""A form for the arguments that a script takes, and the words that it stands for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ipywidgets import HTML, Checkbox, Dropdown, GridBox, Layout, Text, VBox, Widget

from ...errors import UserErrorException
from ...submission.script_arguments import ScriptArgument, script_arguments, words_of
from .markup import muted

_SHOWN_HELP = 140


class ArgumentsForm(VBox):
    """One field for each argument of a script; an empty field leaves the script's own default.

    What ``argparse`` calls do not tell is written as words in the last field.
    """

    def __init__(self) -> None:
        self._arguments: tuple[ScriptArgument, ...] = ()
        self._fields: dict[str, Any] = {}
        self._grid = GridBox(
            layout=Layout(grid_template_columns="repeat(auto-fill, minmax(260px, 1fr))", grid_gap="2px 16px")
        )
        self._words = Text(
            description="Arguments", placeholder="--epochs 5", continuous_update=False, layout=Layout(width="auto")
        )
        super().__init__([self._grid, self._words])

    def show(self, source: str) -> None:
        """Ask for the arguments of this script; what was typed for one of the same name stays."""
        before = {name: field.value for name, field in self._fields.items()}
        self._arguments = script_arguments(source)
        self._fields = {argument.name: _field(argument) for argument in self._arguments}
        for name, field in self._fields.items():
            if name in before and _fits(field, before[name]):
                field.value = before[name]
        self._grid.children = [
            VBox([field, HTML(muted(argument.help[:_SHOWN_HELP]))] if argument.help else [field])
            for argument, field in zip(self._arguments, self._fields.values(), strict=True)
        ]
        self._words.description = "More" if self._arguments else "Arguments"

    def words(self) -> list[str]:
        """The command line that the fields stand for.

        Raises:
            UserErrorException: a needed argument is missing, a number is none, or quotes are not closed.
        """
        try:
            words = words_of(self._arguments, {one.name: self._value(one) for one in self._arguments})
            return words + shlex.split(self._words.value)
        except ValueError as error:
            raise UserErrorException(f"The arguments cannot be used: {error}") from None

    def _value(self, argument: ScriptArgument) -> Any:
        given = self._fields[argument.name].value
        if argument.kind == "switch" and not argument.negative:
            return given != bool(argument.default)  # its box says whether the flag is given
        if argument.kind not in ("int", "float") or not given.strip():
            return given
        number = int if argument.kind == "int" else float
        try:
            return number(given)
        except ValueError:
            wanted = "a whole number" if argument.kind == "int" else "a number"
            raise ValueError(f"{argument.flag or argument.name} takes {wanted}, not '{given}'.") from None


def _field(argument: ScriptArgument) -> Widget:
    label = argument.flag or argument.name
    tooltip = f"{label}: {argument.help}" if argument.help else label
    style = {"description_width": "120px"}
    if argument.kind == "switch":
        return Checkbox(
            description=label,
            value=bool(argument.default and argument.negative),
            tooltip=tooltip,
            indent=True,
            style=style,
            layout=Layout(width="auto"),
        )
    default = "" if argument.default is None else str(argument.default)
    if argument.kind == "choice":
        untouched = f"({default})" if default else "(choose)" if argument.required else "(none)"
        options: Sequence[tuple[str, Any]] = [(untouched, ""), *((choice, choice) for choice in argument.choices)]
        return Dropdown(
            description=label, options=options, value="", tooltip=tooltip, style=style, layout=Layout(width="auto")
        )
    hint = default or ("needed" if argument.required else {"int": "whole number", "float": "number"}.get(argument.kind))
    return Text(
        description=label,
        placeholder=hint or "",
        tooltip=tooltip,
        continuous_update=False,
        style=style,
        layout=Layout(width="auto"),
    )


def _fits(field: Any, value: Any) -> bool:
    if isinstance(field, Dropdown):
        return value in [option[1] for option in field.options]
    return isinstance(value, type(field.value))
