"""Runs ``cases.txt``, statement by statement, on whatever package ``azureml`` is: the real SDK or ours."""

from __future__ import annotations

import ast
import contextlib
import io
import logging
import os
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

CASES = Path(__file__).with_name("cases.txt")


class Statement(NamedTuple):
    """One statement of a case, and the mark behind it that says why ours does not do the same."""

    code: str
    mark: str


def read_cases() -> dict[str, list[Statement]]:
    """Name of each case → its statements."""
    cases = {}
    for part in re.split(r"(?m)^### ", CASES.read_text())[1:]:
        name, _, code = part.partition("\n")
        lines = code.splitlines()
        cases[name] = [
            Statement(ast.get_source_segment(code, node) or "", lines[(node.end_lineno or 1) - 1].partition("  #! ")[2])
            for node in ast.parse(code).body
        ]
    return cases


def run_case(statements: list[Statement]) -> list[str]:
    """What each statement printed, gave or raised, without what differs by machine and release."""
    here = os.getcwd()
    logging.disable(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.chdir(folder)
            names: dict[str, Any] = {}
            return [_plain(_run(statement.code, names), os.path.realpath(folder)) for statement in statements]
    finally:
        logging.disable(logging.NOTSET)
        os.chdir(here)


def _run(code: str, names: dict[str, Any]) -> str:
    printed = io.StringIO()
    result = ""
    try:
        with contextlib.redirect_stdout(printed):
            try:
                value = eval(compile(code, "case", "eval"), names)
            except SyntaxError:
                exec(compile(code, "case", "exec"), names)
            else:
                result = value if isinstance(value, str) else "" if value is None else repr(value)
    except Exception as error:  # noqa: BLE001 - whatever it raises is the result
        result = f"{type(error).__name__}: {getattr(error, 'message', None) or error}"
    return printed.getvalue() + result


def _plain(text: str, folder: str) -> str:
    for pattern, replacement in (
        (re.escape(folder), "<tmp>"),
        (r"python=3\.(6\.2|8\.13|10\.18)\b", "python=<default>"),
        (r"mcr\.microsoft\.com/azureml/[\w.:\-]+", "<default image>"),
        (r"azureml-defaults~=[\w.+]+", "azureml-defaults"),
        (r"<class '[\w.]+\.(\w+)'>", r"\1"),
        (r"OfflineRun_[\w-]{36}", "OfflineRun_<id>"),
        (r"0x[0-9a-f]{6,}", "0x"),
    ):
        text = re.sub(pattern, replacement, text)
    return text


def agree(theirs: str, ours: str) -> bool:
    """Whether two results are the same; our exceptions may say more than the SDK's after the same beginning."""
    if re.match(r"\w+(Error|Exception): ", theirs):
        theirs, ours = re.sub("['.]", "", theirs), re.sub("['.]", "", ours)
        return ours.startswith(theirs)
    return theirs == ours
