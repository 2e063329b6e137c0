"""Reading a Dockerfile: its instructions with their lines, its base images, what it copies from the context. Pure."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ...errors import UserErrorException

_KEYWORDS = "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER"
KEYWORDS = frozenset(_KEYWORDS.split()) | {"VOLUME", "WORKDIR"}

_DIRECTIVE = re.compile(r"\s*#\s*([A-Za-z]+)\s*=\s*(\S+)\s*$")
_HEREDOC = re.compile(r"(?<!<)<<-?\s*([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
_QUOTING = re.compile(r"\\.|[\"']")
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


def text_lines(text: str) -> list[str]:
    """The lines of a Dockerfile as builders count them: they end with a newline, and with nothing else."""
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def parse_dockerfile(text: str) -> tuple[Instruction, ...]:
    """The instructions of a Dockerfile, in order; comments, blank lines and parser directives are left out."""
    lines = text_lines(text.removeprefix("\ufeff"))
    ends = _LineNumbers(lines)
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
            # Builders pass over comments and blank lines inside a step.
            while number < len(lines) and lines[number].strip()[:1] in ("#", ""):
                number += 1
            if number < len(lines):
                parts.append(lines[number])
                number += 1
        keyword, *rest = _joined(parts).split(maxsplit=1) or [""]
        if not keyword:  # nothing but a continuation
            continue
        value = rest[0] if rest else ""
        if keyword.upper() in ("RUN", "COPY", "ADD"):
            end = _heredoc_end(ends, number, value)
            value = "\n".join([value, *lines[number:end]])
            number = end
        raw = "\n".join(lines[start:number])
        found.append(Instruction(keyword.upper(), value.strip(), start + 1, raw))
    return tuple(found)


def _joined(parts: Sequence[str]) -> str:
    """Continued lines as one, as builders join them; blanks at a seam count as one, unless it lies inside quotes."""
    if len(parts) == 1:
        return parts[0].strip()
    joined, quote = [parts[0].lstrip()], _open_quote("", parts[0])
    for part in parts[1:]:
        if not quote and (joined[-1][-1:].isspace() or part[:1].isspace()):
            joined[-1] = f"{joined[-1].rstrip()} "
            part = part.lstrip()
        joined.append(part)
        quote = _open_quote(quote, part)
    return "".join(joined).strip()


def _open_quote(quote: str, text: str) -> str:
    """The quotation mark that is open behind ``text`` when ``quote`` is open in front of it, "" for none."""
    for found in _QUOTING.finditer(text):
        mark = found.group()
        if len(mark) == 1:
            quote = "" if quote == mark else quote or mark
    return quote


class _LineNumbers:
    """Finds the next line that consists of a word, in little more than no time: there may be thousands of them."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._numbers: dict[str, list[int]] = {}

    def next(self, word: str, start: int) -> int | None:
        if not self._numbers:
            self._numbers = defaultdict(list)
            for number, line in enumerate(self._lines):
                self._numbers[line.strip()].append(number)
        numbers = self._numbers.get(word, [])
        position = bisect_left(numbers, start)
        return numbers[position] if position < len(numbers) else None


def _heredoc_end(ends: _LineNumbers, number: int, value: str) -> int:
    """The line behind the here-documents opened in ``value``, whose first one begins at ``number``."""
    start = number
    for opened in _HEREDOC.finditer(value):
        end = ends.next(opened[2], number)
        if end is None:  # it was a shift operator in a shell line, not a here-document
            return start
        number = end + 1
    return number


def directives(text: str) -> dict[str, str]:
    """The parser directives at the very top (``syntax``, ``escape``, ``check``), by lower-case name."""
    found = {}
    for line in text_lines(text.removeprefix("\ufeff")):
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


