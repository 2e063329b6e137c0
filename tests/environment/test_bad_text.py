"""What people write by mistake into cells and files is said at once, with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_amltrain.environment.builder.context import check_sources
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.conda.dependencies import CondaDependencies
from jupyter_amltrain.environment.conda.specification import parse_conda
from jupyter_amltrain.environment.image import _context_files
from jupyter_amltrain.environment.packages.requirements import read_requirements_file
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import UserErrorException


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("six==1\nnumpy\nSix == 2\n", r"Lines 1 and 3 ask for two versions of Six: 'six==1' and 'Six == 2'"),
        ("dependencies:\n- a\nchanels: []\n", r"unknown chanels key .*line 3\); did you mean 'channels'\?"),
        ("name: a\ndependencies: [a]\nname: b\n", r"'name:' stands twice \(the cell, lines 1 and 3\)"),
        ("dependencies:\n\t- six\n", r"the cell, line 2, column 1\).*indented with blanks, never with tabs"),
        ("dependencies:\n- a\n - b\n", r"the cell, line 3: the '-' stands further right"),
        ("dependencies:\n- numpy: 1.2\n", r"the cell, line 2: numpy: 1\.2 is no dependency"),
        ("dependencies:\n- a\n-\n", "the cell, line 3"),
        ("dependencies:\n- pip:\n  - 1.2\n", "the cell, line 3: 1.2 is no dependency"),
        ("dependencies: !!int x\n", "a value in it cannot be read"),
        ("dependencies: " + "[" * 5000 + "\n", "not valid YAML"),
        ("name: &a [*a]\ndependencies: []\n", "'name' must be a text"),
        ("channels: [[a]]\n", "'channels' must be a list of texts"),
        ("variables: {a: [b]}\n", "'variables' must be"),
    ],
)
def test_a_cell_that_cannot_be_right_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UserErrorException, match=message):
        parse_cell(text)


def test_a_package_that_is_asked_for_twice_is_said() -> None:
    assert parse_cell("a>1\na<2\nb==1\nb==1.0\nc; python_version<'3'\nc; python_version>'3'\n").notes == (
        "Lines 1 and 2 both ask for a: both hold.",
        "Lines 3 and 4 both ask for b: both hold.",
    )


def test_line_ends_and_marks_of_other_systems_mean_nothing() -> None:
    assert parse_cell("\ufeffFROM a\r\nRUN b \\\r\n  c\r\n").dockerfile == "FROM a\nRUN b \\\n  c\n"
    assert parse_cell("\ufeffsix\r\n\r\nidna\r\n").pip == ("six", "idna")


@pytest.mark.parametrize(
    "read",
    [
        read_requirements_file,
        CondaDependencies,
        lambda path: Environment.from_dockerfile("a", path),
        lambda path: Environment.from_dockerfile("a", path.open("rb")),
    ],
)
def test_a_file_that_is_no_utf_8_is_said_with_its_line(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "file"
    path.write_bytes("FROM a\n# müde\n".encode("latin-1"))
    with pytest.raises(UserErrorException, match=r"is not UTF-8 text \(line 2, byte 0xfc\); save it as UTF-8"):
        read(path)


def test_files_of_other_systems_are_read(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes("\ufeffFROM a\r\nRUN b\r\n".encode())
    assert Environment.from_dockerfile("a", tmp_path / "Dockerfile").docker.base_dockerfile == "FROM a\nRUN b\n"
    (tmp_path / "c.yml").write_bytes("\ufeffdependencies:\r\n- six\r\n".encode())
    assert CondaDependencies(tmp_path / "c.yml").as_dict() == {"dependencies": ["six"]}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "words.txt").write_text("")
    (tmp_path / "data" / ".hidden").write_text("")
    (tmp_path / "train.py").write_text("")
    (tmp_path / "notes.md").write_text("")
    (tmp_path / ".dockerignore").write_text("*.md\n")
    return tmp_path


@pytest.mark.parametrize(
    ("copied", "message"),
    [
        ("COPY trian.py /", r"line 2 copies 'trian\.py', which is not there in the build context .*'train\.py'\?"),
        ("COPY words.txt /", r"did you mean 'data/words\.txt'\?"),
        ("ADD data/*.csv /", r"line 2 copies 'data/\*\.csv', which fits no file"),
        ("COPY *.txt /", "fits no file"),
        ("COPY notes.md /", r"which the file \.dockerignore .* leaves out.*'!notes\.md'"),
        ("RUN --mount=type=bind,source=req.txt,target=/r true", "copies 'req.txt', which is not there"),
        ("COPY ../x /", "lies above the build context"),
    ],
)
def test_a_copy_of_what_is_not_there_is_refused(context: Path, copied: str, message: str) -> None:
    with pytest.raises(UserErrorException, match=message):
        check_sources(f"FROM a\n{copied}\n", str(context), _context_files)


@pytest.mark.parametrize(
    "copied",
    ["COPY . /", "COPY data/ /d", "COPY da?a/*.txt /", "COPY data/.h* /", "COPY $X /", "COPY [^d]*.py /", "COPY / /"],
)
def test_a_copy_of_what_is_there_is_let_through(context: Path, copied: str) -> None:
    check_sources(f"FROM a\n{copied}\n", str(context), _context_files)


@pytest.mark.parametrize(
    "line",
    ["package-{}", "package-{}==1.{}", "RUN echo {}", "RUN cat <<A{}", "RUN a \\", "COPY a b{}", "- package{}", "#"],
)
def test_ten_thousand_lines_are_read_in_one_pass(line: str) -> None:
    first = "FROM a\n" if line[0] in "RC" else "dependencies:\n" if line[0] == "-" else "six\n"
    parse_cell(first + "".join(line.format(number, number) + "\n" for number in range(10_000)))


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a: &a0 [x, x]", *(f"b{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    with pytest.raises(UserErrorException, match="unknown a key"):
        parse_conda("\n".join(lines))
