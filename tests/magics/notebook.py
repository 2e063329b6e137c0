"""A notebook without a kernel process: cells run in a shell of IPython's, and what they say is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config


@dataclass(frozen=True)
class Told:
    """What running a cell gave."""

    out: str
    err: str
    value: Any
    error: BaseException | None


class Notebook:
    def __init__(self) -> None:
        config = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
        self.shell = InteractiveShell(config=config)
        self.run("%load_ext jupyter_amltrain")

    def try_to(self, cell: str) -> Told:
        with capture_output(display=False) as captured:
            result = self.shell.run_cell(cell, store_history=False)
        return Told(captured.stdout, captured.stderr, result.result, result.error_before_exec or result.error_in_exec)

    def run(self, cell: str) -> Told:
        """Run a cell that must succeed."""
        told = self.try_to(cell)
        assert told.error is None, f"{told.error!r}\n{told.out}\n{told.err}"
        return told

    def refusal(self, cell: str) -> str:
        """Run a cell that must be refused in words: the words."""
        told = self.try_to(cell)
        assert isinstance(told.error, UsageError), f"{told.error!r}\n{told.out}\n{told.err}"
        assert "Traceback" not in told.err
        return str(told.error)
