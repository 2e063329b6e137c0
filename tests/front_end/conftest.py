"""Parts of the view in Chromium, over a source that the test plays; the whole, with real runs, is in tests/browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from browser.chromium import chromium_page

FRONT_END = Path(__file__).parents[2] / "labextension"
THEMES = {
    "light": {
        "layout-color1": "#fff",
        "layout-color2": "#f5f5f5",
        "border-color2": "#e0e0e0",
        "ui-font-color1": "#212121",
    },
    "dark": {
        "layout-color1": "#111",
        "layout-color2": "#212121",
        "border-color2": "#424242",
        "ui-font-color1": "#fff",
    },
}
MUTED = {"light": "#616161", "dark": "#bdbdbd"}


def node_environment() -> dict[str, str]:
    """Where the Node of the extra "dev" is found first."""
    tools = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """JavaScript and style sheet of the parts and of the source that plays."""
    out = tmp_path_factory.mktemp("front-end")
    command = ["node_modules/.bin/esbuild", "page=test/page/page.ts", "page=style/run-view.css", "--bundle"]
    command += ["--format=iife", "--target=es2022", f"--outdir={out}"]
    subprocess.run(command, cwd=FRONT_END, env=node_environment(), check=True)
    return (out / "page.js").read_text(), (out / "page.css").read_text()


@pytest.fixture
def view_page(bundle: tuple[str, str]) -> Iterator[Page]:
    """A page that has the parts; errors in it fail the test."""
    script, style = bundle
    errors: list[str] = []
    with chromium_page() as page:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_viewport_size({"width": 1000, "height": 900})
        page.set_content("<!doctype html><html><body><main id=place></main></body></html>")
        page.add_style_tag(content=style)
        page.add_script_tag(content=script)
        use_theme(page, "light")
        yield page
    assert errors == []


def use_theme(page: Page, name: str) -> None:
    """The colours that JupyterLab's theme gives."""
    variables = {**THEMES[name], "ui-font-color2": MUTED[name]}
    text = ";".join(f"--jp-{variable}:{colour}" for variable, colour in variables.items())
    page.evaluate(
        "([text, light]) => { document.body.dataset.jpThemeLight = light; document.body.style.cssText = text +"
        " ';background:var(--jp-layout-color1);margin:12px' }",
        [text, "true" if name == "light" else "false"],
    )
