"""The arguments of a script, read from its text; what they are is told by argparse itself, which runs the same text."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from jupyter_amltrain.submission.script_arguments import ScriptArgument, script_arguments, value_of, words_of

SCRIPT = """
import argparse, os
from pathlib import Path

LR = 3e-4
ARCHS = {"resnet18": 1, "resnet34": 2}

def parser():
    parser = argparse.ArgumentParser(description="train")
    parser.add_argument("data", metavar="DIR", help="path to data")
    parser.add_argument("extra", nargs="*", default=[])
    parser.add_argument("-a", "--arch", choices=ARCHS.keys(), default="resnet34", help="which (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="how "
                        "often")
    optimiser = parser.add_argument_group("optimiser")
    optimiser.add_argument("--lr", "--learning-rate", type=float, default=LR, dest="lr")
    optimiser.add_argument("--momentum", type=float, default="0.9")
    optimiser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--no-shuffle", dest="shuffle", action="store_false")
    parser.add_argument("--cache", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--sizes", nargs="+", type=int, default=[128, 224])
    parser.add_argument("--tag", action="append")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, choices=range(3))
    parser.add_argument("--version", action="version", version="1")
    parser.set_defaults(epochs=7)
    return parser
"""


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    names: dict[str, Any] = {}
    exec(SCRIPT, names)
    return names["parser"]()


def named() -> dict[str, ScriptArgument]:
    return {argument.name: argument for argument in script_arguments(SCRIPT)}


def test_what_the_parser_takes_is_what_is_found(parser: argparse.ArgumentParser) -> None:
    asked = [action.dest for action in parser._actions if action.dest not in ("help", "version")]
    assert list(named()) == asked


def test_what_is_told_of_each_argument() -> None:
    found = named()
    assert found["data"] == ScriptArgument("data", required=True, help="path to data")
    assert found["arch"] == ScriptArgument(
        "arch", "--arch", "choice", "resnet34", ("resnet18", "resnet34"), help="which"
    )
    assert found["epochs"] == ScriptArgument("epochs", "--epochs", "int", 7, help="how often")
    assert found["lr"] == ScriptArgument("lr", "--lr", "float", 3e-4)
    assert found["momentum"].default == 0.9
    assert found["workers"] == ScriptArgument("workers", "--workers", "int")
    assert found["shuffle"] == ScriptArgument("shuffle", "--no-shuffle", "switch", True)
    assert found["cache"].negative == "--no-cache"
    assert found["sizes"] == ScriptArgument("sizes", "--sizes", "int", "128 224", several=True)
    assert found["tag"].repeats
    assert found["out"].required
    assert found["seed"].choices == ("0", "1", "2")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"arch": "resnet18", "epochs": 3, "lr": 0.1, "amp": True, "shuffle": False, "cache": False, "seed": "2"},
        {"sizes": "64 96", "tag": "a 'b c'", "extra": "one two"},
        {"lr": -1.5, "momentum": 0.9, "epochs": 7, "data": "-odd-", "cache": True},
        {"data": "a folder/with spaces", "out": "-o"},
    ],
)
def test_argparse_understands_the_words(parser: argparse.ArgumentParser, values: dict[str, Any]) -> None:
    values = {"data": "/data", "out": "model.pt", **values}
    got = vars(parser.parse_args(words_of(script_arguments(SCRIPT), values)))
    unasked = vars(parser.parse_args(["--out=x", "/data"]))
    shown = {"sizes": [64, 96], "tag": ["a", "b c"], "extra": ["one", "two"]}
    for name, found in got.items():
        expected = shown.get(name, values[name]) if name in values else unasked[name]
        assert str(found) == str(expected), name


def test_what_is_as_the_script_has_it_is_left_out() -> None:
    values = {"data": "/data", "out": "x", "epochs": 7, "amp": False, "shuffle": True, "arch": "resnet34"}
    assert words_of(script_arguments(SCRIPT), values) == ["--out", "x", "/data"]


def test_a_required_argument_is_asked_for() -> None:
    with pytest.raises(ValueError, match="--out is needed"):
        words_of(script_arguments(SCRIPT), {"data": "/data"})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", " 5 ", 5),
        ("lr", "1e-3", 0.001),
        ("sizes", "64 96", "64 96"),
        ("seed", "", None),
        ("tag", "a 'b c'", "a 'b c'"),
        ("out", "", "--out is needed."),
        ("epochs", "5.5", "--epochs takes a whole number, not '5.5'."),
        ("lr", "fast", "--lr takes a number, not 'fast'."),
        ("sizes", "64 x", "--sizes takes whole numbers, not 'x'."),
        ("seed", "7", "--seed is one of 0, 1, 2, not '7'."),
        ("tag", "'open", "--tag: No closing quotation."),
    ],
)
def test_what_a_person_writes_is_what_the_script_takes(name: str, text: str, value: object) -> None:
    try:
        found: object = value_of(named()[name], text)
    except ValueError as error:
        found = str(error)
    assert found == value


@pytest.mark.parametrize(
    "source",
    [
        "",
        "print(1)",
        "def (",
        "\0",
        "(" * 5000,
        "p.add_argument(*flags)",
        "p.add_argument(f'--{x}')",
        "p.add_argument()",
    ],
)
def test_text_that_tells_nothing_has_no_arguments(source: str) -> None:
    assert script_arguments(source) == ()


def test_a_script_with_subcommands_has_no_form() -> None:
    assert script_arguments("s = p.add_subparsers()\ns.add_parser('a').add_argument('--b')") == ()
