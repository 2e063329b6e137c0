"""Which arguments a script takes, read from its ``argparse`` calls without running it, and a form's values as words.

What cannot be told from the text (a default that is computed, a loop that adds arguments) is left open rather than
guessed: the argument is there with less known about it, or it is not there and goes into the free words.
"""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["text", "int", "float", "choice", "switch"]

_NUMBERS: Mapping[str, type[int] | type[float]] = {"int": int, "float": float}
_SWITCHES = ("store_true", "store_false", "store_const", "BooleanOptionalAction")
_NOT_ASKED = ("help", "version")
_CHOICES_AT_MOST = 200


@dataclass(frozen=True)
class ScriptArgument:
    """One argument of a script.

    Attributes:
        name: as the script's code knows it (argparse's ``dest``).
        flag: the option to write, such as ``--epochs``; "" for a positional argument.
        kind: what a value is, each one of ``several``; ``switch`` takes none.
        default: what the script takes when it is not given; None when that is nothing or cannot be told.
        choices: the values that are allowed, for ``choice``.
        required: whether the script ends with an error without it.
        several: whether it takes any number of words.
        repeats: whether several values are several flags (argparse's ``append``).
        negative: what switches it off, such as ``--no-cache``; "" when only leaving it out does.
        help: what the script says about it.
    """

    name: str
    flag: str = ""
    kind: Kind = "text"
    default: str | int | float | bool | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    several: bool = False
    repeats: bool = False
    negative: str = ""
    help: str = ""


