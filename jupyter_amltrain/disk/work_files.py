"""Pruning what jobs wrote elsewhere than in ``outputs`` and ``logs``: by hand, or by a rule of the workspace.

Nothing goes of a run that is not over, and nothing of ``outputs``, ``logs``, uploads and what runs logged. There is no
rule unless somebody makes one: a checkpoint that was kept for weeks must not vanish unasked.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NameNotFoundException
from ..file_lock import locked_if_free
from ..runs import status as states
from ..runs.folder import CONTROL_LOG
from ..runs.store import Store
from ..runs.work_files import prunable, prune_run
from ..submission.job import size_bytes
from ..submission.manifest import human_size
from ..workspace_settings import read_settings
from .choice import seconds_of

if TYPE_CHECKING:
    from ..runs.record import RunRecord

SETTING = "work_files"
_LOCK = "work-files.lock"


@dataclass(frozen=True)
class Rule:
    """Which runs' work files are to go; with both, those that either one names.

    Attributes:
        older_than_s: of runs that ended so long ago.
        beyond_bytes: of the runs that ended first, until those of all runs take no more than that.
    """

    older_than_s: float | None = None
    beyond_bytes: int | None = None

    @property
    def says_something(self) -> bool:
        """Whether it can name any run."""
        return self.older_than_s is not None or self.beyond_bytes is not None


@dataclass(frozen=True)
class RunWorkFiles:
    """What a run's job left to prune.

    Attributes:
        ended: unix seconds, None of a run that is not over.
        size_bytes: with its home folder and its copy of the snapshot.
        keep: why it stays, whoever asks; "" when it can go.
    """

    run: str
    experiment: str
    ended: float | None
    count: int
    size_bytes: int
    keep: str = ""


@dataclass(frozen=True)
class PrunedWorkFiles:
    """What was deleted, or would be.

    Attributes:
        runs: all runs that have something, the newest first.
        chosen: those whose work files were deleted, or would be when :attr:`deleted` is False.
        kept: what was asked for and stays; ``keep`` of each says why.
    """

    runs: tuple[RunWorkFiles, ...]
    chosen: tuple[RunWorkFiles, ...] = ()
    kept: tuple[RunWorkFiles, ...] = ()
    freed_bytes: int = 0
    deleted: bool = False


def made_rule(older_than: str | float | timedelta | None, beyond: str | int | None) -> Rule:
    """The rule that the words of a user make.

    Raises:
        UserErrorException: one is no time span, or no size.
    """
    return Rule(seconds_of(older_than), None if beyond is None else size_bytes(beyond))


def choose(
    found: Sequence[RunWorkFiles], named: Sequence[str], rule: Rule, now: float
) -> tuple[list[RunWorkFiles], list[RunWorkFiles]]:
    """Whose work files go, and whose were named and stay. Pure.

    Args:
        named: ids of runs; the rule is about these only when there are any, and all of them go without one.
    """
    total = 0
    chosen = []
    for item in sorted(found, key=lambda one: one.ended or now, reverse=True):
        total += item.size_bytes
        is_old = rule.older_than_s is not None and item.ended is not None and item.ended < now - rule.older_than_s
        is_beyond = rule.beyond_bytes is not None and total > rule.beyond_bytes
        meant = is_old or is_beyond or (bool(named) and not rule.says_something)
        if meant and not item.keep and (not named or item.run in named):
            chosen.append(item)
    return chosen, [item for item in found if item.run in named and item.keep]


def prune_work_files(
    workspace_folder: Path, store: Store, named: Sequence[str], rule: Rule, *, dry_run: bool
) -> PrunedWorkFiles:
    """Delete what the rule and the names say, or tell what that would be.

    Raises:
        NameNotFoundException: there is no run of a name.
    """
    records = {record.id: record for record in store.runs(children=True) if record.definition.get("snapshot_id")}
    for name in named:
        if name not in records:
            raise NameNotFoundException("run with a job", name, records)
    found = [item for record in records.values() if (item := _left(workspace_folder, record)).count]
    chosen, kept = choose(found, named, rule, time.time())
    if dry_run or not chosen:
        return PrunedWorkFiles(tuple(found), tuple(chosen), tuple(kept))
    freed = 0
    for item in chosen:
        try:
            size, why = prune_run(*_place(workspace_folder, records[item.run]))
        except OSError as error:
            kept.append(replace(item, keep=f"the list of its files cannot be written: {error.strerror}"))
            continue
        freed += size
        _note(workspace_folder / "runs" / item.run, f"Pruned what the job wrote elsewhere ({human_size(size)}).")
        if why:
            kept.append(replace(item, keep=why))
    return PrunedWorkFiles(tuple(found), tuple(chosen), tuple(kept), freed, deleted=True)


def rule_of(setting: Mapping[str, Any]) -> Rule:
    """The rule as the workspace keeps it."""
    return Rule(setting.get("older_than_s"), setting.get("beyond_bytes"))


def keep_rule(workspace_folder: Path) -> None:
    """Prune as the workspace's rule says, if it has one; a process that does so at the same time is enough."""
    rule = rule_of((read_settings(workspace_folder) or {}).get(SETTING) or {})
    if not rule.says_something:
        return
    with locked_if_free(workspace_folder / _LOCK) as alone:
        if alone:
            with closing(Store(workspace_folder)) as store:
                prune_work_files(workspace_folder, store, (), rule, dry_run=False)


def _left(workspace_folder: Path, record: RunRecord) -> RunWorkFiles:
    folder, _, has_data = _place(workspace_folder, record)
    files = prunable(folder, has_data)
    over = record.status in states.TERMINAL
    keep = "" if over else "the run is not over"
    ended = (record.ended or record.created) if over else None
    return RunWorkFiles(record.id, record.experiment, ended, len(files), sum(size for _, size in files), keep)


def _place(workspace_folder: Path, record: RunRecord) -> tuple[Path, str, bool]:
    definition = record.definition
    return workspace_folder / "runs" / record.id, definition.get("snapshot_id", ""), bool(definition.get("data"))


def _note(run_folder: Path, line: str) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M:%S")
    with suppress(OSError), open(run_folder / CONTROL_LOG, "a", encoding="utf-8") as file:
        file.write(f"[{moment}] {line}\n")
