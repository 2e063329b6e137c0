"""Reading and checking a conda specification: every mistake in its YAML is told with its line."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from ...errors import UserErrorException

KEYS = ("name", "channels", "dependencies", "prefix", "variables")


def parse_conda(text: str, source: str = "the cell") -> dict[str, Any]:
    """The document in conda YAML text.

    Raises:
        UserErrorException: it is not YAML (line and column are named) or not a conda specification.
    """
    return checked_conda(_read_yaml(text, source))


def checked_conda(document: Any) -> dict[str, Any]:
    """A document that is a conda specification, as it came.

    Raises:
        UserErrorException: it is none.
    """
    if not isinstance(document, dict):
        raise UserErrorException(
            "Environment error: not a valid YAML structure; a conda specification has keys such as 'dependencies:'."
        )
    for key in document:
        if key not in KEYS:
            raise UserErrorException(
                f"Environment error: unknown {key} key in environment specification; there are {', '.join(KEYS)}."
            )
    for key in ("name", "prefix"):
        if not isinstance(document.get(key), (str, int, float, type(None))):
            raise UserErrorException(f"Environment error: '{key}' must be a text.")
    for key in ("channels", "dependencies"):
        if document.get(key) is not None and not isinstance(document[key], list):
            raise UserErrorException(f"Environment error: '{key}' must be a list, one '- item' a line.")
    if not all(isinstance(channel, str) for channel in document.get("channels") or ()):
        raise UserErrorException("Environment error: 'channels' must be a list of texts, such as '- conda-forge'.")
    variables = document.get("variables")
    if variables is not None and not (
        isinstance(variables, dict)
        and all(isinstance(item, (str, int, float, type(None))) for pair in variables.items() for item in pair)
    ):
        raise UserErrorException("Environment error: 'variables' must be 'NAME: value' lines.")
    for item in document.get("dependencies") or ():
        _check_dependency(item)
    return document


def _check_dependency(item: Any) -> None:
    if isinstance(item, str):
        return
    lines = item.get("pip") if isinstance(item, dict) and set(item) == {"pip"} else None
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise UserErrorException(
            f"Environment error: {item!r} is no dependency; write text such as 'numpy=1.26', or a 'pip:' list of texts."
        )


def _read_yaml(text: str, source: str) -> Any:
    """The document in YAML text.

    Raises:
        UserErrorException: it is not YAML (line and column are named), or has keys at its top that conda does not
            know, or one twice.
    """
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, source)
        return None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{source}, line {mark.line + 1}, column {mark.column + 1}" if mark else source
        tabs = " YAML is indented with blanks, never with tabs." if "'\\t'" in str(error.problem) else ""
        raise UserErrorException(
            f"Environment error: not valid YAML ({place}): {error.problem}.{tabs}", inner_exception=error
        ) from error
    except yaml.YAMLError as error:
        raise UserErrorException(f"Environment error: not valid YAML ({source}): {error}.") from error
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        # What PyYAML lets pass of values that are not what they are marked as, and of lists in lists without end.
        raise UserErrorException(
            f"Environment error: not valid YAML ({source}): a value in it cannot be read ({type(error).__name__}).",
            inner_exception=error,
        ) from error


def _check_keys(node: Any, source: str) -> None:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        word = str(key.value)
        if word not in KEYS:
            nearest = get_close_matches(word, KEYS, n=1)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else f"; there are {', '.join(KEYS)}."
            raise UserErrorException(
                f"Environment error: unknown {word} key in environment specification ({source}, line {line}){hint}"
            )
        if word in seen:
            raise UserErrorException(
                f"Environment error: '{word}:' stands twice ({source}, lines {seen[word]} and {line}), and only the"
                " last would count. Put the two together."
            )
        seen[word] = line
        if word == "dependencies" and isinstance(value.value, list):
            for item in value.value:
                _check_node(item, source)


def _check_node(item: Any, source: str) -> None:
    """Refuse what is neither a text nor a ``pip:`` list of texts."""
    keys = [key.value for key, _ in item.value] if item.id == "mapping" else []
    lines = item.value[0][1].value if keys == ["pip"] and item.value[0][1].id == "sequence" else None
    for part in [item] if lines is None else lines:
        line = part.start_mark.line + 1
        if part.tag != "tag:yaml.org,2002:str":
            snippet = (part.start_mark.get_snippet(indent=0, max_length=80) or "").partition("\n")[0]
            raise UserErrorException(
                f"Environment error: {source}, line {line}: {snippet.strip().removeprefix('- ')} is no dependency;"
                " write text such as 'numpy=1.26', or a 'pip:' list of texts."
            )
        if " - " in part.value and part.end_mark.line >= line:
            raise UserErrorException(
                f"Environment error: {source}, line {line + 1}: the '-' stands further right than those above it, so"
                " its line continues the one before. Write them below each other."
            )
