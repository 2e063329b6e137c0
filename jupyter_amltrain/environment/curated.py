"""Environments that are there without being made, and the names that are kept for such ones (azureml-v1.md 3.1)."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from ..errors import UserErrorException
from .packages.own import MLFLOW

if TYPE_CHECKING:
    from .spec import Environment

PREFIXES = ("AzureML", "Microsoft")

# The SDK's environments of these names, with packages that install today; the base is the default one.
_PACKAGES = {
    "AzureML-Minimal": (),
    "AzureML-Tutorial": ("matplotlib>=3.8", "numpy>=1.26", "pandas>=2.2", "scikit-learn>=1.4"),
    "AzureML-Scikit-learn": ("joblib>=1.3", "numpy>=1.26", "pandas>=2.2", "scikit-learn>=1.4", "scipy>=1.11"),
    "AzureML-PyTorch": ("numpy>=1.26", "pillow>=10", "torch>=2.2", "torchvision>=0.17"),
}

NAMES = tuple(_PACKAGES)

# Those whose names say a version (AzureML-sklearn-1.5, azureml-acpt-pytorch-2.2-cuda12.1): word in the name, package,
# the oldest version that goes with today's Python and NumPy, and what else such an environment has.
_FAMILIES = (
    ("minimal", "", "", ()),
    ("sklearn", "scikit-learn", "1.3", ("joblib", "matplotlib", "pandas", "scipy", "tqdm")),
    ("scikit-learn", "scikit-learn", "1.3", ("joblib", "matplotlib", "pandas", "scipy", "tqdm")),
    ("pytorch", "torch", "2.3", ("matplotlib", "pandas", "pillow", "torchvision", "tqdm")),
    ("tensorflow", "tensorflow", "2.16", ("matplotlib", "pandas", "pillow", "tqdm")),
    ("lightgbm", "lightgbm", "3.3", ("joblib", "matplotlib", "pandas", "scikit-learn", "tqdm")),
    ("xgboost", "xgboost", "1.7", ("joblib", "matplotlib", "pandas", "scikit-learn", "tqdm")),
)
_FAMILY_NAME = re.compile(
    rf"azureml-(?:acpt-)?({'|'.join(word for word, *_ in _FAMILIES)})(?:-(\d+(?:\.\d+)*))?(?:-[\w.-]*)?", re.IGNORECASE
)


def curated_environment(name: str, version: str | None = None) -> Environment | None:
    """The environment of such a name, None when there is none."""
    from .conda.dependencies import CondaDependencies
    from .spec import Environment

    packages = _PACKAGES[name] if name in _PACKAGES else _of_family(name)
    if packages is None or version not in (None, "1"):
        return None
    made = Environment(name)
    made.version = "1"
    dependencies = CondaDependencies.create(pip_packages=[])
    dependencies.set_pip_requirements(list(packages))
    made.python.conda_dependencies = dependencies
    made.docker.enabled = True
    return made


def _of_family(name: str) -> tuple[str, ...] | None:
    """The packages of an environment whose name has a version in it; of too old a version the oldest that installs."""
    matched = _FAMILY_NAME.fullmatch(name)
    if not matched:
        return None
    _, package, oldest, others = next(family for family in _FAMILIES if family[0] == matched[1].lower())
    if not package:
        return ()
    asked = matched[2] or ""
    if not asked or _numbers(asked) >= _numbers(oldest):
        return (f"{package}=={asked}.*" if asked else f"{package}>={oldest}", *others, MLFLOW)
    warnings.warn(
        f"{name}: {package} {asked} does not go with today's Python; this environment has {oldest} or later.",
        stacklevel=4,
    )
    return (f"{package}>={oldest}", *others, MLFLOW)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def check_own_name(name: str) -> None:
    """Refuse a name that is kept for curated environments.

    Raises:
        UserErrorException: it begins as those do.
    """
    if name.lower().startswith(tuple(prefix.lower() for prefix in PREFIXES)):
        raise UserErrorException(
            f"'{name}' cannot name an environment of yours: names that begin with {' or '.join(PREFIXES)} are kept for"
            " those that come with Azure ML. clone() one under another name."
        )
