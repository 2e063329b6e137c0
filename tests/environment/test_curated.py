"""The packages of curated environments can be had."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import uv

from jupyter_amltrain.environment.curated import NAMES, curated_environment
from jupyter_amltrain.environment.packages.requirements import wanted_packages


@pytest.mark.parametrize("name", NAMES)
def test_a_curated_list_resolves_today(name: str, tmp_path: Path) -> None:
    environment = curated_environment(name)
    assert environment is not None
    packages = wanted_packages(environment._to_spec()).pip
    assert bool(packages) == (name != "AzureML-Minimal")
    (tmp_path / "requirements.in").write_text("".join(f"{line}\n" for line in packages))
    command = [uv.find_uv_bin(), "pip", "compile", "--python-version", "3.11", "--python-platform", "linux"]
    done = subprocess.run(
        [*command, "--only-binary", ":all:", "requirements.in"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("==") >= len(packages)
