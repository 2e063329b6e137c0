"""Looking for lines in a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_amltrain.errors import UserErrorException
from jupyter_amltrain.runs import log_search
from jupyter_amltrain.runs.log_search import find_lines

LINES = (
    "epoch 1 loss 0.5",
    "UserWarning: 4 workers on 2 cores",
    "\x1b[31mValueError: no such file\x1b[0m",
    "epoch 2 loss 0.25",
    "a" * 40 + "!",
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


def found(log: Path, text: str = "", **options: object) -> list[str]:
    with open(log, "rb") as file:
        matches, complete = find_lines(file, text, **options)  # type: ignore[arg-type]
    assert complete
    whole = log.read_bytes()
    assert all(offset == 0 or whole[offset - 1 : offset] == b"\n" for offset, _ in matches)
    return [line for _, line in matches]


def test_text_is_no_expression_and_its_case_may_count(log: Path) -> None:
    assert found(log, "EPOCH") == [LINES[0], LINES[3]]
    assert found(log, "EPOCH", ignore_case=False) == []
    assert found(log, "0.5") == [LINES[0]]
    assert found(log, "0.2.") == []


def test_an_expression(log: Path) -> None:
    assert found(log, r"epoch \d loss", regex=True) == [LINES[0], LINES[3]]
    assert found(log, r"^epoch 2|no such", regex=True) == ["ValueError: no such file", LINES[3]]
    assert found(log, r"LOSS 0\.5", regex=True, ignore_case=False) == []


def test_lines_that_look_like_something_wrong(log: Path) -> None:
    assert found(log, level="error") == ["ValueError: no such file"]
    assert found(log, level="warning") == [LINES[1], "ValueError: no such file"]


def test_a_part_and_the_first_ones(log: Path) -> None:
    with open(log, "rb") as file:
        assert find_lines(file, "epoch", limit=1) == ([(0, LINES[0])], False)
        assert find_lines(file, "epoch", after=5)[0] == [(log.read_bytes().index(b"epoch 2"), LINES[3])]
        assert find_lines(file, "epoch", after=10_000) == ([], True)


def test_what_cannot_be_looked_for_is_told(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserErrorException, match="'\\(' is no regular expression"):
        found(log, "(", regex=True)
    monkeypatch.setattr(log_search, "_PATIENCE_S", 0.5)
    monkeypatch.setattr(log_search, "_START_S", 0.5)
    with pytest.raises(UserErrorException, match="takes too long"):
        found(log, "(a+)+$", regex=True)
