"""What a supervisor does with its run: prepare, start, take in, close. Each step can be entered again after a kill."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.protocol import Engine, Exit
from ..engines.registry import get_engine
from ..errors import (
    AzureMLException,
    CanceledException,
    EngineException,
    EngineUnavailableException,
    ImageNotFoundException,
    StoreException,
)
from ..home import advice_for
from ..submission.job import AUTOMATIC, PATTERNS, SYSTEM_METRICS, RunDefinition
from . import status as states
from .answers import Answers
from .ending import error_of
from .event_files import EventFiles
from .folder import CONTROL_LOG, DRIVER_LOG, INPUTS, code_folder
from .inbox import Inbox
from .intake import Intake
from .preparing import Preparing
from .record import RunRecord
from .system_metrics import system_metrics

if TYPE_CHECKING:
    from .store import Store

_TICK_S = 0.02
_ENGINE_RETRY_S = 0.25
_STORE_RETRY_S = 0.5
_ROOM_BYTES = 256 << 10
_EXIT_LAG_S = 1.0
"""An engine may close the stream a moment before it knows that the job has ended."""


class Supervision:
    """The care for one run, by the holder of its lock."""

    def __init__(self, store: Store, folder: Path, run: RunRecord, secrets: Mapping[str, str]) -> None:
        self._store = store
        self._folder = folder
        self._run = run
        self._id = run.id
        self._secrets = secrets
        self._definition = RunDefinition.from_json(run.definition)
        self._engine: Engine = get_engine(run.engine)
        self._canceling: threading.Thread | None = None
        self._engine_was_away = False
        self._started = 0.0
        self._events: EventFiles | None = None

    def run_to_end(self) -> None:
        """From wherever the run is now to a terminal state."""
        try:
            if self._run.exit is None:
                handle = dict(self._run.handle) if self._run.handle else self._begin()
                with self._system_metrics(handle):
                    ended = self._take_in(handle)
                self._insist(
                    lambda: self._store.move(self._id, states.FINALIZING, "collecting outputs", exit=asdict(ended))
                )
            self._close()
        except CanceledException:
            self._insist(lambda: self._store.move(self._id, states.CANCELED, "canceled before it started"))
        except AzureMLException as error:
            self._give_up(error)
        except OSError as error:
            why = f"The run's folder {self._folder} cannot be written: {error.strerror or error}."
            self._give_up(StoreException(f"{why} {advice_for(error)}"))

    def _insist(self, write: Callable[[], object]) -> None:
        """Write to the store, however long the disk is full: what has become of a job must not be told wrong."""
        while True:
            try:
                write()
                return
            except StoreException as error:
                if not _may_pass(error):
                    raise
            self._wait_for_room()

    def _wait_for_room(self) -> None:
        """Return when the run's folder can be written again; the job's output waits in the engine meanwhile."""
        probe = self._folder / "room.partial"
        while True:
            time.sleep(_STORE_RETRY_S)
            try:
                probe.write_bytes(bytes(_ROOM_BYTES))
                return
            except OSError:
                if not self._folder.is_dir():
                    raise
            finally:
                with suppress(OSError):
                    probe.unlink()

    def _give_up(self, error: AzureMLException) -> None:
        """The run cannot go on: nothing of it is left running, and it says why."""
        handle = self._store.run(self._id).handle
        if handle:
            self._retrying(lambda: self._engine.remove(dict(handle)))
        failure = {"code": error._error_code or "SystemError", "message": error.message}
        self._insist(lambda: self._store.move(self._id, states.FAILED, error.message, error=failure))

    # --- prepare and start ---------------------------------------------------------------------------------------

    def _begin(self) -> dict[str, Any]:
        preparing = Preparing(
            self._store, self._folder, self._run, self._engine, self._secrets, self._control, self._refuse_if_canceled
        )
        preparing.write_code()
        self._refuse_if_canceled()
        job = preparing.planned_job()
        self._move(states.STARTING, "starting the job")
        try:
            handle = self._engine.start(job)
        except ImageNotFoundException:
            self._control("The image was deleted since it was found; preparing it again.")
            handle = self._engine.start(preparing.planned_job())
        for note in handle.get("notes") or []:
            self._control(f"Note: {note}")
        self._insist(lambda: self._move(states.RUNNING, "", handle=handle))
        return handle

    def _move(self, status: str, reason: str, **fields: Any) -> None:
        """Change state unless the user wants the run canceled: then only the fields are kept."""
        others = tuple(state for state in states.ACTIVE if state != states.CANCEL_REQUESTED)
        if not self._store.move(self._id, status, reason, only_from=others, **fields) and fields:
            self._store.update_run(self._id, **fields)

    def _control(self, line: str) -> None:
        with suppress(OSError), open(self._folder / CONTROL_LOG, "a", encoding="utf-8") as file:
            file.write(f"[{time.strftime('%H:%M:%S')}] {line}\n")

    def cancel_requested(self) -> bool:
        """Whether the user asked for the end of the run."""
        return self._store.run(self._id).status == states.CANCEL_REQUESTED

    def _refuse_if_canceled(self) -> None:
        """Stop preparing a run that the user has given up.

        A supervisor that was killed while it started the job may have left one behind: then it is taken over first and
        ended like any other.
        """
        began = any(change.status == states.STARTING for change in self._store.transitions(self._id))
        if self.cancel_requested() and not began:
            raise CanceledException("canceled before it started")

    # --- while it runs -------------------------------------------------------------------------------------------

    def _take_in(self, handle: dict[str, Any]) -> Exit:
        self._started = self._store.run(self._id).started or time.time()
        while True:
            try:
                answers = Answers(self._store, self._folder.parents[1], self._run, self._control)
                printed = self._definition.environment_variables.get(PATTERNS, "0") not in ("", "0")
                intake = Intake(self._store, self._run, self._folder / DRIVER_LOG, answers, printed=printed)
                self._events = self._event_files()
                try:
                    ended = self._take_in_all(handle, intake)
                    break
                finally:
                    intake.close()
            except StoreException as error:
                if not _may_pass(error):
                    raise
            except OSError:
                pass  # the disk is full, most likely
            self._wait_for_room()  # what is missing is read again from the engine
        if self._engine_was_away and ended.code:
            reason = f"The engine stopped or restarted while the run was running. {ended.reason}"
            return Exit(ended.code, reason, infrastructure=True, peak_memory_bytes=ended.peak_memory_bytes)
        return ended

    def _system_metrics(self, handle: dict[str, Any]) -> AbstractContextManager[None]:
        """Keeps what the job uses of the machine, unless that is not wanted."""
        if self._definition.environment_variables.get(SYSTEM_METRICS, "1") == "0":
            return nullcontext()
        gpus = self._store.gpus_in_use().get(self._id, ()) if self._definition.resources.gpus else None
        return system_metrics(self._store, self._run, lambda: self._engine.usage(handle), gpus)

    def _event_files(self) -> EventFiles | None:
        """The event files of TensorBoard that the job may write; None when nothing is to be logged automatically."""
        if self._definition.environment_variables.get(AUTOMATIC, "1") == "0":
            return None
        return EventFiles(self._store, self._run, code_folder(self._folder), self._control)

    def _take_in_all(self, handle: dict[str, Any], intake: Intake) -> Exit:
        whole = self._stream(handle, intake)
        while (ended := self._poll(handle)) is None or not whole:
            whole = self._stream(handle, intake)
            if ended is not None:
                break
        intake.finish()
        return ended

    def _stream(self, handle: dict[str, Any], intake: Intake) -> bool:
        """Take in output until the stream ends; True when it ended because the job did."""
        self._tick(handle)
        inbox = Inbox(self._engine.stream(handle, dict(intake.after)))
        ended = False
        try:
            while True:
                chunks, ended = inbox.take(_TICK_S)
                if chunks:
                    intake.take(chunks)
                elif ended:
                    break
                self._tick(handle)
        except EngineUnavailableException:
            self._engine_was_away = True
        finally:
            inbox.close()
        deadline = time.monotonic() + _EXIT_LAG_S
        while ended and time.monotonic() < deadline:
            try:
                if self._engine.poll(handle) is not None:
                    return not self._engine_was_away
            except EngineUnavailableException:
                break
            time.sleep(0.002)
        return False

    def _poll(self, handle: dict[str, Any]) -> Exit | None:
        """Ask until the engine answers; while it does not, the run says so."""
        limit_s = float(os.environ.get("AMLTRAIN_ENGINE_WAIT_S", "3600"))
        began = time.monotonic()
        while True:
            try:
                ended = self._engine.poll(handle)
            except EngineUnavailableException as error:
                if not self._engine_was_away:
                    self._engine_was_away = True
                    self._store.update_run(self._id, reason=f"waiting for the engine: {error.message}")
                if time.monotonic() - began > limit_s:
                    return Exit(None, f"The engine did not come back in {limit_s:.0f} s.", infrastructure=True)
                time.sleep(_ENGINE_RETRY_S)
                continue
            if self._engine_was_away and ended is None:
                self._store.update_run(self._id, reason="")
            return ended

    def _tick(self, handle: dict[str, Any]) -> None:
        """Look whether the run is to be ended, and have it ended beside us so that its last words are taken in."""
        if self._events is not None:
            self._events.look()
        if self._canceling is not None:
            return
        if self._store.changed() and self.cancel_requested():
            self._stop(handle)
        limit_s = self._definition.max_run_duration_seconds
        if limit_s and time.time() - self._started > limit_s:
            reason = f"It ran longer than its limit of {limit_s:.0f} s and was stopped."
            self._store.update_run(self._id, error={"code": "UserError", "message": reason})
            self._stop(handle)

    def _stop(self, handle: dict[str, Any]) -> None:
        grace_s = float(os.environ.get("AMLTRAIN_CANCEL_GRACE_S", "10"))

        def stop() -> None:
            while True:
                try:
                    return self._engine.stop(handle, grace_s)
                except EngineException as error:
                    self._control(f"The job could not be stopped yet: {error.message}")
                    time.sleep(_ENGINE_RETRY_S)

        self._canceling = threading.Thread(target=stop, name="amltrain-stop", daemon=True)
        self._canceling.start()

    # --- close ---------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        run = self._store.run(self._id)
        ended = Exit(**dict(run.exit or {}))
        events = self._event_files()
        if events is not None:
            self._insist(events.finish)
        canceled = any(change.status == states.CANCEL_REQUESTED for change in self._store.transitions(self._id))
        if run.handle:
            self._retrying(lambda: self._engine.remove(dict(run.handle or {})))
        error = run.error or (error_of(ended, self._folder / DRIVER_LOG) if ended.code != 0 else None)
        if self._definition.data or (self._folder / INPUTS).exists():
            from ..data.stage import take_in

            take_in(
                self._store,
                self._id,
                self._definition.data,
                self._folder,
                completed=not error and not canceled,
                say=self._control,
            )
        if canceled and not (run.error or {}).get("told"):
            self._insist(lambda: self._store.move(self._id, states.CANCELED, "canceled"))
        elif error:
            self._insist(lambda: self._store.move(self._id, states.FAILED, str(error["message"]), error=error))
        else:
            self._insist(lambda: self._store.move(self._id, states.COMPLETED))

    @staticmethod
    def _retrying(act: Callable[[], None]) -> None:
        """What is left on the engine is tidied when it answers; a run is not kept open for it."""
        for _ in range(4):
            try:
                return act()
            except EngineException:
                time.sleep(_ENGINE_RETRY_S)


def _may_pass(error: StoreException) -> bool:
    """Whether the store may work again later (a full disk, a long lock), unlike when it is damaged."""
    return isinstance(error.inner_exception, sqlite3.OperationalError)
