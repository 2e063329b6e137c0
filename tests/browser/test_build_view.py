"""A build in the output of a cell, live: its steps and its log, why it failed, a click that ends it. In both themes."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

from browser.gate import Gate
from browser.lab import (
    begin_all_cells,
    open_notebook,
    pictures,
    restart_kernel,
    run_cell,
    save,
    take_picture,
    wait_for_all_cells,
)
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
        view = page.locator(".jp-amltrain-run-view:visible").first
        log = view.get_by_role("log")
        expect(log).to_contain_text(HOSTILE, timeout=60_000)
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Building")
        expect(view.locator(".jp-amltrain-place")).to_have_text("Dockerfile on python-base:1")
        expect(view.locator("[aria-current=step]")).to_contain_text("RUN echo")
        expect(view.locator(".jp-amltrain-phase.jp-amltrain-todo")).to_have_count(1)
        search = view.get_by_role("searchbox")
        search.fill("collecting part 123")
        expect(view.get_by_role("button", name="Next match")).to_be_visible(timeout=30_000)
        search.press("Enter")
        expect(log.locator("mark", has_text="collecting part 123").first).to_be_visible(timeout=30_000)
        search.press("Escape")
        view.get_by_role("button", name="Follow").click()
        pictures(page, "build-running")

        gate.open()
        expect(log).to_contain_text("through the first gate", timeout=30_000)
        gate.open()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
        wait_for_all_cells(page)
        pictures(page, "build-done")
        failed = page.locator(".jp-amltrain-run-view:visible").nth(1)
        expect(failed.locator(".jp-amltrain-chip")).to_have_text("Failed")
        expect(failed.locator(".jp-amltrain-phase.jp-amltrain-failed")).to_have_count(1)
        card = failed.get_by_role("region", name="Why it failed")
        expect(card).to_contain_text("failed at line 4 of the cell")
        expect(card).to_contain_text("no package no-such-package-amltrain-5e1f")
        failed.scroll_into_view_if_needed()
        pictures(page, "build-failed")
        expect(failed.locator(".jp-amltrain-failed")).to_have_css("border-left-color", "rgb(198, 40, 40)")
    finally:
        take_picture(page, "build-last")
    shown = page.locator(".jp-Notebook").inner_text()
    assert "The whole log: " in shown
    assert "Traceback" not in shown
    assert dialogs == []

    save(page)
    saved = nbformat.read(tmp_path / "notebooks" / "build.ipynb", as_version=4)
    output = saved.cells[1].outputs[-1]
    assert re.fullmatch(
        r"✓ shown:1 · Dockerfile · [\d.]+ s · [56] steps, [1-4] cached · \d+ MB", output.data["text/plain"]
    )
    assert "<script" not in output.data["text/html"]
    assert "through the first gate" in output.data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in output.data


def test_a_click_ends_a_build(lab: str, page: Page, gate: Gate, tmp_path: Path) -> None:
    wait = f"print('begun', flush=True); {gate.waiting}"
    write_notebook(
        tmp_path / "notebooks" / "build.ipynb",
        "%load_ext jupyter_amltrain",
        f'%%aml_env slow\nFROM python-base:1\nRUN echo {uuid.uuid4().hex}; python3 -c "{wait}"\n',
    )
    try:
        begin_all_cells(page, lab.format(notebook="build.ipynb"))
        view = page.locator(".jp-amltrain-run-view:visible")
        expect(view.get_by_role("log")).to_contain_text("begun", timeout=60_000)
        view.get_by_role("button", name="Cancel").click()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Canceled", timeout=30_000)
        wait_for_all_cells(page)
    finally:
        take_picture(page, "build-canceled")
    shown = page.locator(".jp-Notebook").inner_text()
    assert "Stopped while building environment 'slow'" in shown
    assert "Traceback" not in shown


def test_a_build_goes_on_through_a_reload_and_ends_with_its_kernel(
    lab: str, page: Page, gate: Gate, tmp_path: Path
) -> None:
    wait = f"print('begun', flush=True); {gate.waiting}; print('let through', flush=True); {gate.waiting}"
    cell = '%%aml_env {}\nFROM python-base:1\nRUN echo {}; python3 -c "{}"\n'
    write_notebook(
        tmp_path / "notebooks" / "build.ipynb",
        "%load_ext jupyter_amltrain",
        cell.format("slow", uuid.uuid4().hex, wait),
        cell.format("killed", uuid.uuid4().hex, wait),
    )
    view = page.locator(".jp-amltrain-run-view:visible")
    story = page.locator(".jp-amltrain-build:visible")
    try:
        open_notebook(page, lab.format(notebook="build.ipynb"))
        for number in (0, 1):
            run_cell(page, number)
        expect(view.get_by_role("log")).to_contain_text("begun", timeout=60_000)
        save(page)
        page.reload()
        # No widget can be had of a kernel that runs a cell: until it ends there is the HTML, which goes on.
        expect(story).to_contain_text("begun", timeout=60_000)
        gate.open()
        expect(story).to_contain_text("let through", timeout=60_000)
        take_picture(page, "build-reloaded")
        gate.open()
        expect(view.first.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
        expect(view.first.get_by_role("log")).to_contain_text("let through")

        run_cell(page, 2)
        expect(view.nth(1).get_by_role("log")).to_contain_text("begun", timeout=60_000)
        restart_kernel(page)
        expect(view.nth(1).locator(".jp-amltrain-chip")).to_have_text("Canceled", timeout=60_000)
        expect(view.nth(1).locator(".jp-amltrain-lost")).to_contain_text("The build ended with it")
        expect(view.first.locator(".jp-amltrain-chip")).to_have_text("Completed")
        expect(view.first.locator(".jp-amltrain-lost")).to_have_text("The kernel is gone.")
        take_picture(page, "build-restarted")
        save(page)
        page.reload()
        # The last that was heard of the build before it was saved: its end, as a rule.
        expect(story.nth(1)).to_contain_text(re.compile("Stopped|as of 20"), timeout=60_000)
    finally:
        take_picture(page, "build-reloaded-last")
