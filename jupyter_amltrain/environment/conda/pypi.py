"""Conda packages as what PyPI calls them, for where no conda channel can or may be used."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from ...errors import UserErrorException
from ..secrets import mask_url_credentials
from .dependencies import package_name

VARIABLE = "AMLTRAIN_CONDA"
HINT = f"{VARIABLE}=pypi among the variables of the notebook installs what PyPI calls the same (docs/conda.md)"
"""What to do without channels, as the end of a sentence."""

_DIFFERENT = """
dask-core dask              faiss faiss-cpu             keras-gpu keras             matplotlib-base matplotlib
msgpack-python msgpack      opencv opencv-python-headless
psycopg2 psycopg2-binary    py-lightgbm lightgbm        py-opencv opencv-python-headless
py-xgboost xgboost          py-xgboost-cpu xgboost      py-xgboost-gpu xgboost      pyqt PyQt5
pytables tables             python-blosc blosc          python-graphviz graphviz    pytorch torch
pytorch-cpu torch           pytorch-gpu torch           ray-core ray                ray-default ray[default]
seaborn-base seaborn        tensorflow-base tensorflow  tensorflow-cpu tensorflow   tensorflow-eigen tensorflow
tensorflow-gpu tensorflow   tensorflow-mkl tensorflow   xgboost-cpu xgboost         xgboost-gpu xgboost
"""
_words = iter(_DIFFERENT.split())
_NAMES = dict(zip(_words, _words, strict=True))

_PROGRAMS = """
_libgcc_mutex _openmp_mutex binutils blas ca-certificates cmake compilers cpuonly cuda cuda-toolkit
cudatoolkit cudnn cxx-compiler ffmpeg gcc gcc_linux-64 git gxx gxx_linux-64 intel-openmp libblas libgcc
libgcc-ng libgomp liblapack libstdcxx-ng libxgboost make mkl mkl-service nccl ncurses openmp openmpi openssl
pytorch-cuda pytorch-mutex readline sqlite tk xz zlib
"""
_NO_PYTHON = frozenset(_PROGRAMS.split())
"""What is no Python package, and what PyPI's packages bring along themselves or the base image has."""

_OPERATOR = re.compile(r"[<>!~]=?|==")


def is_asked_for() -> bool:
    """Whether conda packages are to come from PyPI.

    Raises:
        UserErrorException: the variable has a value that means nothing.
    """
    value = os.environ.get(VARIABLE, "").strip().lower()
    if value not in ("", "conda", "pypi"):
        raise UserErrorException(f"{VARIABLE} is '{value}'; it can be 'pypi' (no channels) or 'conda', as if left out.")
    return value == "pypi"


def on_pypi(items: Iterable[str]) -> tuple[list[str], list[str]]:
    """Requirement lines for conda packages, and which packages were left out since they are no Python packages.

    Raises:
        UserErrorException: an item has a version that cannot be said to pip.
    """
    lines, left_out = [], []
    for item in items:
        line = _requirement(item)
        if line:
            lines.append(line)
        else:
            left_out.append(package_name(item.rpartition("::")[2]))
    return lines, left_out


def _requirement(item: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    spec = item.rpartition("::")[2].strip()
    name = package_name(spec)
    if name.lower() in _NO_PYTHON:
        return ""
    line = _NAMES.get(name.lower(), name) + _version(spec[len(name) :].strip())
    try:
        Requirement(line)
    except InvalidRequirement as error:
        raise UserErrorException(
            f"'{mask_url_credentials(item)}' cannot be asked of PyPI ({VARIABLE}=pypi); write it as a pip package.",
            inner_exception=error,
        ) from error
    return line


def _version(text: str) -> str:
    """What conda says behind a name as pip says it; the build, which only conda has, is left out."""
    bracket = re.fullmatch(r"\[.*?version=['\"]?([^'\"\]]+)['\"]?.*\]", text)
    text = bracket[1] if bracket else text
    if re.match(r"=(?!=)", text):  # conda's one '=' takes any version that begins like this
        version, _, build = text[1:].strip().partition("=")
        version = version.strip()
        return f"=={version}" if build or version.endswith("*") else f"=={version}.*"
    version, _, _ = re.sub(r"\s*([<>=!~,|]+)\s*", r"\1", text).partition(" ")
    version = re.sub(r"^(==[^=]+)=.*", r"\1", version)
    return version if not version or _OPERATOR.match(version) else f"=={version}"
