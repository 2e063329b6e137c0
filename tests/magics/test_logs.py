"""Reading files from their end, and in part."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_amltrain.errors import NameNotFoundException
from jupyter_amltrain.magics import logs


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tail") / "log.txt"


@given(content=st.text(alphabet="ab\n", max_size=60).map(str.encode), lines=st.integers(0, 20), block=st.integers(1, 9))
def test_the_tail_begins_where_the_last_lines_begin(file: Path, content: bytes, lines: int, block: int) -> None:
    file.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch, file.open("rb") as opened:
        patch.setattr(logs, "_BLOCK_BYTES", block)
        start = logs.tail_offset(opened.fileno(), lines)
    kept = content.splitlines(keepends=True)
    assert content[start:] == b"".join(kept[len(kept) - min(lines, len(kept)) :])


def test_a_long_log_is_shown_from_its_end_with_a_word_about_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "azureml-logs").mkdir()
    name = "azureml-logs/70_driver_log.txt"
    (tmp_path / name).write_text("x" * 5_000 + "the end ü\n")
    monkeypatch.setattr(logs, "SHOWN_BYTES", 11)
    shown: list[str] = []
    logs.write_file(tmp_path, name, None, shown.append)
    assert "".join(shown) == f"… 5 kB before this are not shown; see {tmp_path / name}\nthe end ü\n"


def test_a_file_is_found_by_the_end_of_its_name(tmp_path: Path) -> None:
    for name in ("logs/a.txt", "logs/more/a.txt", "logs/b.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert logs.find_file(tmp_path, "b.txt") == "logs/b.txt"
    assert logs.find_file(tmp_path, "more/a.txt") == "logs/more/a.txt"
    for text in ("a.txt", "c.txt"):
        with pytest.raises(NameNotFoundException):
            logs.find_file(tmp_path, text)
