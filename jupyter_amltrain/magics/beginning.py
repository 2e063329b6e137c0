"""The logs of a run as text in a notebook, which keeps all that is written: no more than a notebook can bear."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from io import TextIOBase
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from ..runs.run import Run

_MOST_CHARACTERS = 100_000


def wait_in_notebook(run: Run) -> None:
    """Wait for a run with the beginning of its logs as text.

    Raises:
        ActivityFailedException: the run failed.
        ExperimentExecutionException: the waiting was interrupted; the run goes on.
    """
    folder = run.experiment.workspace.run_folder(run.id)
    rest = f"\n… What follows is not kept here: %aml_logs {run.id} shows its end, and {folder} has all of it.\n"
    with redirect_stdout(Beginning(sys.stdout, _MOST_CHARACTERS, rest)):
        run.wait_for_completion(show_output=True)


class Beginning(TextIOBase):
    """The beginning of a text.

    Args:
        characters: how long it may be.
        rest: what is written in the place of all that follows.
    """

    def __init__(self, out: TextIO, characters: int, rest: str) -> None:
        self._out = out
        self._room = characters
        self._rest = rest

    def write(self, text: str) -> int:
        """Write what there is room for."""
        self._out.write(text[: self._room])
        if len(text) > self._room:
            self._out.write(self._rest)
            self._rest = ""
        self._room = max(0, self._room - len(text))
        return len(text)

    def flush(self) -> None:
        """Have it in the notebook."""
        self._out.flush()
