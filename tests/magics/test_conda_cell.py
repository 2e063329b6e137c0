"""A cell with conda packages becomes an environment in which cells run."""

from __future__ import annotations

from pathlib import Path

from conda_channel import SUBDIR, greeting_package, python_package, write_channel
from magics.notebook import Notebook


def test_a_run_in_conda_packages_has_their_lock(notebook: Notebook, docker_host: str, tmp_path: Path) -> None:
    channel = write_channel(tmp_path / "channel", [python_package(), greeting_package()])
    cell = f"channels: [{channel.as_uri()}]\ndependencies: [python=3.11, greeting]\n"
    built = notebook.run(f"%%aml_env greeter --base python-base:1\n{cell}")
    assert "greeter:1" in built.out
    code = (
        "import os, subprocess, sys\nfrom azureml.core import Run\n"
        "Run.get_context().log('greeted', subprocess.call(['greet']))\nprint(sys.prefix, os.environ['GREETING_HOME'])\n"
    )
    done = notebook.run(f"%%aml_submit --wait --env greeter --out run\n{code}")
    assert "/opt/amltrain/env/share" in done.out
    assert "/opt/amltrain/env of the greeting" in done.out
    run = notebook.shell.user_ns["run"]
    assert run.get_metrics() == {"greeted": 0}
    lock = Path(run._folder, "azureml-logs/25_conda_lock.txt").read_text()
    assert f"{channel.as_uri()}/{SUBDIR}/greeting-1.0-0.tar.bz2#sha256:" in lock
    assert "# conda: greeting=1.0=0\n" in Path(run._folder, "azureml-logs/25_environment.txt").read_text()
    assert "azureml-logs/25_conda_lock.txt" in run.get_file_names()
