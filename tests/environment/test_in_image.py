"""What an install changed, told from two looks at a folder; packages that uv would not see."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_amltrain.environment.packages.in_image import listing, packages_out_of_sight, take_changes


def test_changes_are_copied_and_what_is_gone_is_named(tmp_path: Path) -> None:
    root, tree = tmp_path / "root", tmp_path / "tree"
    for path in ("lib/kept", "lib/changed", "lib/old/a", "lib/old/b", "tmp/x", "becomes-a-file/c"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    (root / "lib").chmod(0o775)
    before = listing(str(root))
    assert "tmp/x" not in before

    (root / "lib/changed").write_text("another")
    os.utime(root / "lib/changed", (0, 0))
    (root / "lib/old/a").unlink()
    (root / "lib/old/b").unlink()
    (root / "lib/old").rmdir()
    (root / "becomes-a-file/c").unlink()
    (root / "becomes-a-file").rmdir()
    (root / "becomes-a-file").write_text("now")
    (root / "bin").mkdir()
    (root / "bin/link").symlink_to("../lib/kept")
    (root / "empty").mkdir()
    (root / "tmp/y").write_text("")

    tree.mkdir()
    assert take_changes(str(root), before, str(tree)) == ["becomes-a-file", "lib/old"]
    found = {str(path.relative_to(tree)) for path in tree.rglob("*")}
    assert found == {"lib", "lib/changed", "bin", "bin/link", "empty", "becomes-a-file"}
    assert (tree / "lib/changed").read_text() == "another"
    assert os.readlink(tree / "bin/link") == "../lib/kept"
    assert (tree / "lib").stat().st_mode & 0o777 == 0o775


def test_packages_out_of_sight(tmp_path: Path) -> None:
    for folder, name in (("own", "seen"), ("debian", "torch"), ("debian", "pip")):
        info = tmp_path / folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    own, debian = str(tmp_path / "own"), str(tmp_path / "debian")
    assert packages_out_of_sight(["", own, debian], [own]) == ["torch"]
    assert packages_out_of_sight([own], [own]) == []
