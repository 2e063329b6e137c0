"""A form for the arguments that a script takes, and the words that it stands for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ipywidgets import HTML, Checkbox, Dropdown, GridBox, Text, VBox

from ...errors import UserErrorException
from ...submission.script_arguments import ScriptArgument, script_arguments, value_of, words_of
from .field import Field
from .markup import muted

_SHOWN_HELP = 140
_KINDS = {"int": "whole number", "float": "number"}


class ArgumentsForm(VBox):
    """One field for each argument of a script; an empty field leaves the script's own default.

    What ``argparse`` calls do not tell is written as words in the last field.
    """

    def __init__(self) -> None:
        self._arguments: tuple[ScriptArgument, ...] = ()
        self._title = HTML()
        self._grid = GridBox()
        self._grid.add_class("jp-amltrain-grid")
        self._words = Field(Text(placeholder="--epochs 5", continuous_update=False), self._more)
        super().__init__([self._title, self._grid, self._words])
        self.show("", "")

    @property
    def fields(self) -> list[Field]:
        """All of it, in the order of the page."""
        return [*self._grid.children, self._words]

    def show(self, source: str, script: str) -> None:
        """Ask for the arguments of this script; what was typed for one of the same name stays."""
        arguments = script_arguments(source)
        if arguments != self._arguments:
            before = dict(zip(self._arguments, self._grid.children, strict=True))
            self._arguments = arguments
            self._grid.children = [before.get(argument) or _field(argument) for argument in arguments]
        self._title.value = muted(f"Arguments of {script}") if arguments else ""
        self._words.widget.description = "More arguments" if arguments else "Arguments"

    def words(self) -> list[str]:
        """The command line that the fields stand for.

        Raises:
            UserErrorException: a needed argument is missing, a number is none, or quotes are not closed.
        """
        values = {
            argument.name: _value(argument, field.widget.value)
            for argument, field in zip(self._arguments, self._grid.children, strict=True)
        }
        return words_of(self._arguments, values) + self._more()

    def _more(self) -> list[str]:
        try:
            return shlex.split(self._words.widget.value)
        except ValueError as error:
            raise UserErrorException(f"These are no words of a command line: {error}.") from None


def _field(argument: ScriptArgument) -> Field:
    label = argument.flag or argument.name
    widget = _widget(argument, f"{label} (required)" if argument.required else label)
    field = Field(widget, lambda: _value(argument, widget.value), argument.help[:_SHOWN_HELP])
    # A mistake is told when the field is left, what is missing only when it is submitted.
    widget.observe(lambda _: widget.value and field.is_wrong(), "value")
    return field


def _widget(argument: ScriptArgument, label: str) -> Any:
    if argument.kind == "switch":
        return Checkbox(description=label, value=bool(argument.default and argument.negative), indent=False)
    default = "" if argument.default is None else str(argument.default)
    if argument.kind == "choice" and not argument.several:
        untouched = default or ("choose" if argument.required else "none")
        options: Sequence[tuple[str, str]] = [(f"({untouched})", ""), *((one, one) for one in argument.choices)]
        return Dropdown(description=label, options=options, value="")
    hint = default or _KINDS.get(argument.kind, "") + ("s" if argument.several and argument.kind in _KINDS else "")
    return Text(description=label, placeholder=hint or " ".join(argument.choices), continuous_update=False)


def _value(argument: ScriptArgument, given: str | bool) -> Any:
    """What a field stands for, None for "not given"."""
    if isinstance(given, bool):
        # The box of a flag that has no opposite says whether the flag is given.
        return given if argument.negative else given != bool(argument.default)
    try:
        return value_of(argument, given)
    except ValueError as error:
        raise UserErrorException(f"{error}") from None
