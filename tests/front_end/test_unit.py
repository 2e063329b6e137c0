"""The pure parts of the front end by their own tests, and its types."""

from __future__ import annotations

import subprocess

import pytest

from front_end.parts import FRONT_END, node_environment


@pytest.mark.parametrize("command", [["jlpm", "test"], ["jlpm", "tsc", "--noEmit"]], ids=["tests", "types"])
def test_the_front_end_s_own(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=FRONT_END, env=node_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
