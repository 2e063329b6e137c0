"""``CondaDependencies``: the packages of an environment as a conda specification (azureml-v1.md section 3.5)."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator
from typing import Any

from ...absent import INTERNAL, Recreated
from ...errors import UserErrorException
from ..text_files import read_text
from .specification import checked_conda, parse_conda

PYTHON_DEFAULT_VERSION = "3.6.2"
DEFAULT_NAME = "project_environment"
DEFAULT_PIP_PACKAGE = "azureml-defaults"
CONDA_FILE_NAME = "conda_dependencies.yml"

_VERSION = re.compile(r"\d+\.\d+(\.\d+)?([ab]\d+)?$")
_PYPI = "https://pypi.python.org/simple"
_TENSORFLOW_VERSION = "2.2.0"
_CNTK_VERSION = "2.7"


class CondaDependencies(Recreated):
    """The conda specification of an environment: python, conda packages, channels, pip packages and pip options.

    Args:
        conda_dependencies_file_path: a conda YAML file to load; without one, the defaults of Azure ML.

    Raises:
        UserErrorException: the file is missing, is not YAML, or has keys that conda does not know.
    """

    _absent = {
        "DEFAULT_NUMBER_OF_CONDA_PACKAGES": "get_default_number_of_packages() has it",
        "DEFAULT_NUMBER_OF_PIP_PACKAGES": "get_default_number_of_packages() has it",
        "sdk_origin_url": INTERNAL,
    }

    def __init__(
        self,
        conda_dependencies_file_path: str | os.PathLike[str] | None = None,
        _underlying_structure: dict[str, Any] | None = None,
    ) -> None:
        if conda_dependencies_file_path is not None:
            self._document = _load(conda_dependencies_file_path)
        elif _underlying_structure is not None:
            self._document = checked_conda(copy.deepcopy(_underlying_structure))
        else:
            self._document = {
                "name": DEFAULT_NAME,
                "dependencies": [f"python={PYTHON_DEFAULT_VERSION}", {"pip": [DEFAULT_PIP_PACKAGE]}],
                "channels": ["anaconda", "conda-forge"],
            }

    @staticmethod
    def create(
        pip_indexurl: str | None = None,
        pip_packages: list[str] | None = None,
        conda_packages: list[str] | None = None,
        python_version: str = PYTHON_DEFAULT_VERSION,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """A specification from lists of packages; giving pip packages replaces the default ``azureml-defaults``.

        ``pin_sdk_version`` is taken and ignored: jobs get ``azureml.core`` from here, not from an index.
        """
        made = CondaDependencies()
        if pip_indexurl:
            made.set_pip_option(f"--find-links {pip_indexurl}")
            made.set_pip_option(f"--extra-index-url {_PYPI}")
        made.set_python_version(python_version)
        made.remove_pip_package(DEFAULT_PIP_PACKAGE)
        for package in [DEFAULT_PIP_PACKAGE] if pip_packages is None else pip_packages:
            made.add_pip_package(package)
        for package in conda_packages or ():
            made.add_conda_package(package)
        return made

    @staticmethod
    def merge_requirements(requirements: list[str]) -> list[str]:
        """Requirements of the same package joined into one, such as ``a>1`` and ``a<2`` into ``a>1,<2``."""
        merged: dict[str, list[str]] = {}
        for requirement in requirements:
            name = package_name(requirement)
            merged.setdefault(name, []).append(requirement[len(name) :].strip())
        return [name + ",".join(part for part in parts if part) for name, parts in merged.items()]

    @property
    def conda_channels(self) -> Iterator[str]:
        """The channels, in order."""
        return iter(list(self._document.get("channels") or ()))

    @property
    def conda_packages(self) -> Iterator[str]:
        """The conda packages, python among them, in order."""
        return iter([item for item in self._dependencies() if not isinstance(item, dict)])

    @property
    def pip_packages(self) -> Iterator[str]:
        """The entries of the pip section that are not options, in order."""
        return iter([line for line in self._pip_section() or () if not line.startswith("-")])

    @property
    def pip_options(self) -> Iterator[str]:
        """The options of the pip section, such as ``--pre``, in order."""
        return iter([line for line in self._pip_section() or () if line.startswith("-")])

    def get_python_version(self) -> str | None:
        """The version asked of python, or None when there is no python entry or it has no version."""
        index = self._python_index()
        return None if index is None else _version_in(self._dependencies()[index])

    def set_python_version(self, version: str) -> None:
        """Ask for a version of python, such as ``3.11``.

        Raises:
            UserErrorException: it is not a version.
        """
        if not isinstance(version, str) or not re.fullmatch(r"\d+(\.\d+)*([ab]\d+)?", version):
            raise UserErrorException(f"{version!r} is not a Python version; write one such as '3.11'.")
        index = self._python_index()
        if index is None:
            self._own_dependencies().append(f"python={version}")
        elif self.get_python_version() != version:
            self._own_dependencies()[index] = f"python={version}"

    def add_channel(self, channel: str) -> None:
        """Add a channel at the end, unless it is there."""
        channels = self._document.setdefault("channels", [])
        if channel not in channels:
            channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove a channel; one that is not there is no error."""
        channels = self._document.get("channels") or []
        if channel in channels:
            channels.remove(channel)

    def add_conda_package(self, conda_package: str) -> None:
        """Add a conda package; ``python=3.11`` sets the version of python instead."""
        if conda_package in self._dependencies():
            return
        version = _version_in(conda_package) if package_name(conda_package) == "python" else None
        if version:
            self.set_python_version(version)
        elif package_name(conda_package) != "python" or self._python_index() is None:
            self._own_dependencies().append(conda_package)

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove a conda package, written as it stands in the list; one that is not there is no error.

        Raises:
            UserErrorException: it is python itself.
        """
        if conda_package in self._dependencies():
            if package_name(conda_package) == "python":
                raise UserErrorException("python must not be removed from conda dependencies")
            self._own_dependencies().remove(conda_package)

    def add_pip_package(self, pip_package: str) -> None:
        """Add a pip package at the end, in place of an entry of the same name.

        Raises:
            UserErrorException: it is an option; options go through :meth:`set_pip_option`.
        """
        self.remove_pip_package(pip_package)
        self._own_pip_section().append(pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove the pip package of that name, whatever its version; one that is not there is no error.

        Raises:
            UserErrorException: it is an option.
        """
        if pip_package.startswith("-"):
            raise UserErrorException(f"Invalid package name {pip_package}")
        section = self._pip_section()
        if section is not None:
            section[:] = [line for line in section if package_name(line) != package_name(pip_package)]

    def set_pip_option(self, pip_option: str) -> None:
        """Set a pip option such as ``--extra-index-url URL``, in place of one of the same name.

        Raises:
            UserErrorException: it does not start with ``-``.
        """
        _checked_option(pip_option)
        section = self._own_pip_section()
        name = pip_option.split()[0]
        places = [number for number, line in enumerate(section) if line.split()[:1] == [name]]
        if not places:
            section.append(pip_option)
        for number in places:
            section[number] = pip_option

    def set_pip_index_url(self, index_url: str) -> None:
        """Set the index as a pip option: ``--index-url URL``.

        Raises:
            UserErrorException: it does not start with ``-``.
        """
        self.set_pip_option(index_url)

    def remove_pip_option(self, pip_option: str) -> None:
        """Remove the pip option of that name, whatever its value; one that is not there is no error.

        Raises:
            UserErrorException: it does not start with ``-``.
        """
        _checked_option(pip_option)
        section = self._pip_section()
        if section is not None:
            section[:] = [line for line in section if line.split()[:1] != [pip_option.split()[0]]]

    def set_pip_requirements(self, pip_requirements: list[str]) -> None:
        """Replace the whole pip section, lines verbatim."""
        self._own_pip_section()[:] = list(pip_requirements)

    def add_tensorflow_pip_package(self, core_type: str = "cpu", version: str | None = None) -> None:
        """Add TensorFlow from pip, for ``cpu`` or ``gpu``, in place of other TensorFlow entries."""
        suffix = _gpu_suffix(core_type)
        for package in [line for line in self.pip_packages if line.startswith("tensorflow")]:
            self.remove_pip_package(package)
        self.add_pip_package(f"tensorflow{suffix}=={version or _TENSORFLOW_VERSION}")

    def add_tensorflow_conda_package(self, core_type: str = "cpu", version: str | None = None) -> None:
        """Add TensorFlow from conda, for ``cpu`` or ``gpu``, in place of other TensorFlow entries."""
        suffix = _gpu_suffix(core_type)
        for package in [item for item in self.conda_packages if item.startswith("tensorflow")]:
            self.remove_conda_package(package)
        self.add_conda_package(f"tensorflow{suffix}={version or _TENSORFLOW_VERSION}")

    def add_cntk_package(self, core_type: str = "cpu") -> None:
        """Add CNTK from pip, for ``cpu`` or ``gpu``, in place of other CNTK entries."""
        suffix = _gpu_suffix(core_type)
        for package in [line for line in self.pip_packages if line.startswith("cntk")]:
            self.remove_pip_package(package)
        self.add_pip_package(f"cntk{suffix}=={_CNTK_VERSION}")

    def get_default_number_of_packages(self) -> tuple[int, int]:
        """How many conda and pip packages a new specification has."""
        return (1, 1)

    def save(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the specification to a file and return its path; without a path, ``conda_dependencies.yml`` here.

        Raises:
            UserErrorException: python is missing, or the path is a folder or lies in none.
        """
        target = os.fspath(path or CONDA_FILE_NAME)
        if os.path.isdir(target):
            raise UserErrorException(
                f"Cannot save a conda environment specification file to a directory: {target} is one."
                " Add a file name to it."
            )
        folder = os.path.dirname(target)
        if folder and not os.path.isdir(folder):
            raise UserErrorException(
                "Cannot save the conda environment specification file to an invalid path:"
                f" there is no folder {os.path.abspath(folder)}."
            )
        self._validate()
        with open(target, "w", encoding="utf-8") as file:
            file.write(self.serialize_to_string())
        return target.replace("\\", "/")

    def save_to_file(
        self, base_directory: str | os.PathLike[str], conda_file_path: str | os.PathLike[str] | None = None
    ) -> str:
        """Write the specification to a file below ``base_directory`` and return its path below it."""
        relative = os.fspath(conda_file_path or CONDA_FILE_NAME)
        self.save(os.path.join(os.path.abspath(base_directory), relative))
        return relative.replace("\\", "/")

    def serialize_to_string(self) -> str:
        """The specification as conda YAML."""
        import yaml

        text: str = yaml.safe_dump(self._document, sort_keys=False, default_flow_style=False, allow_unicode=True)
        return text

    def as_dict(self) -> dict[str, Any]:
        """The specification as plain data, a copy."""
        return copy.deepcopy(self._document)

    def _validate(self) -> None:
        if self._python_index() is None:
            raise UserErrorException("Python package is missing.")

    def _to_plain(self) -> dict[str, Any]:
        from ..secrets import mask_url_credentials

        masked: dict[str, Any] = mask_url_credentials(self._document)
        return masked

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CondaDependencies) and self._document == other._document

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        import yaml

        return f"CondaDependencies(\n{yaml.safe_dump(self._to_plain(), sort_keys=False)})"

    def _dependencies(self) -> list[Any]:
        return self._document.get("dependencies") or []

    def _own_dependencies(self) -> list[Any]:
        if not self._document.get("dependencies"):
            self._document["dependencies"] = []
        dependencies: list[Any] = self._document["dependencies"]
        return dependencies

    def _pip_section(self) -> list[str] | None:
        for item in self._dependencies():
            if isinstance(item, dict) and "pip" in item:
                section: list[str] = item["pip"]
                return section
        return None

    def _own_pip_section(self) -> list[str]:
        section = self._pip_section()
        if section is None:
            section = []
            self._own_dependencies().append({"pip": section})
        return section

    def _python_index(self) -> int | None:
        for number, item in enumerate(self._dependencies()):
            if isinstance(item, str) and package_name(item) == "python":
                return number
        return None


def package_name(requirement: str) -> str:
    """The name at the start of a conda or pip requirement; of a wheel, the name in its file name."""
    if requirement.endswith(".whl"):
        return requirement.rpartition("/")[2].partition("-")[0]
    return re.split(r"[\[=<>~! ;@]", requirement.strip(), maxsplit=1)[0]


def normal_name(requirement: str) -> str:
    """The same in the spelling that is the same for all: small letters and hyphens."""
    return re.sub(r"[-_.]+", "-", package_name(requirement)).lower()


def _version_in(package: str) -> str | None:
    found = _VERSION.search(package)
    return found.group() if found else None


def _checked_option(option: str) -> None:
    if not option.startswith("-"):
        raise UserErrorException(f"Invalid pip option {option}")


def _gpu_suffix(core_type: str) -> str:
    if core_type not in ("cpu", "gpu"):
        raise UserErrorException(f"Invalid core type {core_type}. Only accept 'cpu' or 'gpu'")
    return "-gpu" if core_type == "gpu" else ""


def _load(path: str | os.PathLike[str]) -> dict[str, Any]:
    return parse_conda(read_text(path, "The conda specification"), os.fspath(path))
