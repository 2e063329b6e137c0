"""A cell's text tells what it is."""

from __future__ import annotations

import pytest

from jupyter_amltrain.environment.cell import CellEnvironment, parse_cell
from jupyter_amltrain.errors import UserErrorException

DOCKERFILE = "# syntax=docker/dockerfile:1\n\nARG V=1\nFROM python:$V\nRUN pip install six\n"
CONDA = "# mine\nname: q\ndependencies:\n- python=3.9\n- pip:\n  - six\n"
PIP = "# mine\nnumpy==1.26 \\\n    --hash=sha256:00\n\nscikit-learn>=1  # forest\n--extra-index-url https://x/simple\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DOCKERFILE, CellEnvironment("dockerfile", dockerfile=DOCKERFILE)),
        ("from x", CellEnvironment("dockerfile", dockerfile="from x\n")),
        (CONDA, CellEnvironment("conda", conda={"name": "q", "dependencies": ["python=3.9", {"pip": ["six"]}]})),
        ("---\ndependencies:\n- numpy\n", CellEnvironment("conda", conda={"dependencies": ["numpy"]})),
        (
            PIP,
            CellEnvironment(
                "pip",
                pip=("numpy==1.26 --hash=sha256:00", "scikit-learn>=1", "--extra-index-url https://x/simple"),
            ),
        ),
        ("six", CellEnvironment("pip", pip=("six",))),
        ("git+https://x/y.git", CellEnvironment("pip", pip=("git+https://x/y.git",))),
    ],
)
def test_the_form_is_told_from_the_text(text: str, expected: CellEnvironment) -> None:
    assert parse_cell(text) == expected


@pytest.mark.parametrize(
    ("text", "format", "message"),
    [
        ("", None, "The cell is empty"),
        ("  \n# only a comment\n", None, "The cell is empty"),
        ("RUN echo\nFROM x\n", None, r"Dockerfile line 1: RUN stands before the first FROM"),
        ("FROM x\nRUNN echo\n", None, r"Dockerfile line 2: unknown instruction 'RUNN'; did you mean RUN\?"),
        ("six\nFROM x\n", None, r"Line 2, 'FROM x', does not fit"),
        ("six\nthis is prose\n", None, r"Line 2: 'this is prose' is no pip requirement"),
        ("a \\\n  >=1\nb ==\n", None, r"Line 3: 'b ==' is no pip requirement"),
        ("packages:\n- six\n", None, r"Line 1: 'packages:' is no key of a conda specification"),
        ("-r requirements.txt\n", None, r"Line 1: '-r requirements.txt' names a file"),
        ("six\n", "dockerfile", "unknown instruction 'SIX'"),
        ("six\n", "conda", "not a valid YAML structure"),
        ("six\n", "poetry", "There is no format 'poetry'"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_line(text: str, format: str | None, message: str) -> None:
    with pytest.raises(UserErrorException, match=message):
        parse_cell(text, format)


def test_the_environment_of_a_cell() -> None:
    dockerfile = parse_cell(DOCKERFILE).environment("a")
    assert (dockerfile.docker.base_dockerfile, dockerfile.python.user_managed_dependencies) == (DOCKERFILE, True)
    pip = parse_cell("six\n--pre\n").environment("b")._to_spec()
    assert (pip["conda"]["dependencies"], pip["user_managed"]) == (["python=3.6.2", {"pip": ["six", "--pre"]}], False)
    conda = parse_cell(CONDA).environment("c")._to_spec()
    assert conda["conda"] == {"name": "q", "dependencies": ["python=3.9", {"pip": ["six"]}]}


def test_a_cell_of_ten_thousand_lines() -> None:
    text = "".join(f"package-{number}\n" for number in range(10_000))
    assert len(parse_cell(text).pip) == 10_000
    assert parse_cell("FROM x\n" + "RUN true\n" * 10_000).format == "dockerfile"
