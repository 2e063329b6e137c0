"""Snapshot of 2,000 files / 287 MB: the first, of an unchanged folder, with one file changed; against ``cp -r``."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from jupyter_amltrain.submission.git import git_properties
from jupyter_amltrain.submission.ignore import walk
from jupyter_amltrain.submission.snapshot import take_snapshot, write_snapshot
from jupyter_amltrain.submission.stat_cache import RACY_NS

from ._result import middle, print_result

FILES = 2_000
SIZE_BYTES = 287_000_000
ROUNDS = 5


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
    os.sync()  # so that no step pays for writing back what another one wrote
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def measure(base: Path) -> None:
    source = base / "source"
    make_tree(source)
    subprocess.run(["git", "init", "-q"], cwd=source, check=True)
    time.sleep(RACY_NS / 1e9 + 0.1)  # younger files are read twice, by intent
    zeros = bytes(SIZE_BYTES)
    figures: dict[str, list[float]] = defaultdict(list)

    def record(name: str, act: Callable[[], object]) -> None:
        figures[name].append(seconds(act))

    for number in range(ROUNDS):
        # Nothing is removed before the end: ext4 is slow to give out inodes that were freed a moment ago.
        place = base / f"round{number}"
        objects, cache = place / "objects", place / "cache"
        place.mkdir()
        record("sha256_s", lambda: hashlib.sha256(zeros))  # how fast this machine is just now
        record("cp_r_s", lambda: subprocess.run(["cp", "-r", source, place / "cp"], check=True))  # noqa: B023
        cpu = time.process_time()
        record("first_s", lambda: take_snapshot(source, objects, cache))  # noqa: B023
        figures["first_cpu_s"].append(time.process_time() - cpu)
        record("unchanged_s", lambda: take_snapshot(source, objects, cache))  # noqa: B023
        (source / "part0/group0/file0.bin").write_bytes(random.Random(number).randbytes(143_000))
        record("one_changed_s", lambda: take_snapshot(source, objects, cache))  # noqa: B023
        snapshot = take_snapshot(source, objects, cache)
        record("private_copy_s", lambda: write_snapshot(snapshot.id, objects, place / "work"))  # noqa: B023
        record("walk_s", lambda: walk(source))
        record("git_s", lambda: git_properties(source))
    extra = {name: middle(values) for name, values in figures.items()}
    for name, figure in extra.items():
        print(f"{name:>16}  {figure:.3f}  (best {min(figures[name]):.3f})")
    extra["first_best_s"] = min(figures["first_s"])
    print_result("snapshot", extra["first_s"], "s", baseline=extra["cp_r_s"], extra=extra)


def main() -> None:
    base = Path(tempfile.mkdtemp(prefix="amltrain-bench-"))
    try:
        measure(base)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
