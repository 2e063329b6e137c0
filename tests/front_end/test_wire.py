"""The shapes that the front end knows are those that Python sends."""

from __future__ import annotations

import runpy
from pathlib import Path

FRONT_END = Path(__file__).parents[2] / "labextension"


def test_wire_is_what_python_sends() -> None:
    made = runpy.run_path(str(FRONT_END / "make_wire.py"))
    assert (FRONT_END / "src" / "wire.ts").read_text() == made["wire"](), "run: python labextension/make_wire.py"
