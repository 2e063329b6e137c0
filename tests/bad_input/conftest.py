"""A place to make mistakes in, and what proves that a refused one left nothing behind."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import AzureMLException
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.submission.config import ScriptRunConfig
from jupyter_amltrain.workspace import Workspace

AS_ANYBODY = (
    "setpriv",
    "--inh-caps=-dac_override,-dac_read_search",
    "--bounding-set=-dac_override,-dac_read_search",
)
"""In front of a command: root without its right to pass over file permissions. Another uid could not read Python."""

NOBODY = 65534

_NOT_HALF_MADE = ("amltrain.db", "objects", "cache", "interpreters.json", "bytecode")
"""What a refused submit may touch: the database's own files, and caches of whole things."""


def base_image(image: Any = "python-base:1", name: str = "base") -> Environment:
    """The environment that is an image and nothing else."""
    return Environment.from_docker_image(name, image)


@dataclass
class Place:
    """A workspace with a source folder of one script, ``train.py``."""

    home: Path
    source: Path
    workspace: Workspace
    name: str = field(default_factory=lambda: f"bad-{uuid.uuid4().hex[:8]}")

    def submit(self, **changed: Any) -> ScriptRun:
        """Submit the script in the base image, with what the test gives otherwise."""
        asked: dict[str, Any] = {"source_directory": str(self.source), "script": "train.py", **changed}
        asked.setdefault("environment", base_image())
        return Experiment(self.workspace, self.name).submit(ScriptRunConfig(**asked))

    def traces(self) -> tuple[list[str], list[str], list[str]]:
        """Run rows, containers and files there are."""
        rows = [run.id for run in self.workspace.store.runs()]
        files = [str(path.relative_to(self.home)) for path in sorted(self.home.rglob("*"))]
        return rows, containers_of(self.name), [file for file in files if not _is_kept(file)]

    @contextmanager
    def refuses(self, *words: str, kind: type[AzureMLException] = AzureMLException) -> Iterator[None]:
        """What is in the block must be refused with these words, in few lines, and leave nothing."""
        before = self.traces()
        with pytest.raises(kind) as caught:
            yield
        said = caught.value.message
        for word in words:
            assert word in said, said
        assert_speaks(said)
        assert caught.value._render_traceback_() == [f"{type(caught.value).__name__}: {said}"]
        assert self.traces() == before


def assert_speaks(said: str) -> None:
    """A message for a person: words, without Python's own."""
    assert len(said.split()) >= 4, said
    for machine_talk in ("Traceback", "Errno", "object at 0x", "NoneType", "<class", "\0"):
        assert machine_talk not in said, said


def containers_of(experiment: str) -> list[str]:
    """Names of the containers of an experiment's runs, running or not, on the tests' engine."""
    if "DOCKER_HOST" not in os.environ:
        return []
    client = docker.DockerClient(base_url=os.environ["AMLTRAIN_TEST_ENGINE_NOW"])
    try:
        found = client.containers.list(all=True, filters={"label": f"amltrain.experiment={experiment}"})
        return [container.name for container in found]
    finally:
        client.close()


def _is_kept(file: str) -> bool:
    return any(part.startswith(_NOT_HALF_MADE) for part in Path(file).parts)


def python(code: str, *before: str, **variables: object) -> tuple[str, str]:
    """Run Python code in a process of its own, with ``before`` in front of its command: stdout and stderr."""
    import subprocess

    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.update({name: str(value) for name, value in variables.items()})
    command = [*before, sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout, done.stderr


@pytest.fixture
def place(docker_host: str, amltrain_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("AMLTRAIN_TEST_ENGINE_NOW", docker_host)  # tests point DOCKER_HOST elsewhere
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('hello')\n")
    monkeypatch.chdir(tmp_path)
    return Place(amltrain_home, source, Workspace.create("bad-input", show_output=False))
