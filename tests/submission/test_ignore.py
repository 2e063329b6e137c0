"""Ignore rules against git itself: what git would list is what the walk finds."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from jupyter_amltrain.errors import SnapshotException
from jupyter_amltrain.submission.ignore import walk

NAMES = [
    "a",
    "b",
    "ab",
    "foo",
    "bar",
    "foo.py",
    "x.log",
    "build",
    "a b",
    "foo]",
    "b-c",
    "Foo",
    "!x",
    "#y",
    "a\\b",
    "x ",
]
PIECES = [
    *NAMES,
    *NAMES[:8],
    "*",
    "*",
    "**",
    "?",
    "f*",
    "*.py",
    "*.*",
    "[a-c]*",
    "[!a]",
    "foo*",
    "\\!x",
    "\\#y",
    "a\\\\b",
]
PIECES += [
    "[[:alpha:]]*",
    "[]]",
    "foo[]]",
    "[^f]*",
    "fo?",
    "f**",
    "**r",
    "***",
    "x\\ ",
    "[a",
    "[[:nope:]]",
    "b[-]c",
    "\\",
    "b[+--]c",
]


def write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def found(source: Path) -> set[str]:
    return {path for path, _ in walk(source).files}


def left_out(source: Path) -> dict[str, str]:
    return walk(source).left_out


def random_pattern(chance: random.Random) -> str:
    pattern = "/".join(chance.choice(PIECES) for _ in range(chance.choice([1, 1, 1, 2, 2, 3])))
    return chance.choice(["", "", "", "!", "!", "/"]) + pattern + chance.choice(["", "", "/", " ", "\r", "/**"])


def random_tree(root: Path, chance: random.Random) -> None:
    folders = [""]
    for _ in range(8):
        folders.append(chance.choice(folders) + chance.choice(NAMES) + "/")
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for _ in range(40):
        file = root / (chance.choice(folders) + chance.choice(NAMES))
        if not file.is_dir():
            file.write_text("")
    for folder in {"", *chance.sample(folders, 3)}:
        lines = [random_pattern(chance) for _ in range(chance.randint(1, 8))]
        (root / folder / ".gitignore").write_text("\n".join(lines) + "\n", newline="")


def listed_by_git(folder: Path) -> set[str]:
    command = ["git", "-c", "core.excludesFile=", "ls-files", "-o", "-z", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    return {os.fsdecode(path) for path in listed.split(b"\0") if path}


@pytest.mark.parametrize("seed", range(60))
def test_generated_trees_hold_what_git_lists(tmp_path: Path, seed: int) -> None:
    random_tree(tmp_path, random.Random(seed))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    # Also from the middle of the repository, where the rules above count.
    ignored = tuple(path for path in left_out(tmp_path) if path.endswith("/"))
    folders = [folder for folder in tmp_path.rglob("*") if folder.is_dir() and ".git" not in folder.parts]
    kept = [folder for folder in folders if not f"{folder.relative_to(tmp_path)}/".startswith(ignored)]

    for folder in [tmp_path, *kept]:
        assert found(folder) == listed_by_git(folder)


def test_a_rule_above_that_ignores_the_source_directory_itself_does_not_empty_it(tmp_path: Path) -> None:
    source = (
        write(tmp_path, {".gitignore": "scratch/\n*.pt\n", "scratch/train.py": "", "scratch/model.pt": ""}) / "scratch"
    )
    (tmp_path / ".git").mkdir()

    assert found(source) == {"train.py"}


def test_rules_end_at_the_root_of_the_repository(tmp_path: Path) -> None:
    source = write(tmp_path, {".gitignore": "*.py\n", "project/train.py": ""}) / "project"
    (source / ".git").mkdir()

    assert found(source) == {"train.py"}


def test_the_excludes_of_the_repository_count(tmp_path: Path) -> None:
    write(tmp_path, {".git/info/exclude": "mine.txt\n", "mine.txt": "", "code/mine.txt": "", "code/train.py": ""})

    assert found(tmp_path) == {"code/train.py"}
    assert found(tmp_path / "code") == {"train.py"}


def test_amlignore_at_the_root_replaces_every_gitignore(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        {
            ".git/HEAD": "",
            ".gitignore": "*.csv\n",
            "code/.gitignore": "*.txt\n",
            "code/.amlignore": "*.bin\n",
            "code/a.csv": "",
            "code/a.txt": "",
            "code/a.bin": "",
            "code/deep/.gitignore": "b.txt\n",
            "code/deep/.amlignore": "c.txt\n",
            "code/deep/b.txt": "",
            "code/deep/c.txt": "",
        },
    )

    assert {path for path in found(source / "code") if "ignore" not in path} == {"a.csv", "a.txt", "deep/b.txt"}


def test_amlignore_below_replaces_the_gitignore_beside_it(tmp_path: Path) -> None:
    write(tmp_path, {"a/.gitignore": "*.txt\n", "a/.amlignore": "*.bin\n", "a/x.txt": "", "a/x.bin": "", "b/x.bin": ""})

    assert {path for path in found(tmp_path) if "ignore" not in path} == {"a/x.txt", "b/x.bin"}


def test_what_nobody_means_to_send_stays_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "train.py": "",
            ".git/HEAD": "",
            ".DS_Store": "",
            "a/__pycache__/x.pyc": "",
            "a/.ipynb_checkpoints/n.ipynb": "",
            "node_modules/x/index.js": "",
            "own environment/pyvenv.cfg": "",
            "own environment/lib/x.py": "",
            "conda/conda-meta/history": "",
            "worktree/.git": "gitdir: elsewhere",
            "a/train.py": "",
        },
    )

    assert found(tmp_path) == {"train.py", "a/train.py"}
    assert left_out(tmp_path)["own environment/"] == "virtual environment"


@pytest.mark.parametrize("linked", [False, True])
def test_the_home_folder_is_never_taken_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool) -> None:
    (tmp_path / "user" / ".local").mkdir(parents=True)
    inside = tmp_path / "user" / ".local" / "amltrain"
    if linked:
        (tmp_path / "link").symlink_to(tmp_path / "user")
    monkeypatch.setenv("AMLTRAIN_HOME", str((tmp_path / "link" if linked else tmp_path / "user") / ".local/amltrain"))
    inside.mkdir()
    (inside / "amltrain.db").write_text("")
    (tmp_path / "user" / "train.py").write_text("")
    (tmp_path / "user" / ".amlignore").write_text("!amltrain.db\n")
    tree = walk(tmp_path / "user")
    assert sorted(path for path, _ in tree.files) == [".amlignore", "train.py"]
    assert tree.left_out == {".local/amltrain/": "where jupyter_amltrain keeps its runs"}


def test_amlignore_brings_back_what_is_left_out_by_default(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".amlignore": "!node_modules\n!/environment/\n",
            "node_modules/x/index.js": "",
            "node_modules/x/node_modules/y.js": "",
            "environment/pyvenv.cfg": "",
            "environment/bin/python": "",
            "environment/__pycache__/x.pyc": "",
            "other/pyvenv.cfg": "",
        },
    )

    assert found(tmp_path) == {
        ".amlignore",
        "node_modules/x/index.js",
        "node_modules/x/node_modules/y.js",
        "environment/pyvenv.cfg",
        "environment/bin/python",
    }


def test_a_gitignore_does_not_bring_back_what_is_left_out_by_default(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "!node_modules\n", "node_modules/x.js": ""})

    assert found(tmp_path) == {".gitignore"}


def test_the_reason_names_line_and_file(tmp_path: Path) -> None:
    write(tmp_path, {"a/.gitignore": "# weights\n*.pt\n", "a/model.pt": ""})

    assert left_out(tmp_path) == {"a/model.pt": "line 2 of a/.gitignore (*.pt)"}


def test_links_are_kept_as_links_and_special_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()

    tree = walk(tmp_path)

    assert (tree.files, tree.links, tree.special, tree.empty_folders) == ([], [("loop", ".")], ["pipe"], ["empty"])


def test_names_that_are_not_text_match_rules(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.log")
    write(tmp_path, {name: "", "caf\u00e9.txt": "", ".gitignore": "caf*.log\n"})

    assert found(tmp_path) == {"caf\u00e9.txt", ".gitignore"}


def test_an_ignore_file_that_is_a_folder_has_no_rules(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore/x": "", "train.py": ""})

    assert found(tmp_path) == {".gitignore/x", "train.py"}


def test_a_source_directory_that_vanished_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SnapshotException, match="gone"):
        walk(tmp_path / "missing")
