"""Conda packages taken from PyPI, where ``AMLTRAIN_CONDA=pypi`` says so."""

from __future__ import annotations

import pytest

from jupyter_amltrain import Environment
from jupyter_amltrain.environment.conda.dependencies import CondaDependencies
from jupyter_amltrain.environment.packages.requirements import normalised, wanted_packages
from jupyter_amltrain.errors import UserErrorException


def environment(*conda: str, pip: tuple[str, ...] = ()) -> Environment:
    made = Environment("asked")
    made.python.conda_dependencies = CondaDependencies.create(conda_packages=list(conda), pip_packages=list(pip))
    return made


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("scikit-learn", "scikit-learn"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy = 1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy==1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("numpy 1.26.4", "numpy==1.26.4"),
        ("numpy 1.26.* py311*", "numpy==1.26.*"),
        ("numpy >=1.26, <2", "numpy>=1.26,<2"),
        ("numpy!=1.26.1", "numpy!=1.26.1"),
        ("numpy[version='>=1.26']", "numpy>=1.26"),
        ("conda-forge::pytorch=2.4", "torch==2.4.*"),
        ("matplotlib-base", "matplotlib"),
        ("ruamel.yaml>0.17", "ruamel.yaml>0.17"),
    ],
)
def test_specifications(monkeypatch: pytest.MonkeyPatch, conda: str, pip: str) -> None:
    monkeypatch.setenv("AMLTRAIN_CONDA", "pypi")
    packages = wanted_packages(environment(conda)._to_spec())
    assert (packages.pip, packages.conda) == ((pip,), ())


def test_what_pip_has_already_counts_and_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = environment("python=3.11", "cudatoolkit=11", "numpy=1.26", "pandas", pip=("Pandas==2.2", "six"))._to_spec()
    before = normalised(wanted_packages(spec))
    monkeypatch.setenv("AMLTRAIN_CONDA", "pypi")
    packages = wanted_packages(spec)
    assert (packages.pip, packages.python) == (("Pandas==2.2", "six", "numpy==1.26.*"), "3.11")
    assert "cudatoolkit" in packages.notes[-1]
    assert normalised(packages) != before, "another environment, with an image of its own"


@pytest.mark.parametrize("conda", ["numpy 1.25|1.26", "numpy=1.2.abc|3", "numpy[build='x']"])
def test_what_pip_cannot_say(monkeypatch: pytest.MonkeyPatch, conda: str) -> None:
    monkeypatch.setenv("AMLTRAIN_CONDA", "pypi")
    with pytest.raises(UserErrorException, match="write it as a pip package"):
        wanted_packages(environment(conda)._to_spec())


def test_unknown_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_CONDA", "pip")
    with pytest.raises(UserErrorException, match="it can be 'pypi'"):
        wanted_packages(environment("numpy")._to_spec())