def base_images(text: str, arguments: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The images that a Dockerfile starts from or copies from, once each, in order; stages and ``scratch`` left out.

    ``arguments`` are build arguments, which win over the defaults that the Dockerfile has for them.
    """
    variables: dict[str, str] = {}
    stages: set[str] = {"scratch"}
    images: list[str] = []
    for instruction in parse_dockerfile(text):
        if instruction.keyword == "ARG" and not images:
            for word in instruction.value.split():
                name, _, value = word.partition("=")
                variables[name] = (arguments or {}).get(name, value.strip("\"'"))
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


def with_images_named(text: str, names: Mapping[str, str]) -> str:
    """A Dockerfile that starts or copies from images under other names; the lines stay where they are."""
    if not names:
        return text
    images = "|".join(map(re.escape, names))
    place = r"^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*|^[ \t]*ARG[ \t]+\w+=[\"']?|[-,=]from="
    return re.sub(rf"(?im)({place})({images})(?![\w.:/@-])", lambda found: found[1] + names[found[2]], text)


def _expanded(text: str, variables: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2]) or found[3] or "", text)


def declared_arguments(text: str) -> frozenset[str]:
    """The names of the build arguments that a Dockerfile takes."""
    found = (item.value.split() for item in parse_dockerfile(text) if item.keyword == "ARG")
    return frozenset(word.partition("=")[0] for words in found for word in words)


def without_arguments(text: str, names: frozenset[str]) -> str:
    """The text without the declarations of some build arguments; the other lines keep their numbers."""
    lines = text.splitlines()
    for instruction in parse_dockerfile(text):
        words = instruction.value.split()
        kept = [word for word in words if word.partition("=")[0] not in names]
        if instruction.keyword == "ARG" and len(kept) < len(words):
            blank = [""] * (len(instruction.text.splitlines()) - 1)
            start = instruction.line - 1
            lines[start : start + 1 + len(blank)] = [f"ARG {' '.join(kept)}" if kept else "", *blank]
    return "\n".join(lines) + "\n"


def mounts(text: str, kind: str) -> tuple[tuple[int, Mapping[str, str]], ...]:
    """The mounts of one kind (``secret``, ``ssh``, ``bind``) that RUN steps have: line and options."""
    found = []
    for instruction in parse_dockerfile(text):
        for flag in instruction.flags if instruction.keyword == "RUN" else ():
            name, _, value = flag.partition("=")
            options = {key: rest or "true" for key, _, rest in (part.partition("=") for part in value.split(","))}
            if name == "--mount" and options.get("type", "bind") == kind:
                found.append((instruction.line, options))
    return tuple(found)


def started_from(text: str) -> tuple[str, ...]:
    """The images of FROM lines, as they stand there; not those that are only copied from, nor stages."""
    found: list[str] = []
    stages = {"scratch"}
    for instruction in parse_dockerfile(text):
        words = instruction.arguments.split() if instruction.keyword == "FROM" else []
        if words and words[0].lower() not in stages:
            found.append(words[0])
        if len(words) == 3:
            stages.add(words[2].lower())
    return tuple(dict.fromkeys(found))


def shell_needed_in(text: str) -> tuple[str, ...]:
    """The images of FROM lines whose own ``/bin/sh`` a RUN step needs: nothing was copied there before that step."""
    found: list[str] = []
    image, stages = "", set[str]()
    for instruction in parse_dockerfile(text):
        if instruction.keyword == "FROM":
            words = instruction.arguments.split()
            image = words[0] if words and words[0].lower() not in {*stages, "scratch"} and "$" not in words[0] else ""
            if len(words) == 3:
                stages.add(words[2].lower())
        elif instruction.keyword in ("COPY", "ADD", "SHELL"):
            image = ""
        elif instruction.keyword == "RUN" and image and not instruction.arguments.lstrip().startswith("["):
            found.append(image)
            image = ""
    return tuple(dict.fromkeys(found))


def context_sources(text: str) -> tuple[tuple[int, str], ...]:
    """What a Dockerfile takes from its build context: line and path, relative, wildcards and variables included."""
    found: list[tuple[int, str]] = []
    for instruction in parse_dockerfile(text):
        flags = " ".join(instruction.flags)
        if instruction.keyword in ("COPY", "ADD") and "--from=" not in flags:
            found += [(instruction.line, source) for source in _copied(instruction)]
    for line, options in mounts(text, "bind"):
        if "from" not in options:
            found.append((line, options.get("source") or options.get("src") or "."))
    found.sort(key=lambda item: item[0])
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
