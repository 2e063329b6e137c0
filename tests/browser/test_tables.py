"""The tables that magics return, in JupyterLab: numbers to the right, text to the left, no word cut in two."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from browser.lab import run_all_cells, take_picture, use_theme
from browser.server import write_notebook

CELLS = (
    "%load_ext jupyter_amltrain\nws = %aml_workspace pets --create\nws",
    "%aml_env plain --base python-base:1 --no-build --quiet",
    "run = %aml_submit --env plain --experiment digits --wait train.py",
    "%aml_runs",
    "%aml_env",
    "%aml_env --prune",
    "%aml_runs --prune",
    "%aml_env --check",
    "ws.experiments['digits']",
)
SIDES = {
    "workspace": {"left": ["Workspace", "Folder", "local", "none yet"], "right": []},
    "list": {"left": ["Run", "Completed", "plain", "What", "Found"], "right": ["Took", "Size", "Files", "Frees", "1"]},
    "experiment": {"left": ["Name", "digits"], "right": []},
}


def test_tables_of_magics(lab: str, page: Page, tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "train.py").write_text("open('left.bin', 'w').write('1' * 12345)\n")
    write_notebook(tmp_path / "notebooks" / "tables.ipynb", *CELLS)
    page.set_viewport_size({"width": 1000, "height": 2400})
    run_all_cells(page, lab.format(notebook="tables.ipynb"))
    for theme in ("Dark", "Light"):
        use_theme(page, f"JupyterLab {theme}")
        take_picture(page, f"tables-{theme.lower()}")
        for kind, sides in SIDES.items():
            found = cells_of(page, kind)
            for side, texts in sides.items():
                assert {*texts} <= {text for text, at, _ in found if at == side}
        assert [text for text, _, rows in cells_of(page, "list") if rows > 1 and " " not in text] == []


def cells_of(page: Page, kind: str) -> list[tuple[str, str, int]]:
    """Text, side and number of lines of each cell of the tables of a kind."""
    found: list[tuple[str, str, int]] = page.evaluate(
        """kind => [...document.querySelectorAll(`.jp-amltrain-${kind} :is(th, td)`)].map(cell => {
            const range = document.createRange();
            range.selectNodeContents(cell);
            const rows = new Set([...range.getClientRects()].map(each => each.top));
            return [cell.textContent, getComputedStyle(cell).textAlign, rows.size];
        })""",
        kind,
    )
    return found
