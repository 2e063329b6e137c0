"""Which packages an environment asks for, told from its specification. Pure, except for reading requirement files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UserErrorException
from ..conda.dependencies import (
    DEFAULT_NAME,
    PYTHON_DEFAULT_VERSION,
    CondaDependencies,
    normal_name,
    package_name,
)
from ..conda.pypi import VARIABLE, is_asked_for, on_pypi
from ..secrets import mask_url_credentials
from ..text_files import read_text
from .own import without_sdk

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_NOBODYS_PYTHON = f"python={PYTHON_DEFAULT_VERSION}"
_FROM_GIT = re.compile(r"(?:^|@\s*)git\+")
_NEED_OPENMP = ("lightgbm",)
"""Packages whose wheels have no OpenMP library in them, unlike others that use it."""

_NESTED = re.compile(r"(?:-r|--requirement)[ =]\s*(\S+)")


@dataclass(frozen=True)
class Packages:
    """What has to be installed for an environment.

    Attributes:
        pip: requirement lines, without comments, options and blank lines.
        options: option lines for the installer, such as ``--extra-index-url URL``.
        conda: conda packages other than python and pip.
        conda_tools: python and pip as the specification asks conda for them; they count beside conda packages only.
        channels: conda channels, for when there are conda packages.
        python: version of Python that was asked for, None when any will do.
        notes: sentences for the person about what was left out.
        way: sentence for the build log about why a conda specification is installed without conda, "" when it is not.
    """

    pip: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    conda_tools: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    python: str | None = None
    notes: tuple[str, ...] = ()
    way: str = ""

    def __bool__(self) -> bool:
        return bool(self.pip or self.conda)


def wanted_packages(spec: Mapping[str, Any]) -> Packages:
    """The packages that a specification (``Environment._to_spec()``) asks for; none when user managed."""
    if spec.get("user_managed"):
        return Packages()
    conda = CondaDependencies(_underlying_structure=spec.get("conda") or {"dependencies": []})
    lines = [clean for line in conda.pip_packages if (clean := without_comment(line))]
    notes: list[str] = []
    python = conda.get_python_version()
    items = [item for item in conda.conda_packages if not _is_tool(item)]
    if items and is_asked_for():
        instead, no_python = on_pypi(items)
        named = {normal_name(line) for line in lines}
        lines += [line for line in instead if normal_name(line) not in named]
        notes.append(f"From PyPI, not from conda channels ({VARIABLE}=pypi): {', '.join(instead) or 'nothing'}.")
        if no_python:
            notes.append(f"Not installed, being no Python packages: {', '.join(no_python)}.")
        items = []
    # After conda's packages have joined: what they bring is not asked for a second time.
    lines, without = without_sdk(lines)
    notes += [without] if without else []
    return Packages(
        pip=tuple(lines),
        options=tuple(clean for line in conda.pip_options if (clean := without_comment(line))),
        conda=tuple(items),
        conda_tools=tuple(item for item in conda.conda_packages if _is_tool(item) and item != _NOBODYS_PYTHON),
        channels=tuple(conda.conda_channels),
        # The SDK's own default is what nobody asked for, and what no current package supports.
        python=None if python == PYTHON_DEFAULT_VERSION else python,
        notes=tuple(notes),
        way=_way(conda) if isinstance(spec.get("conda"), Mapping) else "",
    )


def _way(conda: CondaDependencies) -> str:
    """Said of a specification that a person wrote; the SDK's own default has channels, too, which nobody asked for."""
    items = list(conda.conda_packages)
    if conda.as_dict().get("name") == DEFAULT_NAME or not all(_is_tool(item) for item in items):
        return ""
    shown = ["python" if item == _NOBODYS_PYTHON else item for item in items]
    asked = f", only {' and '.join(shown)}" if shown else ""
    channels = list(conda.conda_channels)
    named = f" Not used: the channel{'' if len(channels) == 1 else 's'} {', '.join(channels)}." if channels else ""
    masked: str = mask_url_credentials(f"No conda packages are asked for{asked}: pip's packages are installed.{named}")
    return masked


def _is_tool(item: str) -> bool:
    return package_name(item.rpartition("::")[2]) in ("python", "pip")


