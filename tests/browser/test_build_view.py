"""A build in the output of a cell: it appears, it is redrawn, it collapses; a failure stays open. In both themes."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

from browser.gate import Gate
from browser.lab import begin_all_cells, take_picture, use_theme, wait_for_all_cells
from browser.server import write_notebook

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_a_build_is_shown_as_it_goes(lab: str, page: Page, gate: Gate, tmp_path: Path) -> None:
    wait = gate.waiting
    program = f"""
import time
for number in range(300): print('collecting part', number)
print('\\x1b[32m{HOSTILE}\\x1b[0m', flush=True)
{wait}
print('through the first gate', flush=True)
{wait}
"""
    write_notebook(
        tmp_path / "notebooks" / "build.ipynb",
        "%load_ext jupyter_amltrain",
        "%%aml_env shown --context .\nFROM python-base:1\nRUN mkdir -p /data\nCOPY step.py /\n"
        f"RUN echo {uuid.uuid4().hex} && python3 /step.py\nRUN python3 -c 'import this' > /zen\nENV READY=1\n",
        "%%aml_env broken\nFROM python-base:1\nRUN echo fine\n"
        "RUN pip install --break-system-packages no-such-package-amltrain-5e1f\n",
    )
    (tmp_path / "notebooks" / "step.py").write_text(program)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.set_viewport_size({"width": 1200, "height": 900})
    try:
        begin_all_cells(page, lab.format(notebook="build.ipynb"))
        view = page.locator(".jp-amltrain-build").first
        window = view.locator(".jp-amltrain-log")
        expect(window).to_contain_text(HOSTILE, timeout=60_000)
        expect(view).to_contain_text("Building")
        expect(view.locator("tr", has=page.locator("td[title=running]"))).to_contain_text("RUN echo")
        expect(view.locator("td[title=waiting]")).to_have_count(1)
        for theme in ("Dark", "Light"):
            use_theme(page, f"JupyterLab {theme}")
            take_picture(page, f"build-running-{theme.lower()}")

        gate.open()
        expect(window).to_contain_text("through the first gate", timeout=30_000)
        gate.open()
        done = page.locator("details.jp-amltrain-build")
        done.wait_for(timeout=60_000)
        wait_for_all_cells(page)
        assert re.fullmatch(
            r"✓ shown:1 · Dockerfile · [\d.]+ s · [56] steps, [1-4] cached · \d+ MB",
            done.locator("summary").inner_text(),
        )
        expect(done.locator("table")).to_be_hidden()
        failed = page.locator("div.jp-amltrain-build")
        expect(failed).to_contain_text("Failed")
        expect(failed.locator("td[title=failed]")).to_have_count(1)
        for theme in ("Dark", "Light"):
            use_theme(page, f"JupyterLab {theme}")
            take_picture(page, f"build-done-{theme.lower()}")
        done.locator("summary").click()
        expect(done.locator("table")).to_be_visible()
        for theme in ("Dark", "Light"):
            use_theme(page, f"JupyterLab {theme}")
            take_picture(page, f"build-opened-{theme.lower()}")
    finally:
        take_picture(page, "build-last")
    shown = page.locator(".jp-Notebook").inner_text()
    assert "failed at line 4 of the cell" in shown
    assert "The whole log: " in shown
    assert "Traceback" not in shown
    assert dialogs == []

    page.keyboard.press("Control+s")
    page.locator(".jp-mod-dirty").wait_for(state="detached", timeout=30_000)
    saved = nbformat.read(tmp_path / "notebooks" / "build.ipynb", as_version=4)
    output = saved.cells[1].outputs[-1]
    assert output.data["text/plain"].startswith("✓ shown:1 · Dockerfile · ")
    assert "<script" not in output.data["text/html"]
    assert "through the first gate" in output.data["text/html"]
