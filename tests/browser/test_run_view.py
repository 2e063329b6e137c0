"""The live view of a run: JupyterLab in a browser, real containers behind."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Locator, Page, expect

from browser.lab import begin_all_cells, open_notebook, pictures, restart_kernel, run_cell, save, take_picture
from browser.server import write_notebook
from jupyter_amltrain import Workspace
from jupyter_amltrain.runs.folder import DRIVER_LOG
from jupyter_amltrain.runs.follow import follow
from jupyter_amltrain.widget.showing import RUN

START = """\
%load_ext jupyter_amltrain
from jupyter_amltrain import *
ws = Workspace.create("viewed", exist_ok=True, show_output=False)
%aml_workspace viewed
"""
PLAIN = "%%aml_env plain --no-build --quiet\nFROM python-base:1\n"
TRAIN = """\
%%aml_submit --env plain --out run
import math, time
from azureml.core import Run
run = Run.get_context()
print("epoch  train_loss", flush=True)
for step in range(4000):
    run.log("train_loss", math.exp(-step / 40) + 0.02 * math.sin(step))
    run.log("valid_loss", math.exp(-step / 45) + 0.05)
    if step % 10 == 0:
        print(f"\\x1b[32m{step // 10}\\x1b[0m      {math.exp(-step / 40):.4f}", flush=True)
    time.sleep(0.05)
"""
UNTIL_TOLD = """\
%%aml_submit --env plain
import os, time
from azureml.core import Run
run = Run.get_context()
print("the first line", flush=True)
step = 0
while not os.path.exists("outputs/go"):
    step += 1
    run.log("loss", 1 / step)
    time.sleep(0.05)