def default_base(packages: Packages = Packages()) -> str:
    """The base image when none is given: ``AMLTRAIN_BASE_IMAGE``, else the Python asked for, else this kernel's.

    It is the slim one, unless a package needs what that lacks: git, or the OpenMP library.
    """
    asked = None if packages.conda else packages.python
    python = ".".join(asked.split(".")[:2]) if asked else f"{sys.version_info[0]}.{sys.version_info[1]}"
    full = any(_FROM_GIT.search(line) or normal_name(line) in _NEED_OPENMP for line in packages.pip)
    return os.environ.get("AMLTRAIN_BASE_IMAGE") or f"python:{python}{'' if full else '-slim'}"


def install_mode(spec: Mapping[str, Any]) -> str:
    """Where a specification's packages go: ``isolated`` or ``layered``; "" when it has none."""
    return str(spec.get("mode") or "isolated") if wanted_packages(spec) else ""


def without_comment(line: str) -> str:
    """A requirement line without its comment and surrounding blanks."""
    return re.sub(r"(^|\s)#.*$", "", line).strip()


def is_address(line: str) -> bool:
    """Whether a requirement line is a mere address, whose package only the installer can tell."""
    return re.match(r"(https?|git\+\w+|file)://|git\+", line) is not None


def parsed_requirement(line: str) -> Requirement:
    """A requirement line, without the options that pip takes behind it.

    Raises:
        ValueError: it is none; the message says why.
    """
    from packaging.requirements import Requirement

    return Requirement(re.split(r"\s+--(?:hash|config-settings?|global-option)\b", line, maxsplit=1)[0])


def requirement_lines(text: str) -> list[tuple[int, str]]:
    """The lines of a requirements file with their numbers, continuation lines joined; comments and blank lines stay."""
    lines: list[tuple[int, str]] = []
    open_line: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        start, before = open_line or (number, "")
        joined = f"{before}{line.lstrip() if before else line}"
        if joined.endswith("\\"):
            open_line = (start, f"{joined[:-1].rstrip()} ")
        else:
            lines.append((start, joined))
            open_line = None
    return [*lines, open_line] if open_line else lines


def read_requirements_file(path: Path, _above: tuple[Path, ...] = ()) -> list[str]:
    """The lines of a requirements file, with those of the files it names by ``-r`` in their place.

    Raises:
        UserErrorException: a file cannot be read, or files name each other in a circle.
    """
    path = path.expanduser().absolute()
    if path in _above:
        raise UserErrorException(f"The requirements files name each other in a circle: {path}.")
    from .wheels import with_address

    text = read_text(path, "The requirements file")
    lines: list[str] = []
    for _, line in requirement_lines(text):
        nested = _NESTED.fullmatch(without_comment(line))
        if nested:
            lines += read_requirements_file(path.parent / nested[1], (*_above, path))
        else:
            lines.append(with_address(line, path.parent) if without_comment(line).endswith(".whl") else line)
    return lines


def normalised(packages: Packages) -> tuple[str, ...]:
    """The packages as sorted text, the same for lists that mean the same: order, case and blanks do not count.

    The order of options is kept: the first index that has a package may win.
    """
    pip = sorted({_normal_requirement(line) for line in packages.pip})
    return (
        *(f"pip {line}" for line in pip),
        *(f"option {' '.join(line.split())}" for line in packages.options),
        *(f"conda {item}" for item in sorted({_normal_conda(item) for item in _all_conda(packages)})),
        *(f"channel {channel}" for channel in (packages.channels if packages.conda else ())),
        f"python {packages.python or '*'}",
    )


def _all_conda(packages: Packages) -> tuple[str, ...]:
    return (*packages.conda, *packages.conda_tools) if packages.conda else ()


def _normal_conda(item: str) -> str:
    """A conda specification with a small name and no blanks around operators; other blanks separate and stay."""
    channel, colons, spec = re.sub(r"\s*([=<>!~|,]+)\s*", r"\1", " ".join(item.split())).rpartition("::")
    name = package_name(spec)
    return f"{channel}{colons}{name.lower()}{spec[len(name) :]}"


def _normal_requirement(line: str) -> str:
    from .wheels import content_line

    line = content_line(line)
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return " ".join(line.split())
    requirement.name = normal_name(requirement.name)
    return str(requirement)
