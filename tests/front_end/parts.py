"""The parts of the front end, bundled for a page of a test or a benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

FRONT_END = Path(__file__).parents[2] / "labextension"


def node_environment() -> dict[str, str]:
    """Where the Node of the extra "dev" is found first."""
    tools = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


def bundled(out: Path) -> tuple[str, str]:
    """JavaScript and style sheet of the parts and of the source that plays."""
    command = ["node_modules/.bin/esbuild", "page=test/page/page.ts", "page=style/run-view.css", "--bundle"]
    command += ["--format=iife", "--target=es2022", "--log-level=warning", f"--outdir={out}"]
    subprocess.run(command, cwd=FRONT_END, env=node_environment(), check=True)
    return (out / "page.js").read_text(), (out / "page.css").read_text()


def load(page: Page, bundle: tuple[str, str]) -> None:
    """Give a page the parts, and a place to put them."""
    script, style = bundle
    page.set_content("<!doctype html><html><body><main id=place></main></body></html>")
    page.add_style_tag(content=style)
    page.add_script_tag(content=script)
