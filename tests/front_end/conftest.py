"""Parts of the view in Chromium, over a source that the test plays; the whole, with real runs, is in tests/browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from browser.chromium import chromium_page
from front_end.parts import bundled, load

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


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """JavaScript and style sheet of the parts and of the source that plays."""
    return bundled(tmp_path_factory.mktemp("front-end"))


@pytest.fixture
def view_page(bundle: tuple[str, str]) -> Iterator[Page]:
    """A page that has the parts; errors in it fail the test."""
    errors: list[str] = []
    with chromium_page() as page:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_viewport_size({"width": 1000, "height": 900})
        load(page, bundle)
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
