"""The text of ``wait_for_completion(show_output=True)``: every log in order, as it is written (azureml-v1.md 9.3)."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..errors import ExperimentExecutionException
from . import status as states
from .description import reason, state_since
from .follow import Update, follow
from .record import RunRecord
from .upkeep import keep_up

if TYPE_CHECKING:
    from .store import Store

_IDLE_S = 1.0
_SILENCE_S = 2.0
_PHASE_EVERY_S = 5.0


def watch(workspace_folder: Path, store: Store, run_id: str, transcript: Transcript | None = None) -> RunRecord:
    """Wait until a run is over, writing its transcript meanwhile; returns it as it ended.

    Raises:
        ExperimentExecutionException: the user interrupted the waiting; the run goes on.
    """
    run_folder = workspace_folder / "runs" / run_id
    run = store.run(run_id)
    keep_up(workspace_folder, store)
    try:
        for update in follow(store, run_folder, run_id, idle_s=_IDLE_S):
            run = update.run
            if transcript:
                transcript.take(update)
            if not update.data and run.status not in states.TERMINAL:
                # The supervisor may have died; nobody else would notice while we wait.
                keep_up(workspace_folder, store)
    except KeyboardInterrupt:
        raise ExperimentExecutionException(
            "The output streaming for the run interrupted.\n"
            "But the run is still executing on the compute target.\n"
            f"To cancel it: run.cancel(), or %aml_cancel {run_id}. To go on watching: run.wait_for_completion(True)."
        ) from None
    return run


class Transcript:
    """Writes one run's transcript to ``out``.

    A state other than Running that lasts more than two seconds without any output gets one line with its reason, and
    while an image is made, five silent seconds get a line with how far it is; otherwise the text is exactly the SDK's.
    """

    def __init__(
        self, store: Store, run_id: str, web_view: str, out: TextIO, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._out = out
        self._clock = clock
        self._heading = f"RunId: {run_id}\nWeb View: {web_view}\n"
        self._log = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line_open = False
        self._heard_in = ""
        self._told = ""
        self._spoke = 0.0
        self._phase = ""

    def begin(self) -> None:
        """Write the first lines."""
        self._write(self._heading)
        self._out.flush()

    def take(self, update: Update) -> None:
        """Write what an update brings."""
        if update.data:
            self._heard_in = update.run.status
            self._spoke, self._phase = self._clock(), update.run.reason
            if update.log != self._log:
                self._end_log()
                self._log = update.log
                title = f"Streaming {update.log}"
                self._write(f"\n{title}\n{'=' * len(title)}\n\n")
            self._write(self._decoder.decode(update.data))
        else:
            self._tell_state(update.run)
        self._out.flush()

    def _tell_state(self, run: RunRecord) -> None:
        if run.status in (states.RUNNING, *states.TERMINAL) or self._line_open:
            return
        now = self._clock()
        if run.status in (self._heard_in, self._told):
            if run.status == states.PREPARING and run.reason != self._phase and now - self._spoke > _PHASE_EVERY_S:
                self._spoke, self._phase = now, run.reason
                self._write(f"… {run.reason}\n")
        elif now - state_since(self._store, run) > _SILENCE_S:
            self._told = run.status
            self._spoke, self._phase = now, run.reason
            self._write(f"{run.status}: {reason(self._store, run)}\n")

    def end(self, warnings: Sequence[str] = (), error: str = "") -> None:
        """Write the summary; ``error`` is JSON to show in it, "" where it is raised instead or there is none."""
        self._end_log()
        self._write(f"\nExecution Summary\n=================\n{self._heading}")
        if warnings:
            self._write("\nWarnings:\n" + "".join(f"{warning}\n" for warning in warnings) + "\n")
        if error:
            self._write(f"\nError:\n{error}\n")
        self._out.flush()

    def close(self) -> None:
        """Write the blank line that ends the transcript of a run whose error is not raised."""
        self._write("\n")
        self._out.flush()

    def _end_log(self) -> None:
        self._write(self._decoder.decode(b"", final=True))
        self._decoder.reset()
        if self._line_open:
            self._write("\n")

    def _write(self, text: str) -> None:
        if not text:
            return
        self._line_open = not text.endswith("\n")
        try:
            self._out.write(text)
        except UnicodeEncodeError:  # a terminal that cannot show it must not end the watching
            encoding = self._out.encoding or "ascii"
            self._out.write(text.encode(encoding, "backslashreplace").decode(encoding))
