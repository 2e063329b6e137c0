"""``%aml_env --prune`` and ``%aml_runs --prune``: what is on the disk, and deleting some of it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..engines.protocol import BASE
from ..submission.manifest import human_size
from .table import Table

if TYPE_CHECKING:
    from ..disk.items import DiskItem, DiskUsage
    from ..disk.work_files import RunWorkFiles
    from ..workspace import Workspace

_COLUMNS = ("What", "Name", "Size", "Frees", "Environments", "Runs", "Last used", "Note")
_DAY_S = 86400
_FEW = 3
_HOW = (
    "%aml_env --prune NAME[:VERSION] … deletes what these environments have on the disk; --prune --unused what no"
    " latest version and no run needs now; --older-than 30d what no run has used for so long; --build-cache what the"
    " builder keeps. The environments stay, and are built again when they are used."
)

_HOW_WORK_FILES = (
    "%aml_runs --prune RUN … deletes what the jobs of these runs wrote elsewhere than in outputs and logs; --older-than"
    " 30d of runs that ended so long ago; --beyond 50g of the oldest, until all take no more. ws.set_work_files_rule(…)"
    " does so whenever a run ends."
)


def prune(workspace: Workspace, asked: Any) -> Table | None:
    """What the magic does: list, when nothing to delete is named; else delete and print what became of it."""
    if not (asked.names or asked.unused or asked.older_than or asked.build_cache):
        return _listing(workspace.disk_usage())
    done = workspace.prune(
        *asked.names,
        unused=asked.unused,
        older_than=asked.older_than,
        build_cache=asked.build_cache,
        dry_run=asked.dry_run,
    )
    for note in done.usage.notes:
        print(f"Note: {note}")
    verb = "deleted" if done.deleted else "would delete"
    for item in done.chosen:
        print(f"{verb} {item.kind} {item.name} ({human_size(item.size_bytes)})")
    for item in done.kept:
        print(f"kept {item.kind} {item.name}: {item.keep}")
    if done.freed_bytes is not None:
        print(f"✓ Freed {human_size(done.freed_bytes)}, by what engine and home folder take before and after.")
    elif done.deleted:
        print("✓ How much that freed, this engine does not say.")
    elif not done.chosen:
        print("Nothing is deleted.")
    return None


def work_files(workspace: Workspace, asked: Any, runs: list[str]) -> Table | None:
    """``%aml_runs --prune``: list what jobs left, when nothing to delete is named; else delete and print it."""
    done = workspace.prune_work_files(*runs, older_than=asked.older_than, beyond=asked.beyond, dry_run=asked.dry_run)
    if not (runs or asked.older_than or asked.beyond):
        return _left_by_jobs(done.runs)
    verb = "deleted" if done.deleted else "would delete"
    for item in done.chosen:
        print(f"{verb} {item.count} files of {item.run} ({human_size(item.size_bytes)})")
    for item in done.kept:
        print(f"kept {item.run}: {item.keep}")
    if done.deleted:
        print(f"✓ Freed {human_size(done.freed_bytes)}. run.get_work_files() lists what is gone.")
    elif not done.chosen:
        print("Nothing is deleted.")
    return None


def _left_by_jobs(runs: Iterable[RunWorkFiles]) -> Table:
    rows = [
        (item.run, item.experiment, _ago(item.ended), str(item.count), human_size(item.size_bytes), item.keep)
        for item in sorted(runs, key=lambda item: -item.size_bytes)
    ]
    columns = ("Run", "Experiment", "Ended", "Files", "Size", "Note")
    note = _HOW_WORK_FILES if rows else ""
    return Table(columns, rows, "No job left anything but outputs and logs.", note, numbers={"Files", "Size"})


def _listing(usage: DiskUsage) -> Table:
    for note in usage.notes:
        print(f"Note: {note}")
    names = {item.key: item.name for item in usage.items}
    foreign: dict[tuple[str, str], list[DiskItem]] = {}
    for item in usage.items:
        if item.kind != BASE and not (item.ours or item.environments or item.runs):
            foreign.setdefault((item.kind, _whose(item)), []).append(item)
    # On a server that many share, one's own few would not be seen among those of the others.
    together = {group: items for group, items in foreign.items() if len(items) > _FEW}
    apart = [item for item in usage.items if item not in together.get((item.kind, _whose(item)), ())]
    rows = [_row(item, names) for item in sorted(apart, key=lambda item: (-item.size_bytes, item.name))]
    rows += [_together(kind, whose, items) for (kind, whose), items in together.items()]
    note = _HOW if rows else ""
    return Table(_COLUMNS, rows, "Nothing is kept on the disk yet.", note, numbers={"Size", "Frees", "Runs"})


def _together(kind: str, whose: str, items: list[DiskItem]) -> tuple[str, ...]:
    frees = [item.own_bytes for item in items]
    own = "?" if None in frees else human_size(sum(size or 0 for size in frees))
    last = max((item.last_used or 0 for item in items), default=0)
    note = f"{whose}; workspace.disk_usage() has each"
    return (kind, f"{len(items)} of them", "", own, "", "", _ago(last), note)


def _row(item: DiskItem, names: dict[str, str]) -> tuple[str, ...]:
    notes = [
        item.keep,
        _whose(item),
        f"on {_some(names.get(key, key) for key in item.stands_on)}" if item.stands_on else "",
    ]
    return (
        item.kind,
        item.name,
        human_size(item.size_bytes),
        "?" if item.own_bytes is None else human_size(item.own_bytes),
        _some(f"{version}{'' if version.latest else ' (old)'}" for version in item.environments),
        str(len(item.runs)) if item.runs else "",
        _ago(item.last_used),
        "; ".join(note for note in notes if note),
    )


def _whose(item: DiskItem) -> str:
    if item.kind == BASE:
        return "deleted by its name only"
    return "" if item.ours else "another home folder made it" if item.ours is False else "nobody knows whose"


def _some(words: Iterable[str]) -> str:
    first, *rest = [*words] or [""]
    return ", ".join([first, *rest[:2]]) + (f" and {len(rest) - 2} more" if len(rest) > 2 else "")


def _ago(moment: float | None) -> str:
    if not moment:
        return ""
    days = int((time.time() - moment) // _DAY_S)
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
