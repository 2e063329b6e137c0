"""Reading a Dockerfile: its instructions with their lines, its base images, what it copies from the context. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ..errors import UserErrorException

_KEYWORDS = "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER"
KEYWORDS = frozenset(_KEYWORDS.split()) | {"VOLUME", "WORKDIR"}

_DIRECTIVE = re.compile(r"\s*#\s*([A-Za-z]+)\s*=\s*(\S+)\s*$")
_HEREDOC = re.compile(r"(?<!<)<<-?\s*([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
_FLAG = re.compile(r"--\S+\s+")


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile.

    Attributes:
        keyword: upper case, such as ``RUN``.
        value: what follows the keyword, continuation lines joined with single blanks.
        line: the line where it starts, counted from 1.
        text: as it stands in the file, all its lines.
    """

    keyword: str
    value: str
    line: int
    text: str

    @property
    def flags(self) -> tuple[str, ...]:
        """The ``--name=value`` words at the start of the value."""
        found = re.match(rf"(?:{_FLAG.pattern})*", self.value)
        return tuple(found.group().split()) if found else ()

    @property
    def arguments(self) -> str:
        """The value without its flags."""
        return re.sub(rf"^(?:{_FLAG.pattern})*", "", self.value)


def parse_dockerfile(text: str) -> tuple[Instruction, ...]:
    """The instructions of a Dockerfile, in order; comments, blank lines and parser directives are left out."""
    lines = text.splitlines()
    escape = "`" if directives(text).get("escape") == "`" else "\\"
    continued = re.compile(rf"{re.escape(escape)}[ \t]*$")
    found: list[Instruction] = []
    number = 0
    while number < len(lines):
        start = number
        number += 1
        if not lines[start].strip() or lines[start].lstrip().startswith("#"):
            continue
        parts = [lines[start]]
        while continued.search(parts[-1]) and number < len(lines):
            parts[-1] = continued.sub("", parts[-1])
            while number < len(lines) and lines[number].lstrip().startswith("#"):
                number += 1
            if number < len(lines):
                parts.append(lines[number])
                number += 1
        joined = " ".join(part.strip() for part in parts)
        keyword, _, value = joined.partition(" ")
        if keyword.upper() in ("RUN", "COPY", "ADD"):
            number, body = _heredoc_end(lines, number, value)
            value = "\n".join([value, *body])
        raw = "\n".join(lines[start:number])
        found.append(Instruction(keyword.upper(), value.strip(), start + 1, raw))
    return tuple(found)


def _heredoc_end(lines: Sequence[str], number: int, value: str) -> tuple[int, list[str]]:
    """Where the here-documents opened in ``value`` end, and their lines."""
    start = number
    for opened in _HEREDOC.finditer(value):
        end = number
        while end < len(lines) and lines[end].strip() != opened[2]:
            end += 1
        if end == len(lines):  # it was a shift operator in a shell line, not a here-document
            return start, []
        number = end + 1
    return number, list(lines[start:number])


def directives(text: str) -> dict[str, str]:
    """The parser directives at the very top (``syntax``, ``escape``, ``check``), by lower-case name."""
    found = {}
    for line in text.splitlines():
        match = _DIRECTIVE.match(line)
        if not match or match[1].lower() in found:
            break
        found[match[1].lower()] = match[2]
    return found


def without_syntax_line(text: str) -> tuple[str, str]:
    """The text with its ``# syntax=`` line blanked when it names the stock frontend, and a note when it was.

    The engine's built-in frontend is the stock one; the line would only make it ask Docker Hub.
    """
    frontend = directives(text).get("syntax", "")
    if not re.match(r"(docker\.io/)?docker/dockerfile(:|$)", frontend):
        return text, ""
    blanked = re.sub(r"(?im)^\s*#\s*syntax\s*=.*$", "#", text, count=1)
    return blanked, f"The line '# syntax={frontend}' is left out: the engine's own Dockerfile frontend is used."


def check_dockerfile(text: str) -> None:
    """Refuse what no builder will take.

    Raises:
        UserErrorException: there is no FROM, or an instruction that does not exist; the line is named.
    """
    instructions = parse_dockerfile(text)
    for instruction in instructions:
        if instruction.keyword not in KEYWORDS:
            nearest = get_close_matches(instruction.keyword, KEYWORDS, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else "."
            raise UserErrorException(
                f"Dockerfile line {instruction.line}: unknown instruction {instruction.keyword!r}{hint}"
            )
    first = next((item for item in instructions if item.keyword != "ARG"), None)
    if first is None:
        raise UserErrorException("The Dockerfile has no FROM line; begin it with one, such as 'FROM python:3.11-slim'.")
    if first.keyword != "FROM":
        raise UserErrorException(
            f"Dockerfile line {first.line}: {first.keyword} stands before the first FROM; begin with a line such as"
            " 'FROM python:3.11-slim'."
        )
    for instruction in instructions:
        if instruction.keyword == "FROM" and not instruction.arguments.strip():
            raise UserErrorException(f"Dockerfile line {instruction.line}: FROM names no image.")


def base_images(text: str) -> tuple[str, ...]:
    """The images that a Dockerfile starts from or copies from, once each, in order; stages and ``scratch`` left out."""
    variables: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    images: list[str] = []
    for instruction in parse_dockerfile(text):
        if instruction.keyword == "ARG" and not images:
            name, _, value = instruction.value.partition("=")
            variables[name.strip()] = value.strip().strip("\"'")
        elif instruction.keyword == "FROM":
            words = _expanded(instruction.arguments, variables).split()
            if words and words[0].lower() not in stages:
                images.append(words[0])
            if len(words) == 3 and words[1].lower() == "as":
                stages.add(words[2].lower())
        else:
            for flag in instruction.flags:
                source = re.search(r"(?:^--|,)from=([^,\s]+)", flag)
                if source and source[1].lower() not in stages and not source[1].isdigit():
                    images.append(source[1])
    return tuple(dict.fromkeys(image for image in images if image))


def _expanded(text: str, variables: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2]) or found[3] or "", text)


def context_sources(text: str) -> tuple[tuple[int, str], ...]:
    """What a Dockerfile takes from its build context: line and path, relative, wildcards and variables included."""
    found: list[tuple[int, str]] = []
    for instruction in parse_dockerfile(text):
        flags = " ".join(instruction.flags)
        if instruction.keyword in ("COPY", "ADD") and "--from=" not in flags:
            found += [(instruction.line, source) for source in _copied(instruction)]
        elif instruction.keyword == "RUN":
            for mount in re.findall(r"--mount=(\S*type=bind\S*)", flags):
                options = dict(part.partition("=")[::2] for part in mount.split(","))
                if "from" not in options:
                    found.append((instruction.line, options.get("source") or options.get("src") or "."))
    return tuple(found)


def _copied(instruction: Instruction) -> list[str]:
    arguments = instruction.arguments.split("\n")[0].strip()
    if arguments.startswith("["):
        try:
            words = [str(word) for word in json.loads(arguments)]
        except ValueError:
            words = arguments.split()
    else:
        words = arguments.split()
    remote = re.compile(r"https?://|git@|<<")
    return [word for word in words[:-1] if not remote.match(word)]


def normalised_dockerfile(text: str) -> str:
    """The text without comments, blank lines and line breaks that mean nothing: equal for equal builds."""
    kept = [f"{item.keyword} {item.value}" for item in parse_dockerfile(text)]
    return "\n".join([f"# {name}={value}" for name, value in directives(text).items() if name != "check"] + kept)
