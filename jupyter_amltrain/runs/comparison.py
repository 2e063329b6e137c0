"""What differs between runs: what was asked for, the files that went along, what was logged, how it ended."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..environment.secrets import is_secret_name
from ..errors import SnapshotException, StoreException
from ..submission.manifest import FILE, Entry, human_size
from ..submission.objects import ObjectStore
from ..submission.snapshot import read_manifest

if TYPE_CHECKING:
    from .record import RunRecord
    from .store import Store

_DIFF_BYTES = 256 << 10
_DIFF_LINES = 400
_CELL_CHARACTERS = 300
_METRICS_AT_MOST = 200
_ABSENT = "–"


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in all runs; ``values`` are in the order of the runs, "–" for "not there".

    Attributes:
        section: ``run``, ``arguments``, ``environment``, ``resources``, ``parameters``, ``tags``, ``metrics``, …
    """

    section: str
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class FileChange:
    """A file that a run took along otherwise than the first run did.

    Attributes:
        change: ``added``, ``removed``, ``changed``.
        diff: unified diff of a changed text file, cut when it is long; "" for others.
    """

    run_id: str
    path: str
    change: str
    diff: str = ""


@dataclass(frozen=True)
class Comparison:
    """Runs side by side. Only what differs is here; ``same`` counts what does not."""

    runs: tuple[RunRecord, ...]
    differences: tuple[Difference, ...]
    files: tuple[FileChange, ...]
    same: int
    notes: tuple[str, ...] = ()


def compare(store: Store, workspace_folder: Path, run_ids: Sequence[str]) -> Comparison:
    """Compare runs of a workspace, each with the first.

    Raises:
        NameNotFoundException: there is no such run.
    """
    runs = tuple(store.run(run_id) for run_id in run_ids)
    told = [
        {
            **_asked(run),
            **_pairs("parameters", store.params(run.id)),
            **_pairs("tags", store.tags(run.id)),
            **_pairs("code", {key: value for key, value in store.properties(run.id).items() if "git" in key.lower()}),
            **_metrics(store, run.id),
        }
        for run in runs
    ]
    names = list(dict.fromkeys(name for one in told for name in one))
    rows = [Difference(*name, tuple(one.get(name, _ABSENT) for one in told)) for name in names]
    different = [row for row in rows if len(set(row.values)) > 1]
    files, notes = _file_changes(workspace_folder, runs)
    if any(len(store.metric_names(run.id)) > _METRICS_AT_MOST for run in runs):
        notes.append(f"Of each run the first {_METRICS_AT_MOST} metrics are compared.")
    order = {section: place for place, section in enumerate(dict.fromkeys(row.section for row in rows))}
    different.sort(key=lambda row: order[row.section])
    return Comparison(runs, tuple(different), tuple(files), len(rows) - len(different), tuple(notes))


def _asked(run: RunRecord) -> dict[tuple[str, str], str]:
    asked = run.definition
    environment = dict(asked.get("environment") or {})
    variables = {**(environment.pop("environment_variables", None) or {}), **(asked.get("environment_variables") or {})}
    name, version = environment.pop("name", ""), environment.pop("version", None)
    told: dict[tuple[str, str], str] = {
        ("run", "experiment"): run.experiment,
        ("run", "state"): run.status,
        ("run", "reason"): _cut(run.reason),
        ("run", "took"): f"{run.ended - run.started:.1f} s" if run.ended and run.started else _ABSENT,
        ("run", "target"): run.target,
        ("run", "engine"): run.engine,
        ("run", "nodes"): str(run.nodes),
        ("run", "script"): asked.get("script") or " ".join(asked.get("command") or ()),
        ("environment", "name"): f"{name}:{version}" if version else str(name),
        ("environment", "image"): str(run.image.get("digest") or run.image.get("name") or _ABSENT),
    }
    told.update(_arguments(asked.get("arguments") or ()))
    told.update(_flat("environment", environment))
    told.update(_pairs("variables", {key: _hidden(key, value) for key, value in variables.items()}))
    told.update(_flat("resources", asked.get("resources") or {}))
    told.update(_flat("data", {item["name"]: item for item in asked.get("data") or () if item.get("name")}))
    return {key: value for key, value in told.items() if value not in ("", _ABSENT)}


def _arguments(words: Iterable[str]) -> dict[tuple[str, str], str]:
    """``--lr 0.1`` as ``lr`` → ``0.1``; words without a flag are numbered."""
    told: dict[tuple[str, str], str] = {}
    flag, place = "", 0
    for word in map(str, words):
        if re.match(r"--?[A-Za-z]", word):
            flag, equals, value = word.partition("=")
            told["arguments", flag] = _hidden(flag, value) if equals else "given"
            flag = "" if equals else flag
        elif flag:
            before = told["arguments", flag]
            told["arguments", flag] = _hidden(flag, word if before == "given" else f"{before} {word}")
        else:
            place += 1
            told["arguments", f"word {place}"] = _cut(word)
    return told