print("the last line", flush=True)
"""
AGAIN = "%load_ext jupyter_amltrain\n%aml_workspace viewed\n%aml_run last\n"


def views(page: Page) -> Locator:
    return page.locator(".jp-amltrain-run-view:visible")


def saved_output(tmp_path: Path, cell: int) -> dict[str, Any]:
    """What the saved notebook has of the last output of a cell."""
    notebook = nbformat.read(tmp_path / "notebooks" / "view.ipynb", as_version=4)
    return dict(notebook.cells[cell].outputs[-1].data)


def expect_story(data: dict[str, Any], *words: str) -> None:
    """A saved output tells this without a kernel and without a script."""
    assert set(data) == {RUN, "text/html", "text/plain"}
    for word in words:
        assert word in data["text/html"]
        assert word in data["text/plain"]
    assert "<script" not in data["text/html"]


def save_story(page: Page, tmp_path: Path, cell: int, state: str) -> dict[str, Any]:
    """Save the notebook until it keeps the end of a run; the view tells of the end a moment earlier."""
    save(page)
    while state not in (output := saved_output(tmp_path, cell))["text/html"]:
        page.locator(".jp-mod-dirty").first.wait_for(timeout=30_000)
        save(page)
    return output


def last_run() -> tuple[Workspace, str]:
    workspace = Workspace.get("viewed")
    return workspace, workspace.store.runs(limit=1)[0].id


def let_it_end() -> None:
    """Tell the script of UNTIL_TOLD to end, and wait until its run is over."""
    workspace, run_id = last_run()
    folder = workspace.run_folder(run_id)
    (folder / "outputs" / "go").touch()
    for _ in follow(workspace.store, folder, run_id):
        pass


def test_a_run_is_watched_and_canceled_by_clicks(lab: str, page: Page, errors: list[str], tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, TRAIN)
    page.set_viewport_size({"width": 1200, "height": 1100})
    try:
        begin_all_cells(page, lab.format(notebook="view.ipynb"))
        view = views(page)
        expect(view.get_by_role("log")).to_contain_text("epoch  train_loss", timeout=60_000)
        expect(view.locator(".uplot").first).to_be_visible()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Running")
        expect(view.get_by_role("log")).to_contain_text("5      ", timeout=60_000)
        pictures(page, "run-running")
        view.get_by_role("tab", name="Log").press("End")
        expect(view.get_by_role("tab", name="Command")).to_be_focused()
        for key in ("x", "ArrowDown", "Home"):  # x would cut the cell, and the arrow choose the next
            page.keyboard.press(key)
        expect(view.get_by_role("tab", name="Log")).to_be_focused()
        save(page)
        assert "application/vnd.jupyter.widget-view+json" in saved_output(tmp_path, 2)
        view.get_by_role("button", name="Cancel").click()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Canceled", timeout=30_000)
        # The end makes the notebook worth saving, and takes nothing from the screen.
        expect_story(save_story(page, tmp_path, 2, "Canceled"), "Canceled", "train_loss")
        expect(view.get_by_role("log")).to_be_visible()
    finally:
        take_picture(page, "run-last")
    assert errors == []


def test_the_view_comes_back(lab: str, page: Page, errors: list[str], tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, UNTIL_TOLD, AGAIN)
    url = lab.format(notebook="view.ipynb")
    page.set_viewport_size({"width": 1200, "height": 1600})
    try:
        open_notebook(page, url)
        for cell in range(3):
            run_cell(page, cell)
        expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        save(page)

        page.reload()
        expect(views(page).get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        expect(views(page).locator(".uplot").first).to_be_visible()

        page.goto("about:blank")
        let_it_end()
        page.goto(url)
        expect(views(page).locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
        expect(views(page).get_by_role("log")).to_contain_text("the last line")
        expect_story(save_story(page, tmp_path, 2, "Completed"), "Completed", "loss", "the last line")

        restart_kernel(page)
        expect(page.locator(".jp-amltrain-lost").first).to_contain_text("kernel", timeout=30_000)
        run_cell(page, 3)
        expect(views(page)).to_have_count(2, timeout=60_000)
        expect(views(page).nth(1).get_by_role("log")).to_contain_text("the last line", timeout=60_000)
        save(page)

        # Opened where the kernel is another: what was kept, instead of an error.
        restart_kernel(page)
        expect(page.locator(".jp-amltrain-lost")).to_have_count(2, timeout=30_000)
        page.reload()
        story = page.locator(".jp-amltrain-saved")
        expect(story).to_have_count(2, timeout=60_000)
        expect(story.first).to_contain_text("the last line")
        assert "Error displaying widget" not in page.locator(".jp-Notebook").inner_text()
    finally:
        take_picture(page, "run-came-back")
    assert errors == []
    assert json.dumps(saved_output(tmp_path, 2)).count("Completed")


STORM = """\
%%aml_submit --env plain --no-system-metrics
import math
from azureml.core import Run
run = Run.get_context()
for number in range(100_000):
    print("line %6d of a training script that says rather a lot, 69 bytes long" % number)
    for name in ("first", "second", "third"):
        run.log(name, math.sin(number / 1000) + number / 50_000)
for name in ("first", "second", "third"):
    run.log(name, 4242)
print("that was all")
"""
FRAMES = """() => {
    window.frames = [];
    let before = performance.now();
    const frame = now => { window.frames.push(now - before); before = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
}"""
MOST_GROWTH_BYTES = 64 << 20


def heap_bytes(page: Page) -> int:
    """What the page's scripts keep, after a collection."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    return int(devtools.send("Runtime.getHeapUsage")["usedSize"])


def longest_task_ms(trace: bytes) -> float:
    """Time of the processor, which others take nothing from, that the longest task of the page's main thread took."""
    events = json.loads(trace)["traceEvents"]
    named = [event for event in events if event["name"] == "thread_name"]
    main = {(each["pid"], each["tid"]) for each in named if each["args"]["name"] == "CrRendererMain"}
    tasks = [event for event in events if event["name"] == "ThreadControllerImpl::RunTask"]
    return max(task.get("tdur", 0) for task in tasks if (task["pid"], task["tid"]) in main) / 1000


def test_a_storm_leaves_the_page_usable(lab: str, page: Page, errors: list[str], tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, STORM)
    page.set_viewport_size({"width": 1200, "height": 1600})
    try:
        begin_all_cells(page, lab.format(notebook="view.ipynb"))
        view = views(page)
        expect(view.get_by_role("log")).to_contain_text("a training script", timeout=60_000)
        before = heap_bytes(page)
        page.evaluate(FRAMES)
        browser = page.context.browser
        assert browser
        browser.start_tracing(page=page, categories=["toplevel"])
        view.get_by_role("tab", name="Environment").click()
        expect(view.get_by_role("tabpanel", name="Environment")).to_contain_text("plain")
        view.get_by_role("tab", name="Log").click()
        expect(view.get_by_role("log")).to_contain_text("that was all", timeout=120_000)
        for chart in range(3):
            expect(view.locator(".jp-amltrain-chart").nth(chart)).to_contain_text("4,242", timeout=60_000)
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
        longest = longest_task_ms(browser.stop_tracing())
        frames = sorted(page.evaluate("window.frames"))
        grown = heap_bytes(page) - before
        print(f"worst frame {frames[-1]:.0f} ms of {len(frames)}, p99 {frames[len(frames) * 99 // 100]:.0f} ms")
        print(f"longest task {longest:.0f} ms of the processor")
        print(f"heap {before / 1e6:.1f} MB and {grown / 1e6:+.1f} MB")
        assert grown < MOST_GROWTH_BYTES
        search = view.get_by_role("searchbox")
        search.fill("line   1234 of")
        expect(view.get_by_role("button", name="Next match")).to_be_visible(timeout=30_000)
        search.press("Enter")
        expect(view).to_contain_text("line   1234 of", timeout=30_000)
        expect_story(save_story(page, tmp_path, 2, "Completed"), "that was all")
        assert (tmp_path / "notebooks" / "view.ipynb").stat().st_size < 250_000
    finally:
        take_picture(page, "run-storm")
    assert errors == []


MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
HOSTILE = f"""\
%%aml_submit --env plain --tag "<b>key</b>=<i>value</i>"
from azureml.core import Run
run = Run.get_context()
print("x" * 1_000_000)
print({MARKUP!r})
print("\\x1b]8;;javascript:alert(3)\\x07click me\\x1b]8;;\\x07 \\x1b]0;title\\x07")
print("user\\u202egpj.exe")
for step in range(3):
    run.log({MARKUP!r}, step)
run.log("words", {MARKUP!r})
print("the last line")
"""


def test_hostile_words_stay_text(lab: str, page: Page, errors: list[str], tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, HOSTILE)
    page.set_viewport_size({"width": 1200, "height": 1600})
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    url = lab.format(notebook="view.ipynb")
    try:
        begin_all_cells(page, url)
        view = views(page)
        log = view.get_by_role("log")
        expect(log).to_contain_text("the last line", timeout=60_000)
        expect(log).to_contain_text(MARKUP)
        expect(log).to_contain_text("click me")
        expect(view.locator(".jp-amltrain-chart-title")).to_contain_text("onerror")
        assert "\u202e" not in log.inner_text()
        for tab in ("Values", "Parameters", "Environment", "Command"):
            view.get_by_role("tab", name=tab).click()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
        save_story(page, tmp_path, 2, "Completed")
        restart_kernel(page)
        expect(page.locator(".jp-amltrain-lost")).to_have_count(1, timeout=30_000)
        page.reload()
        expect(page.locator(".jp-amltrain-saved")).to_contain_text("onerror", timeout=60_000)
    finally:
        take_picture(page, "run-hostile")
    assert page.locator("img[src=x], a[href^=javascript]").count() == 0
    assert dialogs == []
    assert errors == []


MANY = """\
for number in range(20):
    script = f"print('this is number {number}')"
    display(get_ipython().run_cell_magic("aml_submit", "--env plain", script))
"""
TWICE = "run = %aml_run last\n%aml_run last\n"


def test_many_runs_and_two_views_of_one(lab: str, page: Page, errors: list[str], tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, MANY, TWICE)
    page.set_viewport_size({"width": 1200, "height": 1600})
    try:
        begin_all_cells(page, lab.format(notebook="view.ipynb"))
        expect(views(page)).to_have_count(22, timeout=180_000)
        for number in range(20):
            view = views(page).nth(number)
            view.scroll_into_view_if_needed()
            expect(view.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=180_000)
            expect(view.get_by_role("log")).to_contain_text(f"this is number {number}", timeout=30_000)
        for number in (20, 21):
            expect(views(page).nth(number).get_by_role("log")).to_contain_text("this is number 19", timeout=30_000)
            expect(views(page).nth(number).locator(".jp-amltrain-chip")).to_have_text("Completed")
    finally:
        take_picture(page, "run-many")
    assert errors == []


ENDLESS = """\
%%aml_submit --env plain
import time
while True:
    print("x" * 999, flush=True)
    time.sleep(0.01)
"""


def test_a_page_that_is_closed_is_sent_nothing(lab: str, page: Page, tmp_path: Path) -> None:
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, ENDLESS)
    try:
        begin_all_cells(page, lab.format(notebook="view.ipynb"))
        expect(views(page).get_by_role("log")).to_contain_text("xxxx", timeout=60_000)
        save(page)
        page.goto("about:blank")
        connection = next((tmp_path / "runtime").glob("kernel-*.json"))
        # In a thread of its own: the client of the kernel wants no event loop, and Playwright has one here.
        with ThreadPoolExecutor(1) as beside:
            beside.submit(wait_for_silence, connection).result(240)
    finally:
        workspace, run_id = last_run()
        workspace.get_run(run_id).cancel()


def wait_for_silence(connection: Path) -> None:
    """Wait until a kernel says nothing to its widgets while the log of the run that they show grows by 100 kB."""
    kernel = BlockingKernelClient(connection_file=str(connection))
    kernel.load_connection_file()
    kernel.start_channels()
    try:
        kernel.wait_for_ready(60)
        for _ in range(40):
            if not sent_while_the_log_grows(kernel):
                return
        raise AssertionError("the kernel goes on sending")
    finally:
        kernel.stop_channels()


def sent_while_the_log_grows(kernel: BlockingKernelClient) -> int:
    """Messages to widgets while the log of the last run grows by 100 kB."""
    workspace, run_id = last_run()
    folder = workspace.run_folder(run_id)
    end = (folder / DRIVER_LOG).stat().st_size + 100_000
    next(update for update in follow(workspace.store, folder, run_id) if update.cursor > end)
    count = 0
    request = kernel.execute("pass")
    while True:
        message = kernel.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == request and message["content"].get("execution_state") == "idle":
            return count
        count += message["msg_type"] == "comm_msg"


def test_a_cell_that_waits_has_a_live_view(lab: str, page: Page, errors: list[str], tmp_path: Path) -> None:
    waiting = UNTIL_TOLD.replace("--env plain", "--env plain --wait")
    write_notebook(tmp_path / "notebooks" / "view.ipynb", START, PLAIN, waiting)
    page.set_viewport_size({"width": 1200, "height": 1600})
    try:
        begin_all_cells(page, lab.format(notebook="view.ipynb"))
        view = views(page)
        expect(view.get_by_role("log")).to_contain_text("the first line", timeout=60_000)
        expect(view.locator(".uplot").first).to_be_visible()
        prompt = page.locator(".jp-CodeCell .jp-InputPrompt").nth(2)
        expect(prompt).to_contain_text("[*]")
        view.get_by_role("tab", name="Environment").click()
        view.get_by_role("tab", name="Log").click()
        view.get_by_role("button", name="Cancel").click()
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Canceled", timeout=30_000)
        expect(prompt).to_contain_text("[3]", timeout=30_000)
        expect(views(page)).to_have_count(1)
    finally:
        take_picture(page, "run-waited-for")
    assert errors == []
