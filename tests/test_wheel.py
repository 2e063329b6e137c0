"""The wheel carries the built front end, and installing it needs no Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jupyter_amltrain import __version__

ROOT = Path(__file__).parents[1]
EXTENSION = f"jupyter_amltrain-{__version__}.data/data/share/jupyter/labextensions/jupyter-amltrain"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the files that git knows or would add, so that old build output has no part in it."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    # The extra "dev" has a Node new enough for the builder, which Debian's is not.
    tools = Path(sys.executable).parent
    assert (tools / "node").exists()
    environment = {name: value for name, value in os.environ.items() if name != "SKIP_JUPYTER_BUILDER"}
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(source / "dist"), str(source)]
    subprocess.run(command, env=environment, check=True)
    (built,) = (source / "dist").glob("*.whl")
    return built


def test_wheel_holds_the_package_and_the_front_end(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"jupyter_amltrain/__init__.py", "jupyter_amltrain/py.typed", "jupyter_amltrain/job/launch.py"} <= names
    assert {f"{EXTENSION}/{name}" for name in ("install.json", "package.json", "static/style.js")} <= names
    view = {"loader.js", "panel.css", "panel.js", "run_view.css", "run_view.js"}
    assert {f"jupyter_amltrain/widget/static/{name}" for name in view} <= names
    assert any(name.startswith(f"{EXTENSION}/static/remoteEntry.") for name in names)
    assert not [name for name in names if "node_modules" in name or name.endswith(".ts")]


def test_wheel_installs_without_node_and_jupyterlab_accepts_it(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    environment = {**os.environ, "PATH": str(venv / "bin")}
    assert shutil.which("node", path=environment["PATH"]) is None
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert uv is not None
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), f"{wheel}[lab]"]
    subprocess.run(install, env=environment, check=True)
    jupyter = [str(venv / "bin" / "jupyter"), "labextension", "list"]
    listed = subprocess.run(
        jupyter, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    (line,) = [line for line in listed.stdout.splitlines() if "jupyter-amltrain" in line]
    assert f"v{__version__}" in line
    assert "enabled" in line
    assert "OK" in line
