"""Snapshot of 2,000 files / 287 MB: the first, of an unchanged folder, with one file changed; against ``cp -r``."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _result import middle, print_result

from jupyter_amltrain.submission.git import git_properties
from jupyter_amltrain.submission.ignore import walk
from jupyter_amltrain.submission.snapshot import take_snapshot, write_snapshot
from jupyter_amltrain.submission.stat_cache import RACY_NS

FILES = 2_000
SIZE_BYTES = 287_000_000
ROUNDS = 7


def make_tree(root: Path) -> None:
    """Many small files, few large ones, in 41 folders, with an ignore file of usual length."""
    chance = random.Random(1)
    weights = [chance.lognormvariate(0, 1.2) for _ in range(FILES - 1)]
    scale = SIZE_BYTES / sum(weights)
    for number, weight in enumerate(weights):
        file = root / f"part{number % 4}" / f"group{number % 40}" / f"file{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(int(weight * scale)))
    rules = ["*.pyc", "*.egg-info/", "build/", "!keep.log", "docs/_build/", "/site", *(f"*.ext{n}" for n in range(70))]
    (root / ".gitignore").write_text("\n".join(rules) + "\n")


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def main() -> None:
    base = Path(tempfile.mkdtemp(prefix="amltrain-bench-"))
    try:
        measure(base)
    finally:
        shutil.rmtree(base)


def measure(base: Path) -> None:
    source, copy = base / "source", base / "copy"
    make_tree(source)
    subprocess.run(["git", "init", "-q"], cwd=source, check=True)
    time.sleep(RACY_NS / 1e9 + 0.1)  # younger files are read twice, by intent
    first, unchanged, changed, written, walked, git, copied = ([] for _ in range(7))
    for number in range(ROUNDS):
        store = base / f"store{number}"

        def take(store: Path = store) -> str:
            return take_snapshot(source, store / "objects", store / "cache").id

        copied.append(seconds(lambda: subprocess.run(["cp", "-r", source, copy], check=True)))
        first.append(seconds(take))
        unchanged.append(seconds(take))
        (source / "part0/group0/file0.bin").write_bytes(random.Random(number).randbytes(143_000))
        changed.append(seconds(take))
        snapshot = take()
        written.append(seconds(lambda: write_snapshot(snapshot, store / "objects", store / "work")))  # noqa: B023
        walked.append(seconds(lambda: walk(source)))
        git.append(seconds(lambda: git_properties(source)))
        shutil.rmtree(store)
        shutil.rmtree(copy)
    figures = {
        "first_s": middle(first),
        "unchanged_s": middle(unchanged),
        "one_changed_s": middle(changed),
        "write_copy_s": middle(written),
        "walk_s": middle(walked),
        "git_s": middle(git),
        "cp_r_s": middle(copied),
        "files": FILES,
        "size_mb": SIZE_BYTES / 1e6,
    }
    for name, figure in figures.items():
        print(f"{name:>14}  {figure:.4g}")
    print_result("snapshot", middle(first), "s", baseline=middle(copied), extra=figures)


if __name__ == "__main__":
    main()
