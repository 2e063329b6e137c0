"""The network settings of this host put into the RUN steps of any Dockerfile, whatever form they have. Pure."""

from __future__ import annotations

import json
import re

from ..dockerfile import CONTEXT_FOLDER, MOUNT, SETTINGS
from .instructions import Instruction, parse_dockerfile, text_lines

_RUN_START = re.compile(r"\s*RUN(?:\s|\\\n)+(?:--\S+(?:\s|\\\n)+)*", re.IGNORECASE)
_SHELLS = frozenset(("sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"))
_ONLY_HEREDOC = re.compile(r"<<-?\s*([\"']?)\w+\1\s*$")
# The words of a step in exec form come after these, which run them in the same way once the settings are there.
_EXEC_START = f'["/bin/sh", "-c", ". {MOUNT}/settings.sh && exec \\"$@\\"", "sh", '
_FIRST_LINE = f". {MOUNT}/settings.sh; "


def settings_dockerfile() -> str:
    """The Dockerfile of the image that carries this host's network settings to the steps of other builds."""
    return f"FROM scratch\nCOPY {CONTEXT_FOLDER} /\n"


def with_settings(text: str, settings_image: str, *, has_shell: bool = True) -> str:
    """A Dockerfile whose RUN steps see this host's network settings, bound from an image for that step alone.

    They come from an image of their own and not from the context, where a ``COPY .`` would take them along.
    Left as they are: steps after a SHELL that is no shell, and here-documents that name their own interpreter.

    Args:
        has_shell: whether the base images have ``/bin/sh``, without which steps in exec form stay as they are.
    """
    mount = f"--mount=type=bind,from={settings_image},target={MOUNT} "
    lines = text_lines(text)
    shell, stages, stage = True, {"scratch": (True, False)}, ""
    wrapped = has_shell
    for instruction in parse_dockerfile(text):
        if instruction.keyword == "FROM":
            words = instruction.arguments.lower().split()
            shell, wrapped = stages.get(words[0], (True, has_shell)) if words else (True, has_shell)
            stage = words[2] if len(words) == 3 else ""
        elif instruction.keyword == "SHELL":
            shell = _is_shell(instruction)
        elif instruction.keyword == "RUN":
            changed = _changed_step(instruction, mount, shell, wrapped).split("\n")
            lines[instruction.line - 1 : instruction.line - 1 + len(changed)] = changed
        if stage:
            stages[stage] = (shell, wrapped)
    return "\n".join(lines) + "\n"


def _changed_step(instruction: Instruction, mount: str, shell: bool, wrapped: bool) -> str:
    raw = instruction.text
    start = _RUN_START.match(raw)
    arguments = instruction.arguments.lstrip()
    if not start or not arguments:
        return raw
    before, step = raw[: start.end()], raw[start.end() :]
    if _is_exec_form(arguments):
        return f"{before}{mount}{_EXEC_START}{step.lstrip()[1:].lstrip()}" if wrapped else raw
    if not shell:
        return raw
    first, newline, body = step.partition("\n")
    if newline and _ONLY_HEREDOC.match(first):
        # The document is the script: its first line is the place. With #! it is another program's.
        return raw if body.startswith("#!") else f"{before}{mount}{first}\n{_FIRST_LINE}{body}"
    return f"{before}{mount}{SETTINGS}{step}"


def _is_exec_form(arguments: str) -> bool:
    try:
        words = json.loads(arguments)
    except ValueError:
        return False
    return isinstance(words, list) and bool(words) and all(isinstance(word, str) for word in words)


def _is_shell(instruction: Instruction) -> bool:
    """Whether a SHELL reads a script of ours: ``["/bin/bash", "-o", "pipefail", "-c"]``, also behind ``conda run``."""
    try:
        words = [str(word) for word in json.loads(instruction.value)]
    except (ValueError, TypeError):
        return False
    programs = [word.rpartition("/")[2] for word in words if not word.startswith("-")]
    return bool(words) and re.fullmatch(r"-\w*c", words[-1]) is not None and not _SHELLS.isdisjoint(programs)


def without_settings(text: str) -> str:
    """The inverse of :func:`with_settings`, for names of build steps shown to a person."""
    text = re.sub(r"--mount=\S*amltrain\S* ", "", text).replace(_EXEC_START, "[")
    text = text.replace(_EXEC_START.replace("\\", ""), "[")  # BuildKit names steps without it
    return text.replace(SETTINGS, "").replace(_FIRST_LINE, "").replace(f"{MOUNT}/uv", "uv")
