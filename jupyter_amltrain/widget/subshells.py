"""Hearing front ends while a cell runs."""

from __future__ import annotations

from typing import Any


def hear_while_busy(widget: Any) -> None:
    """Have a widget's messages heard in the subshell that the front end has chosen.

    ipykernel 7.4 hears a comm in the shell that spoke on it last, which may be busy with a cell.
    """
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = None
