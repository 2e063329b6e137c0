"""The sections of an ``Environment``: docker, python and two that nothing here uses (azureml-v1.md section 3)."""

from __future__ import annotations

import os
import re
from typing import IO, Any, ClassVar

from ..errors import UserErrorException
from .conda.dependencies import CondaDependencies
from .element import ConfigElement, _camel_case
from .registry.container_registry import ContainerRegistry
from .text_files import decoded, read_text

DEFAULT_CPU_IMAGE = "mcr.microsoft.com/azureml/intelmpi2018.3-ubuntu16.04:20200821.v1"
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/intelmpi2018.3-cuda10.0-cudnn7-ubuntu16.04:20200821.v1"
DEFAULT_SHM_SIZE = "2g"
EXAMPLE_VARIABLE = ("EXAMPLE_ENV_VAR", "EXAMPLE_VALUE")

_DOCKERFILE_LINE = re.compile(r"\s*(FROM|ARG)\s+\S", re.IGNORECASE)


class DockerImagePlatform(ConfigElement):
    """Operating system and architecture of an image; the defaults mean "whatever the engine runs"."""

    _fields: ClassVar[tuple[str, ...]] = ("os", "architecture")
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {"os": str, "architecture": str}

    def __init__(self) -> None:
        self.os = "Linux"
        self.architecture = "amd64"
        self._initialized = True


_BUILD_FIELDS = ("build_arguments", "build_secrets", "build_ssh")


class DockerSection(ConfigElement):
    """What the image of an environment is made from and how its containers run (azureml-v1.md section 3.3).

    The SDK does not have ``build_arguments``, values for the ARG lines of the Dockerfile by name; ``build_secrets``,
    which say in which file or variable a secret is that RUN steps mount (``id=NAME,env=VARIABLE``,
    ``id=NAME,src=PATH``); and ``build_ssh``, SSH agents or keys for them (``default``, ``ID=PATH``).
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "enabled",
        "base_image",
        "base_dockerfile",
        "base_image_registry",
        "build_context",
        "platform",
        "shm_size",
        "shared_volumes",
        "arguments",
        *_BUILD_FIELDS,
    )
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {
        "enabled": bool,
        "base_image": str,
        "base_image_registry": ContainerRegistry,
        "build_context": (str, os.PathLike),
        "platform": DockerImagePlatform,
        "shm_size": str,
        "shared_volumes": bool,
        "arguments": list,
        "build_arguments": dict,
        "build_secrets": list,
        "build_ssh": list,
    }

    def __init__(self) -> None:
        self.enabled = False
        self.base_image_registry = ContainerRegistry()
        self.platform = DockerImagePlatform()
        self.shm_size: str | None = DEFAULT_SHM_SIZE
        self.shared_volumes = True
        self.arguments: list[str] = []
        self.build_arguments: dict[str, str] = {}
        self.build_secrets: list[str] = []
        self.build_ssh: list[str] = []
        self._base_image: str | None = DEFAULT_CPU_IMAGE
        self._image_chosen = False
        self._base_dockerfile: str | None = None
        self._build_context: str | None = None
        self._initialized = True

    @property
    def base_image(self) -> str | None:
        """The image to start from. Setting one clears ``base_dockerfile``; None clears only itself."""
        return self._base_image

    @base_image.setter
    def base_image(self, value: str | None) -> None:
        self._base_image = value or None
        self._image_chosen = True
        if value:
            self._base_dockerfile = None
            self._build_context = None

    @property
    def base_dockerfile(self) -> str | None:
        """The text of the Dockerfile. Setting text, a path or an open file clears ``base_image``.

        The folder of a path is remembered as the build context, so that ``COPY`` works. None clears only itself.
        """
        return self._base_dockerfile

    @base_dockerfile.setter
    def base_dockerfile(self, value: str | os.PathLike[str] | IO[str] | IO[bytes] | None) -> None:
        if not value:
            self._base_dockerfile = self._build_context = None
            return
        text, folder = _dockerfile_text(value)
        if not text.strip():
            where = f" {value}" if folder else " given as text"
            raise UserErrorException(
                f"The Dockerfile{where} is empty; it begins with a line such as FROM python:3.11-slim."
            )
        self._base_dockerfile = text
        self._build_context = folder
        self._base_image = None
        self._image_chosen = True

    @property
    def build_context(self) -> str | None:
        """The folder that ``COPY`` and ``ADD`` of the Dockerfile read from: an absolute path, or None."""
        return self._build_context

    @build_context.setter
    def build_context(self, value: str | os.PathLike[str] | None) -> None:
        if value is None:
            self._build_context = None
            return
        folder = os.path.abspath(os.path.expanduser(os.fspath(value)))
        if not os.path.isdir(folder):
            raise UserErrorException(f"There is no folder {folder} to use as build context.")
        self._build_context = folder

    def _to_plain(self) -> dict[str, Any]:
        plain = super()._to_plain()
        for name in _BUILD_FIELDS:
            if not getattr(self, name):
                del plain[_camel_case(name)]  # the SDK's form has no such key
        return plain

    @property
    def gpu_support(self) -> bool:
        """Always True: a GPU is used when the compute target has one. Setting it does nothing."""
        return True

    @gpu_support.setter
    def gpu_support(self, _: object) -> None:
        pass


class PythonSection(ConfigElement):
    """Which Python a job runs with and what is installed for it (azureml-v1.md section 3.2).

    ``layered``, which the SDK does not have, adds the packages to the image's own Python, where those of the image stay
    visible. The default is Azure's: an environment of their own (isolated).
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "user_managed_dependencies",
        "interpreter_path",
        "conda_dependencies",
        "conda_dependencies_file",
        "base_conda_environment",
        "layered",
    )
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {
        "user_managed_dependencies": bool,
        "interpreter_path": str,
        "conda_dependencies": CondaDependencies,
        "conda_dependencies_file": (str, os.PathLike),
        "layered": bool,
    }

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path = "python"
        self.conda_dependencies: CondaDependencies | None = CondaDependencies()
        self.conda_dependencies_file: str | None = None
        self.base_conda_environment: str | None = None
        self.layered = False
        self._initialized = True

    def _to_plain(self) -> dict[str, Any]:
        plain = super()._to_plain()
        if not self.layered:
            del plain["layered"]  # the SDK's form has no such key
        return plain


