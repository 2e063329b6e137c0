"""What is in an image or a virtual environment: looked at once, kept in the home folder, put beside every run in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...home import home_folder, made_folder
from ...job.inventory import MARK
from ..conda.dependencies import normal_name


@dataclass(frozen=True)
class Contents:
    """What an interpreter has beside it.

    Attributes:
        python: version of the interpreter.
        packages: normal name → version of the Python packages.
        conda: ``name=version=build`` of the conda packages, where there is conda.
        lock: the text of the conda lock that it was made from, "" when there is none.
    """

    python: str
    packages: Mapping[str, str] = field(default_factory=dict)
    conda: tuple[str, ...] = ()
    lock: str = ""


def contents_of(found: Mapping[str, Any]) -> Contents:
    """The dictionary of :func:`jupyter_amltrain.job.inventory.contents` as a value."""
    return Contents(str(found["python"]), dict(found["packages"]), tuple(found["conda"]), str(found["lock"]))


def read_answer(output: str) -> Contents | None:
    """What :mod:`jupyter_amltrain.job.inventory` printed, among whatever else was printed; None when it did not."""
    for line in output.splitlines():
        if line.startswith(MARK):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return contents_of(json.loads(line[len(MARK) :]))
    return None


def known_contents(reference: str, interpreter: str) -> Contents | None:
    """What was found in an image or virtual environment, None when nobody has looked yet."""
    try:
        return contents_of(json.loads(_file(reference, interpreter).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_contents(reference: str, interpreter: str, found: Contents) -> None:
    """Keep what was found for whoever asks next."""
    path = _file(reference, interpreter)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # the disk is full: it is looked at again
        made_folder(path.parent)
        partial.write_text(json.dumps(asdict(found)), encoding="utf-8")
        partial.replace(path)


def contents_text(found: Contents, name: str, digest: str) -> str:
    """The contents as pip writes them, below comments that name the image, its Python and the conda packages.

    The packages are sorted, and nothing in the text but name and digest differs between images with the same contents.
    """
    head = [f"# image: {name}", f"# digest: {digest}", f"# python: {found.python}"]
    conda = [f"# conda: {package}" for package in sorted(found.conda)]
    packages = [f"{package}=={version}" for package, version in sorted(found.packages.items())]
    return "\n".join([*head, *conda, *packages]) + "\n"


def parse_contents(text: str) -> Contents:
    """The inverse of :func:`contents_text`, for comparing runs."""
    comments = [line[2:].partition(": ")[::2] for line in text.splitlines() if line.startswith("# ")]
    packages = [line.partition("==")[::2] for line in text.splitlines() if not line.startswith("#") and "==" in line]
    return Contents(
        python=next((value for key, value in comments if key == "python"), ""),
        packages={normal_name(name): version for name, version in packages},
        conda=tuple(value for key, value in comments if key == "conda"),
    )


def _file(reference: str, interpreter: str) -> Path:
    """An image id never changes its content, so one look is enough; a folder is looked at when it is made."""
    key = hashlib.sha256(f"{reference}\0{interpreter}".encode()).hexdigest()[:32]
    return home_folder() / "contents" / f"{key}.json"