def script_arguments(source: str) -> tuple[ScriptArgument, ...]:
    """The arguments that a script adds to its parser, in their order; () when it has none or is no Python.

    A script with subcommands has () too: which arguments there are depends on the first word.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    methods = _method_calls(tree)
    if any(name == "add_subparsers" for name, _ in methods):
        return ()
    constants = _constants(tree)
    found: dict[str, ScriptArgument] = {}
    for argument in (_argument(call, constants) for name, call in methods if name == "add_argument"):
        if argument is not None:
            found.setdefault(argument.name, argument)
    for name, default in _set_defaults(methods, constants).items():
        if name in found and default is not None:
            found[name] = replace(found[name], default=default, required=False)
    return tuple(found.values())


def value_of(argument: ScriptArgument, text: str) -> str | int | float | None:
    """What a person wrote for an argument, as :func:`words_of` takes it; None when nothing was written.

    Raises:
        ValueError: it is needed and missing, or not what the script takes; the message is a sentence.
    """
    label = argument.flag or argument.name
    if not text.strip():
        if argument.required:
            raise ValueError(f"{label} is needed.")
        return None
    for word in _split(argument, text):
        if argument.choices and word not in argument.choices:
            raise ValueError(f"{label} is one of {', '.join(argument.choices)}, not '{word}'.")
        if argument.kind in _NUMBERS and not _is(_NUMBERS[argument.kind], word):
            wanted = "whole numbers" if argument.kind == "int" else "numbers"
            wanted = wanted if argument.several else f"a {wanted[:-1]}"
            raise ValueError(f"{label} takes {wanted}, not '{word}'.")
    if argument.kind in _NUMBERS and not (argument.several or argument.repeats):
        return _NUMBERS[argument.kind](text)
    return text


def _is(number: type[int] | type[float], word: str) -> bool:
    try:
        number(word)
    except ValueError:
        return False
    return True


def words_of(arguments: Sequence[ScriptArgument], values: Mapping[str, Any]) -> list[str]:
    """The words of a command line for a form's values; what is as the script has it anyway is left out.

    Args:
        values: name → text, number or bool; missing, None and "" are "not given".

    Raises:
        ValueError: a required argument is missing, or a value of several words cannot be split.
    """
    options: list[str] = []
    positional: list[str] = []
    for argument in arguments:
        value = values.get(argument.name)
        if value is None or value == "":
            if argument.required:
                raise ValueError(f"{argument.flag or argument.name} is needed.")
        elif argument.flag:
            options += _option_words(argument, value)
        elif value != argument.default:
            positional += _split(argument, value)
    # A positional word that begins with a hyphen would be taken for an option.
    return options + (["--", *positional] if any(word.startswith("-") for word in positional) else positional)


def _option_words(argument: ScriptArgument, value: Any) -> list[str]:
    if argument.kind == "switch":
        if bool(value) == bool(argument.default):
            return []
        # A switch whose default is on has one flag, which puts it off, unless it has both.
        return [argument.negative if not value and argument.negative else argument.flag]
    if value == argument.default:
        return []
    words = _split(argument, value)
    if argument.repeats:
        return [part for word in words for part in _pair(argument.flag, word)]
    if argument.several:
        return [argument.flag, *words]
    return _pair(argument.flag, words[0])


def _pair(flag: str, word: str) -> list[str]:
    # argparse takes a word that begins with a hyphen for an option unless it is joined to its flag.
    return [f"{flag}={word}"] if word.startswith("-") and flag.startswith("--") else [flag, word]


def _split(argument: ScriptArgument, value: Any) -> list[str]:
    if not (argument.several or argument.repeats):
        return [str(value)]
    try:
        return shlex.split(str(value))
    except ValueError as error:
        raise ValueError(f"{argument.flag or argument.name}: {error}.") from None


def _argument(call: ast.Call, constants: Mapping[str, Any]) -> ScriptArgument | None:
    flags = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if not flags or len(flags) != len(call.args):
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    action = _word(given.get("action"))
    if action in _NOT_ASKED:
        return None
    options = [flag for flag in flags if flag.startswith("-")]
    long = [flag for flag in options if flag.startswith("--")]
    flag = (long or options or [""])[0]
    name = _text(given.get("dest"), constants) or (flag or flags[0]).lstrip("-").replace("-", "_")
    several = _several(given.get("nargs"), constants)
    choices = _choices(given.get("choices"), constants)
    default = _value(given.get("default"), constants)
    kind: Kind = "text"
    if action in _SWITCHES:
        kind, default, choices = "switch", _switch_default(action, default), ()
    elif choices:
        kind = "choice"
    elif _word(given.get("type")) == "int":
        kind = "int"
    elif _word(given.get("type")) == "float":
        kind = "float"
    return ScriptArgument(
        name=name,
        flag=flag,
        kind=kind,
        default=_shown_default(kind, default),
        choices=choices,
        required=_needed(given, flag, several, constants),
        several=several,
        repeats=action == "append",
        negative=f"--no-{flag[2:]}" if action == "BooleanOptionalAction" and flag.startswith("--") else "",
        help=_help(given.get("help"), constants),
    )


def _needed(given: Mapping[str, ast.expr], flag: str, several: bool, constants: Mapping[str, Any]) -> bool:
    if flag:
        return _value(given.get("required"), constants) is True
    return _value(given.get("nargs"), constants) not in ("?", "*") and not (several and "default" in given)


def _switch_default(action: str, default: Any) -> bool:
    if isinstance(default, bool):
        return default
    return action == "store_false"


def _shown_default(kind: Kind, default: Any) -> str | int | float | bool | None:
    if isinstance(default, (list, tuple)):
        return shlex.join(str(part) for part in default)
    if kind in ("int", "float") and isinstance(default, str):
        try:
            return int(default) if kind == "int" else float(default)
        except ValueError:
            return None
    if kind in ("text", "choice") and isinstance(default, (bool, int, float)):
        return str(default)
    return default if isinstance(default, (str, int, float, bool)) else None


def _several(node: ast.expr | None, constants: Mapping[str, Any]) -> bool:
    value = _value(node, constants)
    return value in ("*", "+") or (isinstance(value, int) and not isinstance(value, bool)) or _word(node) == "REMAINDER"


def _choices(node: ast.expr | None, constants: Mapping[str, Any]) -> tuple[str, ...]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("range", "sorted", "list"):
        bounds = [_value(argument, constants) for argument in node.args]
        if node.func.id == "range" and all(isinstance(bound, int) for bound in bounds) and 1 <= len(bounds) <= 3:
            try:
                found = range(*bounds)
            except ValueError:
                return ()
            return tuple(map(str, found)) if len(found) <= _CHOICES_AT_MOST else ()
        return _choices(node.args[0], constants) if node.args and node.func.id != "range" else ()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys":
        node = node.func.value
    value = _value(node, constants)
    if not isinstance(value, (list, tuple, set, dict)) or len(value) > _CHOICES_AT_MOST:
        return ()
    return tuple(str(choice) for choice in (sorted(value, key=str) if isinstance(value, set) else value))


def _help(node: ast.expr | None, constants: Mapping[str, Any]) -> str:
    text = _text(node, constants)
    # argparse's own marks; the form shows the default beside.
    return " ".join(text.replace("(default: %(default)s)", "").replace("%%", "%").split())


def _text(node: ast.expr | None, constants: Mapping[str, Any]) -> str:
    value = _value(node, constants)
    return value if isinstance(value, str) else ""


def _word(node: ast.expr | None) -> str:
    """``int`` of ``int``, ``store_true`` of ``"store_true"``, ``Path`` of ``pathlib.Path``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _value(node: ast.expr | None, constants: Mapping[str, Any]) -> Any:
    """What an expression is when that can be told from the text, else None."""
    if node is None:
        return None
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _value(node.left, constants), _value(node.right, constants)
        return left + right if isinstance(left, str) and isinstance(right, str) else None
    return None


def _method_calls(tree: ast.Module) -> list[tuple[str, ast.Call]]:
    """Name and call of every ``something.name(…)``, in the order of the text."""
    calls = [
        (node.func.attr, node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    return sorted(calls, key=lambda found: (found[1].lineno, found[1].col_offset))


def _constants(tree: ast.Module) -> dict[str, Any]:
    """Names that a script gives a plain value, once."""
    found: dict[str, Any] = {}
    again: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets: Sequence[ast.expr] = node.targets
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets = [node.target]
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                if target.id in found:
                    again.add(target.id)
                found[target.id] = _value(node.value, found)
    return {name: value for name, value in found.items() if name not in again}


def _set_defaults(methods: Sequence[tuple[str, ast.Call]], constants: Mapping[str, Any]) -> dict[str, Any]:
    return {
        keyword.arg: _value(keyword.value, constants)
        for name, call in methods
        if name == "set_defaults"
        for keyword in call.keywords
        if keyword.arg
    }
