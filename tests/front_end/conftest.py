"""Parts of the view in Chromium, over a source that the test plays; the whole, with real runs, is in tests/browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from browser.chromium import chromium_page
from front_end.parts import bundled, load

THEMES = Path(sys.prefix) / "share" / "jupyter" / "lab" / "themes" / "@jupyterlab"


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
    """Colours and sizes of JupyterLab's own theme, light or dark, as an output has them around it."""
    page.evaluate(
        """([sheet, light]) => {
            let theme = document.querySelector('#theme');
            theme ??= document.head.appendChild(Object.assign(document.createElement('style'), {id: 'theme'}));
            theme.textContent = sheet;
            document.body.style.cssText = 'background:var(--jp-layout-color0);margin:12px';
            document.body.dataset.jpThemeLight = light;
        }""",
        [(THEMES / f"theme-{name}-extension" / "index.css").read_text(), str(name == "light").lower()],
    )
