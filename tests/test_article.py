"""The article whose code must run as it stands: every Python block of both versions, on the real engine."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARTICLES = ROOT.parent / "shared" / "article"
VERSIONS = ("article-zh-cn.md", "article-hu-hu.md")

CONFIG = {"subscription_id": "0000-1111", "resource_group": "team", "workspace_name": "pets"}
SCRIPT = """\
import os, sys

print("training pets in", os.getcwd())
for epoch in range(3):
    print("epoch", epoch, "loss", 1 / (epoch + 1), flush=True)
os.makedirs("outputs", exist_ok=True)
with open("outputs/model.txt", "w") as file:
    file.write("weights")
"""
DOCKERFILE = """\
FROM mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04
RUN echo "Hello from custom container!"
"""

# Each block is compiled alone and run in one namespace, as the cells of a notebook would be; Python's own traceback and
# exit status tell how it ended.
DRIVER = """\
import json, sys

import jupyter_amltrain

blocks = json.load(open(sys.argv[1]))
namespace = {"__name__": "__main__"}
for number, block in enumerate(blocks, 1):
    exec(compile(block, f"<block {number}>", "exec"), namespace)
print("after the article:", namespace["run"].get_status(), namespace["run"].get_file_names())
"""


@dataclass(frozen=True)
class Place:
    """The folder that the reader of the article works in, with what the text presupposes."""

    folder: Path

    def run(self, blocks: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run blocks in a fresh interpreter."""
        (self.folder / "blocks.json").write_text(json.dumps(blocks))
        return subprocess.run(
            [sys.executable, "-c", DRIVER, "blocks.json"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "reader"
    (folder / "fastai-example").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "fastai-example" / "train.py").write_text(SCRIPT)
    return Place(folder)


def python_blocks(article: str) -> list[str]:
    text = (ARTICLES / article).read_text(encoding="utf-8")
    return re.findall(r"^```[Pp]ython *\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("article", VERSIONS)
def test_no_block_is_overlooked(article: str) -> None:
    text = (ARTICLES / article).read_text(encoding="utf-8")
    blocks = python_blocks(article)
    assert len(blocks) == text.count("```") / 2 == 8
    assert "Workspace.from_config()" in blocks[0]
    assert "wait_for_completion" in blocks[-1]


@pytest.mark.parametrize("article", VERSIONS)
def test_without_the_dockerfile_the_assignment_fails_at_once(article: str, place: Place, amltrain_home: Path) -> None:
    done = place.run(python_blocks(article), DOCKER_HOST="unix:///nonexistent.sock")
    assert done.returncode == 1
    assert 'File "<block 5>"' in done.stderr
    assert "UserErrorException" in done.stderr
    assert f"There is no Dockerfile at {place.folder / 'Dockerfile'}" in done.stderr
    assert not list(amltrain_home.glob("workspaces/*/runs/*"))


@pytest.mark.parametrize("article", VERSIONS)
def test_with_the_dockerfile_the_run_ends_completed(article: str, place: Place, docker_host: str) -> None:
    (place.folder / "Dockerfile").write_text(DOCKERFILE)
    done = place.run(python_blocks(article), AMLTRAIN_GPU="prefer")
    assert done.returncode == 0, done.stdout + done.stderr

    status = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    assert ast.literal_eval(status).keys() >= {
        "currentNodeCount",
        "targetNodeCount",
        "nodeStateCounts",
        "allocationState",
        "errors",
        "creationTime",
        "provisioningState",
        "scaleSettings",
        "vmPriority",
        "vmSize",
    }
    assert "Creating a new compute target..." in done.stdout
    assert "AmlCompute wait for completion finished" in done.stdout

    run_id = re.search(r"^RunId: (fastai-custom-image_\d{10}_[0-9a-f]{8})$", done.stdout, re.MULTILINE)
    assert run_id is not None, done.stdout
    driver = "Streaming azureml-logs/70_driver_log.txt"
    expected = [
        f"RunId: {run_id[1]}",
        "Web View: ",
        driver,
        "=" * len(driver),
        "training pets in ",
        "epoch 0 loss 1.0",
        "epoch 2 loss 0.3333333333333333",
        "Execution Summary\n=================\n",
        f"RunId: {run_id[1]}",
        "after the article: Completed",
        "outputs/model.txt",
    ]
    position = 0
    for text in expected:
        found = done.stdout.find(text, position)
        assert found >= 0, f"{text!r} is not after character {position} of:\n{done.stdout}"
        position = found + len(text)


def test_the_second_time_the_target_is_found(place: Place, docker_host: str) -> None:
    (place.folder / "Dockerfile").write_text(DOCKERFILE)
    for greeting in ("Creating a new compute target...", "Found existing compute target."):
        done = place.run(python_blocks(VERSIONS[0]), AMLTRAIN_GPU="prefer")
        assert done.returncode == 0, done.stdout + done.stderr
        assert greeting in done.stdout


@pytest.mark.parametrize("article", VERSIONS)
def test_without_a_gpu_the_submit_is_refused(article: str, place: Place, docker_host: str) -> None:
    (place.folder / "Dockerfile").write_text(DOCKERFILE)
    done = place.run(python_blocks(article))
    assert done.returncode == 1
    assert 'File "<block 8>"' in done.stderr
    assert "GpuUnavailableException" in done.stderr
    assert "AMLTRAIN_GPU=prefer" in done.stderr
    assert "RunId:" not in done.stdout


def test_the_image_of_the_article_runs_as_it_is(place: Place, docker_host: str) -> None:
    """Without the two variants, of the private registry and of the Dockerfile, the image named first is used."""
    blocks = [block for block in python_blocks(VERSIONS[0]) if not re.search("registry|dockerfile", block)]
    assert len(blocks) == 6
    done = place.run(blocks, AMLTRAIN_GPU="prefer")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "after the article: Completed" in done.stdout
