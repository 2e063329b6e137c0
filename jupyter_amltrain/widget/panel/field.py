"""One field of a form, with what is to be said about it below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, VBox

from ...errors import AzureMLException
from .markup import muted, sentence


class Field(VBox):
    """A widget, and below it what it is for or what is wrong with what it holds.

    Args:
        read: what the widget's content stands for; raises ``AzureMLException`` when that cannot be told.
        remark: what is said while nothing is wrong.
    """

    def __init__(self, widget: Any, read: Callable[[], object] | None = None, remark: str = "") -> None:
        self.widget = widget
        self._read = read
        self._remark = remark
        self._note = HTML(muted(remark))
        super().__init__([widget, self._note])
        self.add_class("jp-amltrain-field")
        widget.observe(lambda _: self.say(self._remark), "value")

    @property
    def note(self) -> str:
        """The markup below the widget."""
        return str(self._note.value)

    def say(self, remark: str) -> None:
        """Say this instead of what was said; "" for nothing."""
        self._remark = remark
        self._note.value = muted(remark)

    def blame(self, complaint: str) -> None:
        """Say that this is wrong, until something else is typed or chosen."""
        self._note.value = sentence(complaint, bad=True)

    def is_wrong(self) -> bool:
        """Whether what it holds cannot be used; then it says why."""
        if self._read is None:
            return False
        try:
            self._read()
        except AzureMLException as error:
            self.blame(error.message)
            return True
        return False

    def show(self, shown: bool) -> None:
        """Have it take part in the form, or not."""
        self.layout.display = "" if shown else "none"

    @property
    def is_shown(self) -> bool:
        """Whether it takes part in the form."""
        return bool(self.layout.display != "none")
