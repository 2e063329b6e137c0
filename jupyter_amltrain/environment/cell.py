"""The text of a ``%%aml_env`` cell → what it is and what it says. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import UserErrorException
from .conda import DEFAULT_PIP_PACKAGE, CondaDependencies, parse_conda
from .instructions import KEYWORDS, check_dockerfile
from .requirements import normal_name, requirement_lines, without_comment
from .spec import Environment

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
    """

    format: str
    dockerfile: str = ""
    conda: Mapping[str, Any] = field(default_factory=dict)
    pip: tuple[str, ...] = ()

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
    is_empty = not any(without_comment(line) for line in text.splitlines())
    if is_empty and not pinned:
        raise UserErrorException(
            "The cell is empty; write a Dockerfile (its first line begins with FROM), pip requirements (one a line),"
            " or a conda specification (with 'dependencies:')."
        )
    chosen = format or ("pip" if is_empty else _told_format(text))
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
    given = _checked_requirements(text)
    named = {normal_name(line) for line in given}
    return CellEnvironment("pip", pip=(*given, *(line for line in pinned or () if normal_name(line) not in named)))


def _told_format(text: str) -> str:
    number, first = next(
        (number, line) for number, line in enumerate(text.splitlines(), 1) if without_comment(line) and line.strip()
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


def _checked_requirements(text: str) -> tuple[str, ...]:
    lines = requirement_lines(text)
    for number, line in lines:
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
        if not clean.startswith("-") and not re.match(r"(https?|git\+\w+|file)://|git\+", clean):
            _check_requirement(number, clean)
    return tuple(clean for _, line in lines if (clean := without_comment(line)))


def _check_requirement(number: int, line: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    bare = re.split(r"\s+--(?:hash|config-settings|global-option)\b", line, maxsplit=1)[0]
    try:
        Requirement(bare)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise UserErrorException(
            f"Line {number}: '{line}' is no pip requirement ({reason}). If the cell is something else, say so with"
            " --format dockerfile or --format conda."
        ) from error
