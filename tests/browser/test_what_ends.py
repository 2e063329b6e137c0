"""What ends while a run is watched, and what is missing on the server; seen in JupyterLab, as a person would see it."""

from __future__ import annotations

import json
from pathlib import Path

import docker
from playwright.sync_api import Page, expect

from browser.lab import begin_all_cells, open_notebook, run_cell, take_picture
from browser.server import running_lab, write_notebook
from browser.test_run_view import AGAIN, PLAIN, START, UNTIL_TOLD, last_run, let_it_end, views

KILL_KERNEL = "import os\nos.kill(os.getpid(), 9)\n"


def test_a_container_is_killed_and_the_run_submitted_again(
    lab: str, page: Page, tmp_path: Path, docker_host: str
) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, UNTIL_TOLD)
    page.set_viewport_size({"width": 1000, "height": 1100})
    try:
        begin_all_cells(page, lab.format(notebook="view.ipynb"))
        view = views(page)
        expect(view.get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        _, run_id = last_run()
        running = docker.DockerClient(docker_host).containers.list()
        (container,) = [container for container in running if run_id in json.dumps(container.attrs)]
        container.kill()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Failed", timeout=30_000)
        card = view.get_by_role("region", name="Why it failed")
        expect(card).to_contain_text("It was killed from outside. exit code 137, SIGKILL")
        view.get_by_role("button", name="Rerun").click()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Running", timeout=30_000)
        expect(view.get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        let_it_end()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=30_000)
        view.get_by_label("More").click()
        view.get_by_role("button", name="Put the cell back").click()
        expect(page.locator(".jp-Notebook .jp-CodeCell").nth(3)).to_contain_text("%%aml_submit --env plain")
    finally:
        take_picture(page, "walk-container")


def test_a_kernel_is_killed(lab: str, page: Page, tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, UNTIL_TOLD, KILL_KERNEL, AGAIN)
    page.set_viewport_size({"width": 1000, "height": 1100})
    try:
        open_notebook(page, lab.format(notebook="view.ipynb"))
        for cell in range(3):
            run_cell(page, cell)
        expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        run_cell(page, 3)
        page.locator(".jp-Dialog .jp-mod-accept").click(timeout=60_000)
        expect(page.locator(".jp-amltrain-lost").first).to_contain_text("kernel", timeout=30_000)
        take_picture(page, "walk-kernel-lost")
        run_cell(page, 4)
        expect(views(page)).to_have_count(2, timeout=60_000)
        expect(views(page).nth(1).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        let_it_end()
        expect(views(page).nth(1).locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=30_000)
    finally:
        take_picture(page, "walk-kernel")


def test_a_server_without_our_lab_extension(docker_host: str, amltrain_home: Path, page: Page, tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, UNTIL_TOLD)
    page.set_viewport_size({"width": 1000, "height": 1100})
    with running_lab(tmp_path / "notebooks", tmp_path) as url:
        begin_all_cells(page, url.format(notebook="view.ipynb"))
        expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        let_it_end()
        expect(page.locator(".jp-amltrain-saved")).to_contain_text("the last line", timeout=60_000)
