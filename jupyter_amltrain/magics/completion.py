"""Tab completion after the magics: options, and the names of environments, targets, experiments, runs and scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AzureMLException
from ..runs import status as states
from ..runs.find import LAST
from ..submission.script import scripts_below

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .session import Session

_MAGIC = re.compile(r"(?:.*[\s=])?(%%?)(aml_\w+)\s+(.*)")
_SPACE = re.compile(r"\s+")
_RUNS = 50


def complete_names(ipython: InteractiveShell, session: Session) -> None:
    """Have the shell ask us after ``%aml_…`` and ``%%aml_…``."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher()
    def aml_magics(context: Any) -> dict[str, Any]:
        line: str = context.line_with_cursor[: context.cursor_position]
        word = _SPACE.split(line)[-1]
        try:
            words = [name for name in candidates(line, ipython, session) if name.startswith(word)]
        except AzureMLException:
            words = []  # a workspace that cannot be read is said by the magic, not by the Tab key
        completions = [SimpleCompletion(text=text, type="magic argument") for text in words]
        # A magic's line is no Python: nothing that Jedi or the other matchers find belongs here.
        return {"completions": completions, "matched_fragment": word, "suppress": True, "ordered": True}

    ipython.Completer.custom_matchers.append(aml_magics)


def candidates(line: str, shell: InteractiveShell, session: Session) -> list[str]:
    """What the last word of ``line`` may become; whether it begins so is for the caller to look at."""
    found = _MAGIC.match(line)
    magic = shell.find_magic(found[2], "cell" if found[1] == "%%" else "line") if found else None
    parser = getattr(magic, "parser", None)
    if found is None or parser is None:
        return []
    *words, word = _SPACE.split(found[3])
    if "--" in words:
        return []
    before = words[-1] if words else ""
    options = parser._option_string_actions
    if before in options and options[before].nargs != 0:
        return list(options[before].choices or _names_for(before, session))
    if word.startswith("-"):
        return [option for option in options if option.startswith("--")]
    return [*_arguments_for(found[1] + found[2], words, session)]


def _names_for(option: str, session: Session) -> Iterable[str]:
    store = session.find_workspace()[0].store
    known: dict[str, Callable[[], Iterable[str]]] = {
        "--env": store.list_environments,
        "--diff": store.list_environments,
        "--log": store.list_environments,
        "--target": lambda: {"local", *store.list_targets()},
        "--experiment": store.experiments,
        "--status": lambda: states.ALL,
        "--over": lambda: _runs(session),
        "--source": lambda: _folders(Path()),
        "--context": lambda: _folders(Path()),
    }
    return sorted(known[option]()) if option in known else ()


def _arguments_for(magic: str, words: list[str], session: Session) -> Iterable[str]:
    if magic == "%aml_submit":
        source = words[words.index("--source") + 1] if "--source" in words[:-1] else "."
        return scripts_below(Path(source).expanduser())
    if magic in ("%aml_logs", "%aml_cancel", "%aml_metrics", "%aml_compare", "%aml_run"):
        return _runs(session, (*states.ACTIVE, *states.WAITING) if magic == "%aml_cancel" else None)
    if magic == "%%aml_env":
        return session.find_workspace()[0].store.list_environments()
    if magic == "%aml_workspace":
        from ..workspace import Workspace

        return Workspace.list()
    return ()


def _runs(session: Session, status: Sequence[str] | None = None) -> list[str]:
    return [LAST, *(run.id for run in session.find_workspace()[0].store.runs(status=status, limit=_RUNS))]


def _folders(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
