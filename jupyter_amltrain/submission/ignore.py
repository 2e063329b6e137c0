"""What belongs to a snapshot: one walk over the source directory that obeys its ignore files.

``.gitignore`` files mean what they mean to git, below the source directory and above it up to the root of the
repository; ``.amlignore`` replaces them (azureml-v1.md section 12). Patterns are translated here and not by
``pathspec``: that library answers differently from git when patterns re-include folders (``*``, ``!*/``), and
takes 80 ms to import and 50 ms for the walk that takes 20 ms here. ``tests/submission/test_ignore.py`` compares
the outcome with git's own on generated trees.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import SnapshotException
from ..home import home_path
from .git import repository_root
from .wildmatch import translate

AMLIGNORE = ".amlignore"
GITIGNORE = ".gitignore"

ALWAYS_LEFT_OUT = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        ".ipynb_checkpoints",
        ".azureml",
        "node_modules",
        ".mypy_cache",
        ".pytest_cache",
        ".tox",
        ".DS_Store",
    }
)
"""Names nobody means to send along; a ``!pattern`` in an ``.amlignore`` brings them back."""

VIRTUAL_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
"""A folder that holds one of these is a virtual environment, and left out like :data:`ALWAYS_LEFT_OUT`."""


class Rule(NamedTuple):
    """One line of an ignore file."""

    regex: str
    by_name: bool
    excludes: bool
    overrides_defaults: bool
    where: str


class _Combined:
    """Many rules as one regular expression that finds the last matching rule in one go."""

    def __init__(self, rules: list[tuple[int, Rule]]) -> None:
        # Alternatives are tried in order, so the last line of the file comes first. The group that tells which
        # one matched is empty and at the end: that keeps re's quick look at an alternative's first letter.
        self.rules = rules[::-1]
        self.match = re.compile("|".join(f"{rule.regex}()" for _, rule in self.rules), re.DOTALL).fullmatch

    def last(self, subject: str) -> tuple[int, Rule] | None:
        found = self.match(subject)
        return self.rules[found.lastindex - 1] if found and found.lastindex else None


class Level:
    """The rules of one ignore file.

    Args:
        rules: rules in the order of the file.
        strip: how many letters of a path relative to the source directory lead to the folder of this file.
        prepend: what leads from the folder of this file, when it lies above, to the source directory.
    """

    def __init__(self, rules: list[Rule], strip: int = 0, prepend: str = "") -> None:
        self._strip = strip
        self._prepend = prepend
        numbered = list(enumerate(rules))
        by_name = [item for item in numbered if item[1].by_name]
        by_path = [item for item in numbered if not item[1].by_name]
        self._by_name = _Combined(by_name) if by_name else None
        self._by_path = _Combined(by_path) if by_path else None

    def last_match(self, path: str, name: str) -> Rule | None:
        """The last rule that matches; ``path`` and ``name`` of a folder end in a slash."""
        named = self._by_name.last(name) if self._by_name else None
        if self._by_path is None:
            return named[1] if named else None
        pathed = self._by_path.last(self._prepend + path[self._strip :])
        if named is None or (pathed is not None and pathed[0] > named[0]):
            return pathed[1] if pathed else None
        return named[1]


Levels = tuple[Level, ...]


@dataclass
class Tree:
    """What a walk found; paths are relative to the source directory and use slashes."""

    files: list[tuple[str, os.stat_result]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    empty_folders: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Path to the reason why it is left out, folders once and with a slash at the end."""


def walk(source_directory: Path) -> Tree:
    """Find everything below a folder that its ignore rules let through.

    Symbolic links are found, never followed.

    Raises:
        SnapshotException: a folder or an ignore file cannot be read.
    """
    source = str(source_directory)
    only_amlignore = os.path.lexists(os.path.join(source, AMLIGNORE))
    tree = Tree()
    ours = _home_below(source)
    pending = [("", () if only_amlignore else _levels_above(source_directory), False)]
    while pending:
        folder, levels, kept_on_purpose = pending.pop()
        if folder == ours:
            tree.left_out[folder] = "where jupyter_amltrain keeps its runs"
            continue
        entries = _scan(source, folder)
        names = {entry.name for entry in entries}
        if folder and not kept_on_purpose and not names.isdisjoint(VIRTUAL_ENVIRONMENT_MARKS):
            tree.left_out[folder] = "virtual environment"
            continue
        levels += _levels_in(source, folder, names, only_amlignore)
        for entry in entries:
            _sort_in(entry, folder, levels, tree, pending)
        if folder and not entries:
            tree.empty_folders.append(folder[:-1])
    return tree


def _home_below(source: str) -> str | None:
    """Path of our home folder from the source directory on, with a slash at the end; None when it is elsewhere.

    It is no script's business, grows with every run, and its databases must not even be read here: a process that
    opens and closes the file of an SQLite database loses its locks on it, and another then truncates memory in use.
    """
    home = os.path.realpath(home_path())
    below = os.path.relpath(home, os.path.realpath(source))
    return None if below == os.curdir or below.startswith(os.pardir) else f"{below}/"


