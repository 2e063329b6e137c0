"""A cell with conda packages runs without Docker, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_channel import greeting_package, python_package, write_channel
from magics.notebook import Notebook


def test_conda_packages_on_the_local_engine(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amltrain_home: Path
) -> None:
    monkeypatch.setenv("AMLTRAIN_ENGINE", "local")
    channel = write_channel(tmp_path / "channel", [python_package(), greeting_package()])
    cell = f"channels: [{channel.as_uri()}]\ndependencies: [python=3.11, greeting, pip: [idna]]\n"
    built = notebook.run(f"%%aml_env greeter\n{cell}")
    assert "greeter:1" in built.out
    code = (
        "import idna, os, subprocess, sys\nsubprocess.call(['greet'])\nprint(sys.prefix, os.environ['GREETING_HOME'])\n"
    )
    done = notebook.run(f"%%aml_submit --wait --env greeter --out run\n{code}")
    (prefix,) = (amltrain_home / "environments").glob("*/conda-meta")
    assert f"{prefix.parent}/share " in done.out
    assert f"{prefix.parent} of the greeting" in done.out
    run = notebook.shell.user_ns["run"]
    assert "greeting-1.0-0" in Path(run._folder, "azureml-logs/25_conda_lock.txt").read_text()
    channel.rename(tmp_path / "gone")
    assert "found" in notebook.run(f"%%aml_env greeter\n{cell}").out
