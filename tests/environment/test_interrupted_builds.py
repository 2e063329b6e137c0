"""Builds that are stopped, killed, or wanted twice at once leave nothing half-made that counts as built."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import docker
import pytest

from engine.preparation import BASE, BuildLog, output, prepared
from jupyter_amltrain.engines.protocol import Image
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import CanceledException
from jupyter_amltrain.home import home_id

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
PROGRAM = """
import json, os, sys
from jupyter_amltrain.engines.docker import DockerEngine

class Log:
    def write(self, data):
        print(data.decode(), end="", flush=True)
        if sys.argv[2] and sys.argv[2] in data.decode():
            os.kill(os.getpid(), 9)
    def phase(self, text): pass
    def step(self, step): pass
    def canceled(self): return False

image = DockerEngine().prepare(json.loads(sys.argv[1]), Log())
print("RESULT", image.built, image.reference)
"""


class WatchedLog(BuildLog):
    """A Preparation that can be given up, and tells when a text was written."""

    def __init__(self, wanted: str = "") -> None:
        super().__init__()
        self.seen = threading.Event()
        self.stop = threading.Event()
        self._wanted = wanted

    def write(self, data: bytes) -> None:
        super().write(data)
        if self._wanted and self._wanted in self.text:
            self.seen.set()

    def canceled(self) -> bool:
        return self.stop.is_set()


def slow_environment(name: str, seconds: int = 1) -> tuple[Environment, str]:
    """Two steps, of which the first takes some seconds; and the word that it says before and writes after."""
    word = uuid.uuid4().hex
    text = f"FROM {BASE}\nRUN echo began-$((1+1))-{word} && sleep {seconds} && echo {word} > /first\n"
    return parse_cell(f"{text}RUN echo {word} > /last\n").environment(name), word


def elsewhere(environment: Environment, kill_at: str = "") -> subprocess.Popen[str]:
    """A process that prepares the environment, and is killed once it has told a text."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(environment._to_spec()), kill_at],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def whole(client: docker.DockerClient, name: str, word: str) -> bool:
    """Whether every image that counts as built is built to the end."""
    images = client.images.list(filters={"label": f"amltrain.environment={name}"})
    return all(output(client, image.id, "cat", "/first", "/last") in (f"{word}\n{word}\n",) for image in images)


def left_over(client: docker.DockerClient, word: str) -> list[Any]:
    """The containers that still work on the build, or have."""
    found = client.api.containers(all=True)
    return [container for container in found if word in str(container.get("Command"))]


@pytest.mark.parametrize("builder", ["buildkit", "classic"])
def test_a_build_whose_process_is_killed_at_any_moment_is_taken_up_again(
    client: docker.DockerClient, name: str, builder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLTRAIN_BUILDER", builder)
    last = "exporting" if builder == "buildkit" else "Successfully built"
    for kill_at in ("Building ", "began-2", last, "Successfully tagged"):
        environment, word = slow_environment(name)
        process = elsewhere(environment, kill_at)
        told = process.communicate(timeout=PATIENCE_S)[0]
        assert process.returncode == -signal.SIGKILL, told
        assert kill_at in told
        assert whole(client, name, word), kill_at
        image = prepared(client, environment)
        assert output(client, image.reference, "cat", "/first", "/last") == f"{word}\n{word}\n", kill_at
        assert whole(client, name, word), kill_at
        deadline = monotonic() + PATIENCE_S
        while left_over(client, word) and monotonic() < deadline:
            sleep(0.1)  # the engine ends what nobody waits for
        assert left_over(client, word) == [], kill_at
        client.images.remove(image.reference, force=True)


def test_packages_whose_build_is_killed_are_installed_again(
    client: docker.DockerClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without BuildKit a stage has our files in it, which the next build removes."""
    monkeypatch.setenv("AMLTRAIN_BUILDER", "classic")
    stages = {"label": ["amltrain.stage", f"amltrain.home={home_id()}"]}
    for kill_at in ("Resolved ", "Successfully tagged"):
        environment = parse_cell(f"six!=0.{uuid.uuid4().int >> 70}\n").environment(name)
        environment.docker.base_image = BASE
        process = elsewhere(environment, kill_at)
        told = process.communicate(timeout=PATIENCE_S)[0]
        assert process.returncode == -signal.SIGKILL, told
    assert client.images.list(filters=stages) != []
    image = prepared(client, environment)
    assert output(client, image.reference, "python", "-c", "import six; print('there')") == "there\n"
    environment = parse_cell(f"idna!=0.{uuid.uuid4().int >> 70}\n").environment(name)
    environment.docker.base_image = BASE
    prepared(client, environment)
    assert client.images.list(filters=stages) == []


def test_two_that_need_the_same_build_it_once(client: docker.DockerClient, name: str) -> None:
    environment, _ = slow_environment(name)
    both = [elsewhere(environment), elsewhere(environment)]
    told = [process.communicate(timeout=PATIENCE_S)[0] for process in both]
    results = sorted(text.splitlines()[-1] for text in told)
    assert [result.split()[:2] for result in results] == [["RESULT", "False"], ["RESULT", "True"]], told
    assert len({result.split()[2] for result in results}) == 1
    assert (
        sum(
            f"Waiting for process {process.pid} (environment '{name}'), which makes the same." in text
            for process in both
            for text in told
        )
        == 1
    )


def test_who_waits_can_give_up_and_goes_on_when_the_other_dies(client: docker.DockerClient, name: str) -> None:
    environment, word = slow_environment(name, seconds=5)
    first = elsewhere(environment)
    assert first.stdout is not None
    for line in first.stdout:
        if f"began-2-{word}" in line:
            break
    waiting = f"Waiting for process {first.pid} (environment '{name}')"
    gives_up, stays = WatchedLog(waiting), WatchedLog(waiting)
    results: list[Image] = []
    follower = threading.Thread(target=lambda: results.append(prepared(client, environment, stays)))
    follower.start()
    threading.Thread(target=lambda: gives_up.seen.wait(PATIENCE_S) and gives_up.stop.set(), daemon=True).start()
    with pytest.raises(CanceledException, match=f"Canceled while waiting for process {first.pid}"):
        prepared(client, environment, gives_up)
    assert stays.seen.wait(PATIENCE_S)
    first.kill()
    first.communicate()
    follower.join(PATIENCE_S)
    assert [image.built for image in results] == [True]
    assert output(client, results[0].reference, "cat", "/first", "/last") == f"{word}\n{word}\n"


def test_a_build_that_is_stopped_is_taken_up_again(client: docker.DockerClient, name: str) -> None:
    environment, word = slow_environment(name, seconds=3)
    log = WatchedLog(f"began-2-{word}")
    threading.Thread(target=lambda: log.seen.wait(PATIENCE_S) and log.stop.set(), daemon=True).start()
    with pytest.raises(CanceledException):
        prepared(client, environment, log)
    assert client.images.list(filters={"label": f"amltrain.environment={name}"}) == []
    assert prepared(client, environment).built
    assert whole(client, name, word)
