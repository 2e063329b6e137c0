"""What a notebook has imported → pip requirements with the versions that its kernel has."""

from __future__ import annotations

import ast
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import PurePosixPath

OWN_MODULES = frozenset({"jupyter_amltrain", "azureml"})
"""Modules that jobs get from us."""

_OWN_MAGICS = ("aml_env", "aml_submit")
"""Magics whose cells the kernel does not run: they are a script of a job, or the text of an environment."""

_SITE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class KernelPackages:
    """Packages of the kernel, pinned.

    Attributes:
        pip: requirement lines, sorted.
        notes: sentences for the person: what was left out, and why.
    """

    pip: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def imported_names(cells: Iterable[str]) -> set[str]:
    """Dotted names that cells import, as IPython keeps them; those below magics such as ``%%time`` included.

    ``from a import b`` gives ``a.b``, which may be a module. What does not parse is left out, since it never ran.
    """
    names: set[str] = set()
    for cell in cells:
        for node in _nodes(cell):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif body := _magic_body(node):
                names |= imported_names([body])
    return names


def pinned(
    names: Iterable[str],
    providers: Mapping[str, Sequence[str]] | None = None,
    find: Callable[[str], Distribution] = distribution,
) -> KernelPackages:
    """The packages that provide these names in this process, with their versions.

    Args:
        providers: packages by the top-level names that they install; this process's own by default.
        find: gives an installed package by its name.
    """
    providers = packages_distributions() if providers is None else providers
    wanted: set[str] = set()
    unknown: set[str] = set()
    for name in names:
        top = name.partition(".")[0]
        if top in OWN_MODULES or top in sys.stdlib_module_names or top == "__main__":
            continue
        found = _providers_of(name, sorted(set(providers.get(top, ()))), find)
        wanted.update(found)
        if not found:
            unknown.add(top)
    lines, notes = [], []
    for package in sorted(wanted, key=str.lower):
        line, note = _pin(find(package))
        lines += [line] if line else []
        notes += [note] if note else []
    if unknown:
        modules = f"{', '.join(sorted(unknown))} {'belongs' if len(unknown) == 1 else 'belong'} to no installed package"
        notes.append(f"Left out: {modules}; modules beside the script go along with it.")
    return KernelPackages(tuple(dict.fromkeys(lines)), tuple(notes))


def _nodes(cell: str) -> list[ast.AST]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a cell's odd escapes, which were said when it ran
            return list(ast.walk(ast.parse(cell)))
    except (SyntaxError, ValueError):
        return []


def _magic_body(node: ast.AST) -> str:
    """The text that a magic gets, as in ``%time import x``: IPython keeps it as the last argument of a call."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return ""
    magic, body = node.args[0], node.args[-1]
    if isinstance(magic, ast.Constant) and magic.value in _OWN_MAGICS:
        return ""
    is_magic = node.func.attr in ("run_cell_magic", "run_line_magic")
    if not is_magic or not isinstance(body, ast.Constant) or not isinstance(body.value, str):
        return ""
    # Line magics and shell lines in it would keep the rest from being read.
    return "\n".join(line for line in body.value.splitlines() if not line.startswith(("%", "!")))


def _providers_of(name: str, packages: list[str], find: Callable[[str], Distribution]) -> list[str]:
    """Those of the packages that have the module, for a top-level name that many share (``google``)."""
    if len(packages) < 2:
        return packages
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        folder = PurePosixPath(*parts[:length])
        having = [package for package in packages if _has(find(package), folder)]
        if having:
            return having
    return packages


def _has(package: Distribution, folder: PurePosixPath) -> bool:
    return any(
        folder in file.parents or (file.parent == folder.parent and file.name.partition(".")[0] == folder.name)
        for file in package.files or ()
    )


def _pin(package: Distribution) -> tuple[str, str]:
    """The requirement line of an installed package, "" when only this machine has it, and a note."""
    name, version = package.metadata["Name"], package.version
    source = json.loads(package.read_text("direct_url.json") or "{}")
    url = str(source.get("url", ""))
    by_conda = (package.read_text("INSTALLER") or "").strip() == "conda"
    if source.get("dir_info", {}).get("editable") or (source.get("dir_info") is not None and not by_conda):
        return "", f"Left out: {name} {version} is installed from a folder of this machine ({url})."
    if url.startswith("file:") and not by_conda:
        return "", f"Left out: {name} {version} is installed from a file of this machine ({url})."
    if not source and PurePosixPath(str(package.locate_file(""))).name not in _SITE_FOLDERS:
        return "", f"Left out: {name} {version} is used from {package.locate_file('')}, a folder of this machine."
    if url and not by_conda:
        vcs = source.get("vcs_info")
        return f"{name} @ {vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else f"{name} @ {url}", ""
    public, plus, local = version.partition("+")
    note = f"{name} {version} is pinned as {public}: package indexes seldom have builds such as '{local}'."
    return f"{name}=={public}", note if plus else ""
