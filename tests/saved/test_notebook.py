"""A notebook with runs, executed, saved and made a page: the story is in it, without kernel, script or style sheet."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from saved.notebook import executed, saved_outputs


def test_a_saved_notebook_tells_the_story(docker_host: str, amltrain_home: Path, tmp_path: Path) -> None:
    notebook = executed(tmp_path)
    submitted, *_, good, bad = saved_outputs(notebook)
    assert "Completed" in submitted["text/plain"]  # what %aml_submit --wait left, too
    for data, words in (
        (good, ("Completed", "train_loss", "valid_loss", "outputs/model.pkl", "epoch 2 ", "%aml_run", "plain")),
        (
            bad,
            ("Failed", "No module named 'cv2'", "cell.py:3", "line 3 of the cell", "import cv2"),
        ),
    ):
        assert all(word in data["text/plain"] for word in words), data["text/plain"]
        assert not re.search(r"<script|<style|<link|<img|javascript:|\son\w+=", data["text/html"].replace("&lt;", ""))
        assert len(data["text/html"].encode()) < 40_000
    assert good["text/html"].count("<svg") == 1
    assert "opencv-python-headless" in bad["text/html"]

    path = tmp_path / "saved.ipynb"
    nbformat.write(notebook, path)
    page, _ = HTMLExporter().from_filename(str(path))
    shown = len(saved_outputs(notebook))
    assert shown >= 3
    assert page.count('class="jp-amltrain-saved"') == shown
    assert page.count("<polyline") >= 2
    assert "line 3 of the cell" in page
    assert "<script>alert" not in page
