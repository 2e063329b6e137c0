"""The packages of curated environments can be had."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import uv

from jupyter_amltrain.environment.curated import NAMES, curated_environment
from jupyter_amltrain.environment.packages.requirements import wanted_packages

OF_FAMILIES = (
    "AzureML-sklearn-1.5",
    "azureml-acpt-pytorch-2.3-cuda12.1",
    "AzureML-tensorflow-2.17-cuda12",
    "AzureML-lightgbm-4.5-ubuntu22.04-py310-cpu",
    "AzureML-xgboost-2.1",
)


@pytest.mark.parametrize("name", NAMES + OF_FAMILIES)
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


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("AzureML-sklearn-1.5", "scikit-learn==1.5.*"),
        ("azureml-acpt-pytorch-2.4-cuda12.1", "torch==2.4.*"),
        ("AzureML-ACPT-pytorch-2.10-py312-cuda13-gpu", "torch==2.10.*"),
        ("AzureML-PyTorch", "numpy>=1.26"),
    ],
)
def test_the_name_says_the_version(name: str, first: str) -> None:
    environment = curated_environment(name)
    assert environment is not None
    assert wanted_packages(environment._to_spec()).pip[0] == first


def test_versions_that_install_no_more_are_replaced_and_told() -> None:
    with pytest.warns(UserWarning, match=r"scikit-learn 0\.24 does not go with today's"):
        environment = curated_environment("AzureML-sklearn-0.24-ubuntu18.04-py37-cpu")
    assert environment is not None
    assert wanted_packages(environment._to_spec()).pip[0] == "scikit-learn>=1.3"


@pytest.mark.parametrize("name", ["AzureML-Foo", "AzureML-sklearnish", "sklearn-1.5", "AzureML-minimalist"])
def test_other_names_are_unknown(name: str) -> None:
    assert curated_environment(name) is None
