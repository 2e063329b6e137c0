"""Submit → first log line in the notebook, image warm, against bare ``docker run`` in the same network mode."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ._bench import bare_first_byte_s, config, first_byte_s, workspace
from ._result import middle, print_result

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 11


def main() -> None:
    """Measure in turn, so that a busy machine slows both alike."""
    ours, bare = [], []
    with workspace() as made, tempfile.TemporaryDirectory() as folder:
        asked = config(Path(folder), "print('hello')\n")
        first_byte_s(made, asked)
        bare_first_byte_s("python", "-c", "print('hello')")
        for _ in range(ROUNDS):
            bare.append(bare_first_byte_s("python", "-c", "print('hello')"))
            ours.append(first_byte_s(made, asked))
            print(f"docker run {bare[-1]:.3f} s   jupyter_amltrain {ours[-1]:.3f} s", flush=True)
    extra = {"best": min(ours), "worst": max(ours), "bare_best": min(bare), "bare_worst": max(bare)}
    print_result("first_line", middle(ours), "s", baseline=middle(bare), extra=extra)


if __name__ == "__main__":
    main()
