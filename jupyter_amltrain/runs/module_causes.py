"""Causes of failures that are about modules and libraries, and how an environment gets what it lacks. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from ..environment.packages.pip_names import PIP_NAMES, pip_name
from .circumstances import Circumstances
from .run_state import Cause, Option


def module_cause(found: re.Match[str], about: Circumstances) -> Cause | None:
    """What to say of the module that could not be found."""
    module = found[1]
    top = module.partition(".")[0]
    if top == "azureml":
        return Cause(
            f"jupyter_amltrain brings azureml.core into jobs, but not {module}: install the package that has it, or do"
            " without.",
        )
    if any(name == f"{top}.py" or name.startswith(f"{top}/") for name in about.names):
        return Cause(f"The snapshot has {top}, but not {module}: check its name, and what .amlignore leaves out.")
    if about.from_cell and len(about.names) == 1 and about.is_here(f"{top}.py"):
        return Cause(
            f"{top}.py lies beside the notebook, and a cell takes only itself along: submit it with --source.",
            (Option("Copy --source .", "copy", text="--source ."),),
        )
    if "." in module and module not in PIP_NAMES and pip_name(module) == pip_name(top) and top != "google":
        return Cause(f"The environment has {top}, but in a version without {module}: ask for another version of {top}.")
    package = pip_name(module)
    options = addition(about.environment, package, about)
    return Cause(f"The environment has no module {module}; a package index has it as {package}.", options)


def version_cause(found: re.Match[str], about: Circumstances) -> Cause | None:
    """What to say of a name that an installed module does not have."""
    name, module, file = found.groups()
    if not about.is_library(file):
        return None  # the user's own module, which may import in a circle
    package = pip_name(module)
    return Cause(f"The environment has {module} in a version without {name}: ask for another version of {package}.")


def addition(environment: Mapping[str, Any], package: str, about: Circumstances) -> tuple[Option, ...]:
    """How to have a package added to an environment."""
    name = str(environment.get("name") or "")
    label = f"Add {package} to {name or 'the environment'}"
    requirement = shlex.quote(package)
    if environment.get("dockerfile"):
        return (Option(label, "environment", text=f"RUN pip install {requirement}"),)
    if not environment.get("user_managed"):
        return (Option(label, "environment", text=package),)
    if environment.get("image") and about.isolated:
        return (
            Option(label, "environment", text=f"%%aml_env {name} --layer --base {environment['image']}\n{package}"),
        )
    return (Option(f"Copy %pip install {requirement}", "copy", text=f"%pip install {requirement}"),)


def library_cause(found: re.Match[str], about: Circumstances) -> Cause:
    """What to say of a shared library that could not be loaded."""
    library = found[1]
    graphics = {"libGL.so.1": "libgl1", "libgthread-2.0.so.0": "libglib2.0-0", "libSM.so.6": "libsm6"}
    if library in graphics:
        return Cause(
            f"OpenCV's package with windows needs the system library {library}, which the image lacks:"
            f" opencv-python-headless does without it, and `apt-get install -y {graphics[library]}` brings it.",
            addition(about.environment, "opencv-python-headless", about),
        )
    if library.startswith(("libcu", "libnv")):
        return Cause(
            f"{library} belongs to CUDA, and the image has none or another version: take packages that were built for"
            " the image's CUDA, or an image that has the one that they need."
        )
    if library == "libgomp.so.1":
        return Cause(
            "A package needs the OpenMP library, which slim images lack: take a base such as python:3.11 instead of"
            " python:3.11-slim, or install it in a Dockerfile: `RUN apt-get update && apt-get install -y libgomp1`."
        )
    return Cause(f"The image has no system library {library}: install the package of its distribution that brings it.")
