"""Environments that are there without being made, and the names that are kept for such ones (azureml-v1.md 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UserErrorException

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


def curated_environment(name: str, version: str | None = None) -> Environment | None:
    """The environment of such a name, None when there is none."""
    from .conda.dependencies import CondaDependencies
    from .spec import Environment

    if name not in _PACKAGES or version not in (None, "1"):
        return None
    made = Environment(name)
    made.version = "1"
    dependencies = CondaDependencies.create(pip_packages=[])
    dependencies.set_pip_requirements(list(_PACKAGES[name]))
    made.python.conda_dependencies = dependencies
    made.docker.enabled = True
    return made


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