class SparkSection(ConfigElement):
    """Kept so that code which sets it runs; nothing here uses Spark."""

    _fields: ClassVar[tuple[str, ...]] = ("repositories", "packages", "precache_packages")

    def __init__(self) -> None:
        self.repositories: list[str] = []
        self.packages: list[Any] = []
        self.precache_packages = True
        self._initialized = True


class DatabricksSection(ConfigElement):
    """Kept so that code which sets it runs; nothing here uses Databricks."""

    _absent = {"cluster": "there is no Databricks"}

    _fields: ClassVar[tuple[str, ...]] = (
        "maven_libraries",
        "pypi_libraries",
        "rcran_libraries",
        "jar_libraries",
        "egg_libraries",
    )

    def __init__(self) -> None:
        self.maven_libraries: list[Any] = []
        self.pypi_libraries: list[Any] = []
        self.rcran_libraries: list[Any] = []
        self.jar_libraries: list[Any] = []
        self.egg_libraries: list[Any] = []
        self._initialized = True


def _dockerfile_text(value: str | os.PathLike[str] | IO[str] | IO[bytes]) -> tuple[str, str | None]:
    """Text and build context of what was given as a Dockerfile (azureml-v1.md section 3.4, without its trap)."""
    if hasattr(value, "read"):
        content = value.read()
        opened = getattr(value, "name", None)
        folder = (
            os.path.dirname(os.path.abspath(opened)) if isinstance(opened, str) and os.path.isfile(opened) else None
        )
        return (decoded(content, "The Dockerfile") if isinstance(content, bytes) else content), folder
    if not isinstance(value, (str, os.PathLike)):
        raise UserErrorException(
            f"DockerSection.base_dockerfile takes text, a path or an open file, not {type(value).__name__}."
        )
    text = os.fspath(value)
    if isinstance(value, str) and ("\n" in text.strip() or not text.strip()):
        return text, None
    path = os.path.abspath(os.path.expanduser(text.strip()))
    if os.path.isfile(path):
        return read_text(path, "The Dockerfile"), os.path.dirname(path)
    if isinstance(value, str) and _DOCKERFILE_LINE.match(text):
        return text, None
    if os.path.isdir(path):
        raise UserErrorException(f"{path} is a folder; name the Dockerfile in it.")
    raise UserErrorException(
        f"There is no Dockerfile at {path} (taken from {text.strip()!r}, seen from the notebook's working folder)."
        " Correct the path, or give the Dockerfile's text, which begins with FROM."
    )