def _flat(section: str, value: Mapping[str, Any], prefix: str = "") -> dict[tuple[str, str], str]:
    """Nested settings as dotted names; lists of packages as one entry for each, so that one more shows as one more."""
    told: dict[tuple[str, str], str] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            told.update(_flat(section, item, f"{name}."))
        elif isinstance(item, (list, tuple)) and name.endswith("dependencies"):
            for package in item:
                packages = [package] if isinstance(package, str) else package.get("pip") or ()
                told.update(_package(str(text)) for text in packages)
        elif item not in (None, "", [], ()):
            told[section, name] = _hidden(name, item if isinstance(item, str) else repr(item))
    return told


def _package(text: str) -> tuple[tuple[str, str], str]:
    found = re.match(r"\s*([A-Za-z0-9][\w.\-]*(?:\[[^\]]*\])?)\s*(.*)", text)
    return (("packages", found[1]), found[2] or "any") if found else (("packages", _cut(text)), "given")


def _pairs(section: str, pairs: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {(section, str(key)): _cut(str(value)) for key, value in pairs.items() if value is not None}


def _metrics(store: Store, run_id: str) -> dict[tuple[str, str], str]:
    told: dict[tuple[str, str], str] = {}
    for name, count in list(store.metric_names(run_id).items())[:_METRICS_AT_MOST]:
        numbers = [
            float(point.value)
            for point in store.sample_metric(run_id, name, 200)
            if isinstance(point.value, (int, float)) and point.value == point.value
        ]
        if numbers:
            told["metrics", name] = f"{numbers[-1]:.6g}" + (
                f" (lowest {min(numbers):.6g}, highest {max(numbers):.6g}, {count:,} points)" if count > 1 else ""
            )
    return told


def _hidden(name: str, value: str) -> str:
    if is_secret_name(name):
        import hashlib

        # That two differ may be seen, what they are may not.
        return f"•••• ({hashlib.sha256(value.encode()).hexdigest()[:6]})"
    return _cut(value)


def _cut(text: str) -> str:
    return text if len(text) <= _CELL_CHARACTERS else f"{text[: _CELL_CHARACTERS - 2]} …"


# --- files ------------------------------------------------------------------------------------------------------------


def _file_changes(workspace_folder: Path, runs: Sequence[RunRecord]) -> tuple[list[FileChange], list[str]]:
    objects = workspace_folder / "objects"
    taken: list[dict[str, Entry] | None] = []
    notes = []
    for run in runs:
        try:
            snapshot = read_manifest(str(run.definition["snapshot_id"]), objects)
            taken.append({entry.path: entry for entry in snapshot.entries})
        except KeyError:
            taken.append({})  # a run that is only logged to took no files along
        except (SnapshotException, StoreException) as error:
            taken.append(None)
            notes.append(f"{run.id}: {error.message}")
    store = ObjectStore(objects)
    changes: list[FileChange] = []
    first = taken[0]
    for run, files in zip(runs[1:], taken[1:], strict=True):
        if first is not None and files is not None and first is not files:
            changes += _changes(store, run.id, first, files)
    return changes, notes


def _changes(
    store: ObjectStore, run_id: str, before: Mapping[str, Entry], after: Mapping[str, Entry]
) -> list[FileChange]:
    changes = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            changes.append(FileChange(run_id, path, "added" if old is None else "removed"))
        elif (old.kind, old.sha256, old.target, old.executable) != (new.kind, new.sha256, new.target, new.executable):
            changes.append(FileChange(run_id, path, "changed", _diff(store, old, new)))
    return changes


def _diff(store: ObjectStore, old: Entry, new: Entry) -> str:
    if {old.kind, new.kind} != {FILE}:
        return f"{old.target or old.kind} → {new.target or new.kind}"
    before, after = _lines(store, old), _lines(store, new)
    if before is None or after is None:
        return f"{human_size(old.size_bytes)} → {human_size(new.size_bytes)}"
    lines = list(difflib.unified_diff(before, after, old.path, new.path, lineterm="", n=2))
    if len(lines) > _DIFF_LINES:
        lines = [*lines[:_DIFF_LINES], f"… {len(lines) - _DIFF_LINES:,} lines more"]
    return "\n".join(lines)


def _lines(store: ObjectStore, entry: Entry) -> list[str] | None:
    """A text file's lines; None when it is none, is large, or is gone."""
    if entry.size_bytes > _DIFF_BYTES:
        return None
    try:
        text = Path(store.path(entry.sha256)).read_bytes()
    except OSError:
        return None
    return None if b"\0" in text else text.decode("utf-8", "replace").splitlines()
