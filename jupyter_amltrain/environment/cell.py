"""The text of a ``%%aml_env`` cell → what it is and what it says. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import UserErrorException
from .builder.instructions import KEYWORDS, check_dockerfile
from .conda.dependencies import DEFAULT_PIP_PACKAGE, CondaDependencies, normal_name
from .conda.specification import parse_conda
from .packages.requirements import is_address, parsed_requirement, requirement_lines, without_comment
from .packages.wheels import with_address
from .spec import Environment
from .text_files import plain_text

FORMATS = ("dockerfile", "conda", "pip")
_SAID = {"dockerfile": "a Dockerfile", "conda": "a conda specification", "pip": "pip requirements"}

_CONDA_KEY = re.compile(r"(name|channels|dependencies|prefix|variables)\s*:")
_YAML_KEY = re.compile(r"([A-Za-z_][\w-]*)\s*:(\s|$)")


@dataclass(frozen=True)
class CellEnvironment:
    """What a cell says.

    Attributes:
        format: ``dockerfile``, ``conda`` or ``pip``.
        dockerfile: the text, for ``dockerfile``.
        conda: the document, for ``conda``.
        pip: the requirement lines, for ``pip``.
        notes: sentences for the person about what is odd in it.
    """

    format: str
    dockerfile: str = ""
    conda: Mapping[str, Any] = field(default_factory=dict)
    pip: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """What it was taken for, for a person."""
        return _SAID[self.format]

    def environment(self, name: str) -> Environment:
        """The environment it describes; a Dockerfile's own Python is used as it is."""
        made = Environment(name)
        if self.format == "dockerfile":
            made.docker.base_dockerfile = self.dockerfile
            made.python.user_managed_dependencies = True
        elif self.format == "conda":
            made.python.conda_dependencies = CondaDependencies(_underlying_structure=dict(self.conda))
        else:
            dependencies = CondaDependencies()
            dependencies.remove_pip_package(DEFAULT_PIP_PACKAGE)
            dependencies.set_pip_requirements(list(self.pip))
            made.python.conda_dependencies = dependencies
        made.docker.enabled = True
        return made


def parse_cell(text: str, format: str | None = None, pinned: Sequence[str] | None = None) -> CellEnvironment:
    """What a cell's text is (Dockerfile, conda YAML or pip requirements, told by its content) and what it says.

    Args:
        format: one of :data:`FORMATS`, to take it for that without looking.
        pinned: requirement lines to add where the cell does not name the package itself; then the cell has pip
            requirements, or none.

    Raises:
        UserErrorException: it is empty, none of these, or wrong as what it is; the line is named.
    """
    if format is not None and format not in FORMATS:
        raise UserErrorException(f"There is no format '{format}'; there are {', '.join(FORMATS)}.")
    text = plain_text(text)
    is_empty = not any(without_comment(line).strip("\\") for line in text.splitlines())
    if is_empty and not pinned:
        raise UserErrorException(
            "The cell is empty; write a Dockerfile (its first line begins with FROM), pip requirements (one a line),"
            " or a conda specification (with 'dependencies:')."
        )
    chosen = format or ("pip" if is_empty else told_format(text))
    if pinned and chosen != "pip":
        raise UserErrorException(
            f"--from-kernel adds to pip requirements, and the cell was taken for {_SAID[chosen]}. Leave one of them"
            " out."
        )
    if chosen == "dockerfile":
        check_dockerfile(text)
        return CellEnvironment("dockerfile", dockerfile=text if text.endswith("\n") else f"{text}\n")
    if chosen == "conda":
        return CellEnvironment("conda", conda=parse_conda(text))
    given, notes = checked_requirements(text)
    named = {normal_name(line) for line in given}
    pins = [line for line in pinned or () if normal_name(line) not in named]
    return CellEnvironment("pip", pip=(*given, *pins), notes=notes)


def told_format(text: str) -> str:
    """The format of a text that is not empty, told by its first line.

    Raises:
        UserErrorException: it looks like none.
    """
    number, first = next(
        (number, line) for number, line in enumerate(text.splitlines(), 1) if without_comment(line).strip("\\")
    )
    word = first.split()[0].upper()
    if word in ("FROM", "ARG"):
        return "dockerfile"
    if first.strip() == "---" or _CONDA_KEY.match(first):
        return "conda"
    if word in KEYWORDS and re.match(r"\s*[A-Z]+\s+\S", first):
        check_dockerfile(text)  # says that FROM is missing, and where
    if _YAML_KEY.match(first):
        key = first.partition(":")[0]
        raise UserErrorException(
            f"Line {number}: '{key}:' is no key of a conda specification (name, channels, dependencies, variables),"
            " and the cell is neither a Dockerfile nor pip requirements."
        )
    return "pip"


def checked_requirements(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines of pip requirements without comments, and notes about what is odd in them.

    Raises:
        UserErrorException: a line is none; it is named.
    """
    kept: list[tuple[int, str]] = []
    for number, line in requirement_lines(text):
        clean = without_comment(line)
        if not clean:
            continue
        if clean.split()[0].upper() == "FROM" or _CONDA_KEY.match(clean):
            raise UserErrorException(
                f"Line {number}, '{clean}', does not fit the lines above it, which read as pip requirements."
                " Say what the cell is with --format dockerfile, conda or pip."
            )
        if re.match(r"(-r|--requirement|-c|--constraint|-e|--editable)\b", clean):
            raise UserErrorException(
                f"Line {number}: '{clean}' names a file, which the image does not have. Write the requirements"
                " themselves, or use Environment.from_pip_requirements with a file."
            )
        try:
            clean = clean if clean.startswith("-") else with_address(clean)
        except UserErrorException as error:
            raise UserErrorException(f"Line {number}: {error.message}", inner_exception=error) from error
        if not clean.startswith("-") and not is_address(clean):
            _check_requirement(number, clean)
        kept.append((number, clean))
    return tuple(line for _, line in kept), _repeated(kept)


def _check_requirement(number: int, line: str) -> None:
    try:
        parsed_requirement(line)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise UserErrorException(
            f"Line {number}: '{line:.200}' is no pip requirement ({reason:.200}). If the cell is something else, say so"
            " with --format dockerfile or --format conda."
        ) from error


def _repeated(lines: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """Notes about packages that are asked for twice.

    Raises:
        UserErrorException: no version can be both.
    """
    notes: list[str] = []
    first: dict[str, tuple[int, str]] = {}
    for number, line in lines:
        if line.startswith("-") or is_address(line):
            continue
        wanted = parsed_requirement(line)
        key = f"{normal_name(line)};{wanted.marker or ''}"
        before = first.setdefault(key, (number, line))
        if before[0] == number:
            continue
        pins = [_pin(other) for other in (before[1], line)]
        if all(pins) and pins[0] != pins[1]:
            raise UserErrorException(
                f"Lines {before[0]} and {number} ask for two versions of {wanted.name}: '{before[1]:.100}' and"
                f" '{line:.100}'. Leave one of them out."
            )
        notes.append(f"Lines {before[0]} and {number} both ask for {wanted.name}: both hold.")
    return tuple(notes)


def _pin(line: str) -> object:
    """The version that a requirement line asks for exactly, None when it leaves a choice."""
    from packaging.version import InvalidVersion, Version

    (only, *more) = [*parsed_requirement(line).specifier] or [None]
    if more or only is None or only.operator != "==" or only.version.endswith("*"):
        return None
    try:
        return Version(only.version)
    except InvalidVersion:
        return only.version