def _sort_in(
    entry: os.DirEntry[str], folder: str, levels: Levels, tree: Tree, pending: list[tuple[str, Levels, bool]]
) -> None:
    name, path = entry.name, folder + entry.name
    is_folder = entry.is_dir(follow_symlinks=False)
    if is_folder:
        name, path = name + "/", path + "/"
    rule = _deciding_rule(levels, path, name)
    kept_on_purpose = rule is not None and not rule.excludes and rule.overrides_defaults
    if rule is not None and rule.excludes:
        tree.left_out[path] = rule.where
    elif entry.name in ALWAYS_LEFT_OUT and not kept_on_purpose:
        tree.left_out[path] = "always left out"
    elif is_folder:
        pending.append((path, levels, kept_on_purpose))
    else:
        _add_leaf(entry, path, tree)


def _add_leaf(entry: os.DirEntry[str], path: str, tree: Tree) -> None:
    try:
        if entry.is_symlink():
            tree.links.append((path, os.readlink(entry.path)))
            return
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # gone since the folder was listed: then it is not part of this moment
        return
    if stat.S_ISREG(status.st_mode):
        tree.files.append((path, status))
    else:
        tree.special.append(path)


def _scan(source: str, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(os.path.join(source, folder)) as entries:
            return list(entries)
    except FileNotFoundError:
        if folder:
            return []
        raise _unreadable(source, "the folder is gone") from None
    except OSError as error:
        raise _unreadable(os.path.join(source, folder), error.strerror or str(error)) from error


def ignore_file(source_directory: str) -> str:
    """The ignore file to name in advice: adding an ``.amlignore`` would switch off the ``.gitignore`` files in use."""
    if os.path.lexists(os.path.join(source_directory, AMLIGNORE)):
        return AMLIGNORE
    return GITIGNORE if repository_root(Path(source_directory)) else AMLIGNORE


def _unreadable(path: str, reason: str) -> SnapshotException:
    return SnapshotException(
        f"cannot read '{path}' for the snapshot: {reason}. Make it readable, or leave it out with a line in "
        f"{AMLIGNORE} or {GITIGNORE}."
    )


def _deciding_rule(levels: Levels, path: str, name: str) -> Rule | None:
    """The rule that decides about a path: the last match in the deepest file that has one."""
    for level in reversed(levels):
        rule = level.last_match(path, name)
        if rule is not None:
            return rule
    return None


def _levels_in(source: str, folder: str, names: set[str], only_amlignore: bool) -> Levels:
    if AMLIGNORE in names:
        found = AMLIGNORE
    elif GITIGNORE in names and not only_amlignore:
        found = GITIGNORE
    else:
        return ()
    rules = _read_rules(os.path.join(source, folder, found), folder + found)
    return (Level(rules, strip=len(folder)),) if rules else ()


def _levels_above(source_directory: Path) -> Levels:
    """Rules of the folders from the root of the repository down to the parent of the source directory.

    A rule that would leave out the source directory itself does not count: whoever names a folder wants it.
    """
    root = repository_root(source_directory)
    if root is None:
        return ()
    above = [folder for folder in reversed(source_directory.parents) if folder.is_relative_to(root)]
    levels = []
    for folder, name in [(root, ".git/info/exclude"), *((folder, GITIGNORE) for folder in above)]:
        way = source_directory.relative_to(folder).parts
        file = os.path.join(folder, name)
        rules = _read_rules(file, file)
        for depth, step in enumerate(way, start=1):
            while rule := Level(rules).last_match("/".join(way[:depth]) + "/", step + "/"):
                if not rule.excludes:
                    break
                rules.remove(rule)
        if rules:
            levels.append(Level(rules, prepend="".join(f"{step}/" for step in way)))
    return tuple(levels)


def _read_rules(file: str, where: str) -> list[Rule]:
    try:
        with open(file, "rb") as content:
            text = content.read().removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    parsed = (_parse_line(line, where, number) for number, line in enumerate(text.split("\n"), start=1))
    return [rule for rule in parsed if rule is not None]


def _parse_line(line: str, where: str, number: int) -> Rule | None:
    line = line.removesuffix("\r")
    if line.startswith("#"):
        return None
    pattern = _without_trailing_spaces(line)
    excludes = not pattern.startswith("!")
    if not excludes:
        pattern = pattern[1:]
    only_folders = pattern.endswith("/")
    if only_folders:
        pattern = pattern[:-1]
    by_name = "/" not in pattern
    regex = translate(pattern.removeprefix("/"), by_name) if pattern else None
    if regex is None:
        return None
    return Rule(
        regex=regex + ("/" if only_folders else "/?"),
        by_name=by_name,
        excludes=excludes,
        overrides_defaults=where.endswith(AMLIGNORE),
        where=f"line {number} of {where} ({line.strip()})",
    )


def _without_trailing_spaces(line: str) -> str:
    """The line without spaces at its end, except one that a backslash protects."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept
