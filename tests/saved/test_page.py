"""A run as HTML and text: the story is there, nothing but text of others comes through, and it stays small."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.runs import status as states
from jupyter_amltrain.runs.folder import code_folder
from jupyter_amltrain.runs.record import SYSTEM, NewPoint
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.saved import run_bundle, run_html, run_text
from jupyter_amltrain.saved.numbers import measured, number
from jupyter_amltrain.saved.story import MOST_LINES, sparkline
from jupyter_amltrain.workspace import Workspace
from runs.by_hand import enter_run
from saved.harmless import HOSTILE, harmless


@pytest.fixture
def workspace(amltrain_home: Path) -> Workspace:
    return Workspace.create("saved", show_output=False)


def log(workspace: Workspace, run: ScriptRun, *points: NewPoint) -> None:
    workspace.store.add_points(workspace.store.run(run.id), points)


def scalar(name: str, value: Any, step: float | None = None, **more: Any) -> NewPoint:
    return NewPoint(name, "scalar", value, step, more.pop("at", 1000.0), more.pop("rank", 0), **more)


def story(text: str) -> list[str]:
    lines = text.split("\n")
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 160
    assert not {*text} & {"\u202e", "\x1b", "\x00"}
    return lines


def test_a_run_that_went_well(workspace: Workspace) -> None:
    run = enter_run(workspace, log=b"\x1b[1mepoch\x1b[0m\n10%\r100%\n", tags={"model": "resnet34"})
    for step in range(1000):
        log(workspace, run, scalar("train_loss", math.exp(-step / 300), step))
    log(workspace, run, *(scalar("valid_loss", 1 / (1 + epoch), epoch * 100, source="fastai") for epoch in range(5)))
    log(
        workspace, run, scalar("accuracy", 0.93), scalar("note", "good"), NewPoint("row", "row", {"a": 1}, None, 1.0, 0)
    )
    log(workspace, run, *(scalar("system/memory", 1e9 + at, at=1000.0 + at, source=SYSTEM) for at in range(50)))
    (code_folder(workspace.run_folder(run.id)) / "outputs/model.pkl").write_bytes(b"1" * 1500)
    workspace.store.move(run.id, states.COMPLETED)
    html, text = run_html(workspace, run.id), run_text(workspace, run.id)
    assert run_bundle(workspace, run.id) == {"text/html": html, "text/plain": text}

    page = harmless(html)
    for words in (
        *("pets", "Completed", "train.py --lr 0.1", "gpu-cluster (scripted)", "fastai2", run.id, f"%aml_run {run.id}"),
        *("loss", "train_loss", "valid_loss", "resnet34", "outputs/model.pkl", "1.5 kB", "1,000", "fastai", "0.93"),
        *("good", '{"a": 1}', "memory", "epoch", "100%"),
    ):
        assert words in page.text, words
    assert "10%" not in page.text.replace("100%", "")
    assert html.count("<svg") == 2  # both losses share one, and the memory
    points = re.findall(r'points="([^"]*)"', html)
    assert max(len(line.split()) for line in points) <= 200
    assert all(0 <= float(value) <= 288 for line in points for value in re.split("[ ,]", line))
    assert len(html) < 40_000

    lines = story(text)
    assert lines[0].startswith("✓ pets · Completed after ")
    assert any(re.match(r"  train_loss +█▇.*▁  0\.03579  \(0\.03579 … 1, 1,000 values\)", line) for line in lines)
    assert "  | 100%" in lines
    assert lines[-1].startswith(f"%aml_run {run.id}")


def test_a_failed_run_says_why(workspace: Workspace) -> None:
    frame = '  File "/amltrain/run/code/train.py", line 41, in fit\n    import cv2\n'
    trace = f"Traceback (most recent call last):\n{frame}ModuleNotFoundError: No module named 'cv2'\n"
    run = enter_run(workspace, log=f"epoch 1\n{trace}".encode())
    error = {"code": "UserError", "message": "User program failed with ModuleNotFoundError: No module named 'cv2'"}
    workspace.store.move(run.id, states.RUNNING)
    workspace.store.move(run.id, states.FINALIZING, exit={"code": 1, "reason": "It failed."})
    workspace.store.move(run.id, states.FAILED, error["message"], error=error)
    page = harmless(run_html(workspace, run.id))
    text = "\n".join(story(run_text(workspace, run.id)))
    for shown in (page.text, text):
        for words in (
            "ModuleNotFoundError: No module named 'cv2'",
            "train.py:41",
            "import cv2",
            "opencv-python-headless",
        ):
            assert words in shown
    assert "exit code 1" in text


def test_a_canceled_run_says_in_which_phase(workspace: Workspace) -> None:
    run = enter_run(workspace)
    for status in (states.RUNNING, states.CANCEL_REQUESTED, states.FINALIZING, states.CANCELED):
        workspace.store.move(run.id, status)
    cells = re.findall(r'<td style="[^"]*border-top:3px solid ([^;"]+)[^"]*">(\w+)([^<]*)', run_html(workspace, run.id))
    assert [name for colour, name, words in cells if "canceled" in words] == ["run"]
    assert [name for colour, name, _ in cells if colour == "currentcolor"] == ["run"]


@pytest.mark.parametrize("status", ["", states.RUNNING, states.CANCEL_REQUESTED])
def test_a_run_that_goes_on_is_told_as_of_now(workspace: Workspace, status: str) -> None:
    run = enter_run(workspace, status=status)
    assert "as of 20" in harmless(run_html(workspace, run.id)).text
    assert "shows it live" in story(run_text(workspace, run.id))[-1]


def test_hostile_text_is_text_and_bounded(workspace: Workspace) -> None:
    line = f"\x1b[38;2;255;0;0m{HOSTILE * 40}\x1b[0m\n"
    run = enter_run(
        workspace,
        log=("x" * (1 << 20) + "\n" + line * 2000).encode(),
        tags={f"{HOSTILE} {place}": HOSTILE * 100 for place in range(10_000)},
        notes=(HOSTILE * 100,) * 50,
    )
    log(workspace, run, *(scalar(f"{HOSTILE} {place}", place) for place in range(10_000)))
    log(workspace, run, *(scalar(f"{HOSTILE} {place}", HOSTILE * 100) for place in range(50)))
    for place in range(60):
        name = f"{place}{HOSTILE}"
        log(workspace, run, *(scalar(name, math.sin(step * place), step, rank=step % 16) for step in range(2000)))
    outputs = code_folder(workspace.run_folder(run.id)) / "outputs"
    for place in range(2000):
        (outputs / f"{place} {HOSTILE.replace('/', '').replace(chr(0), '')}").touch()
    workspace.store.describe(run.id, display_name=HOSTILE * 1000)
    workspace.store.move(run.id, states.FAILED, HOSTILE * 1000, error={"code": "UserError", "message": HOSTILE * 1000})
    page = harmless(run_html(workspace, run.id))
    assert "<script>alert(1)</script><img src=x onerror='alert(2)'><U+202E>␛[31m␀\"&amp;" in page.text
    assert "<svg" in run_html(workspace, run.id)
    story(run_text(workspace, run.id))


@pytest.mark.parametrize(
    "values",
    [
        [math.nan] * 5,
        [1.0, math.nan, math.inf, 2.0, -math.inf],
        [1.7e308, -1.7e308],
        [5e-324, 0.0],
        [3.0] * 4,
        [True, False],
        [10**30, 2, 3],
        [1.0, "text", 2.0],
    ],
)
def test_odd_numbers_are_drawn_or_said(workspace: Workspace, values: list[Any]) -> None:
    run = enter_run(workspace)
    log(workspace, run, *(scalar("odd", value, step) for step, value in enumerate(values)))
    html = run_html(workspace, run.id)
    assert "odd" in harmless(html).text
    assert not re.search(r'(?:points|c[xy])="[^"]*(?:nan|inf)', html)
    assert any(line.startswith("  odd") for line in story(run_text(workspace, run.id)))


@pytest.mark.parametrize("name", ["run_html", "run_text"])
def test_runs_that_only_log(workspace: Workspace, name: str) -> None:
    from jupyter_amltrain.runs.experiment import Experiment

    tell: Callable[[Workspace, str], str] = {"run_html": run_html, "run_text": run_text}[name]
    run = Experiment(workspace, "interactive").start_logging()
    run.log("loss", 0.5)
    run.complete()
    told = tell(workspace, run.id)
    assert "Completed" in told
    assert "0.5" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.21312, "0.2131"),
        (12800, "12,800"),
        (3.1e-5, "3.1e-5"),
        (2.5e12, "2.5e12"),
        (math.nan, "NaN"),
        (-math.inf, "-∞"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_measures_have_units() -> None:
    assert measured("system/memory", 6.2e9) == "6.2 GB"
    assert measured("system/network_sent", 1500.0) == "1.5 kB/s"
    assert measured("system/gpu/0", 71.2) == "71 %"
    assert measured("system/gpu/0/memory", 6.2e9) == "6.2 GB"


def test_sparklines() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5.0, 5.0]) == "▄▄"
    assert sparkline([]) == ""
    assert len(sparkline([float(value) for value in range(1000)])) == 24
    assert sparkline([-1.7e308, 1.7e308] * 50)
