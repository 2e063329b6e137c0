"""Training frameworks for tests, in virtual environments that are kept in the cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from .shared import cache_folder

TORCH = "torch==2.13.0"
"""Installed by pip, which knows places where a build for the CPU alone lies."""

PACKAGES = ("lightning>=2.6", "keras>=3.15", "transformers>=5", "accelerate", "tensorboardX>=2.6", "tqdm", "mlflow>=3")

OLDER = ("pytorch_lightning==1.9.5", "tensorflow-cpu>=2.21", "tf_keras>=2.21", "numpy<2", "setuptools<81")
"""What those of :data:`PACKAGES` were before, and Keras with TensorFlow."""

MLFLOW = {
    "2.22": ("mlflow-skinny==2.22.*", "scikit-learn<1.7", "pandas<3"),
    "3": ("mlflow-skinny>=3", "scikit-learn", "skops", "pandas"),
}
"""MLflow by major version, with what its tests train."""


def frameworks_python(packages: tuple[str, ...] = PACKAGES) -> Path:
    """The interpreter of an environment with PyTorch and these, which the first call makes (some 30 seconds)."""
    return _python_with("frameworks", (TORCH,), packages)


def mlflow_python(version: str) -> Path:
    """The interpreter of an environment with one of :data:`MLFLOW`, which the first call makes."""
    return _python_with(f"mlflow-{version}", (), MLFLOW[version])


def _python_with(name: str, by_pip: tuple[str, ...], packages: tuple[str, ...]) -> Path:
    digest = hashlib.sha256(" ".join((sys.version, *by_pip, *packages)).encode()).hexdigest()[:12]
    folder = cache_folder() / f"{name}-{digest}"
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(folder))
            if by_pip:
                _run(str(python), "-m", "pip", "install", "--quiet", *by_pip)
            wanted = (*by_pip, *packages)
            _run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python), *wanted)
            (folder / "complete").touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[-1]} could not be installed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
