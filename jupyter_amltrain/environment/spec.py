"""``Environment`` and its sections, with the names, defaults and rules of Azure ML v1 (azureml-v1.md section 3)."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

from ..errors import NameNotFoundException, UserErrorException
from .conda import CondaDependencies
from .element import ConfigElement
from .registry import ContainerRegistry
from .secrets import put_url_credentials, take_url_credentials

if TYPE_CHECKING:
    from ..workspace import Workspace

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


class DockerSection(ConfigElement):
    """What the image of an environment is made from and how its containers run (azureml-v1.md section 3.3)."""

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
    }

    def __init__(self) -> None:
        self.enabled = False
        self.base_image_registry = ContainerRegistry()
        self.platform = DockerImagePlatform()
        self.shm_size: str | None = DEFAULT_SHM_SIZE
        self.shared_volumes = True
        self.arguments: list[str] = []
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

    @property
    def gpu_support(self) -> bool:
        """Always True: a GPU is used when the compute target has one. Setting it does nothing."""
        return True

    @gpu_support.setter
    def gpu_support(self, _: object) -> None:
        pass


class PythonSection(ConfigElement):
    """Which Python a job runs with and what is installed for it (azureml-v1.md section 3.2)."""

    _fields: ClassVar[tuple[str, ...]] = (
        "user_managed_dependencies",
        "interpreter_path",
        "conda_dependencies",
        "conda_dependencies_file",
        "base_conda_environment",
    )
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {
        "user_managed_dependencies": bool,
        "interpreter_path": str,
        "conda_dependencies": CondaDependencies,
        "conda_dependencies_file": (str, os.PathLike),
    }

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path = "python"
        self.conda_dependencies: CondaDependencies | None = CondaDependencies()
        self.conda_dependencies_file: str | None = None
        self.base_conda_environment: str | None = None
        self._initialized = True


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


class Environment(ConfigElement):
    """What a job runs in: an image or a Dockerfile, Python packages, and environment variables.

    Args:
        name: what to call it; ``%aml_submit --env NAME`` and :meth:`get` find it by this name.
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "name",
        "version",
        "environment_variables",
        "python",
        "docker",
        "spark",
        "databricks",
        "r",
        "inferencing_stack_version",
        "asset_id",
    )
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {
        "name": str,
        "version": str,
        "environment_variables": dict,
        "python": PythonSection,
        "docker": DockerSection,
        "spark": SparkSection,
        "databricks": DatabricksSection,
    }

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name.strip():
            raise UserErrorException("Name is required to instantiate an Environment object")
        self.name = name
        self.version: str | None = None
        self.environment_variables: dict[str, str] = dict([EXAMPLE_VARIABLE])
        self.python = PythonSection()
        self.docker = DockerSection()
        self.spark = SparkSection()
        self.databricks = DatabricksSection()
        self.r: Any = None
        self.inferencing_stack_version: str | None = None
        self.asset_id: str | None = None
        self._mode = "isolated"
        self._initialized = True

    def __str__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"

    def clone(self, new_name: str) -> Environment:
        """A copy under another name, without version.

        Raises:
            UserErrorException: the name is empty.
        """
        if not new_name:
            raise UserErrorException("Name is required to instantiate an Environment object")
        other = copy.deepcopy(self)
        other.name = new_name
        other.version = other.asset_id = None
        return other

    @staticmethod
    def from_conda_specification(name: str, file_path: str | os.PathLike[str]) -> Environment:
        """An environment from a conda YAML file (azureml-v1.md section 3.6).

        Raises:
            UserErrorException: the file cannot be read or is not a conda specification.
        """
        environment = Environment(name)
        environment.python.conda_dependencies = CondaDependencies(file_path)
        return environment

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str | os.PathLike[str], pip_version: str | None = None
    ) -> Environment:
        """An environment from a pip requirements file; ``-r other.txt`` is replaced by the lines of that file.

        Raises:
            UserErrorException: a file cannot be read.
        """
        from .requirements import read_requirements_file

        dependencies = CondaDependencies()
        dependencies.set_pip_requirements(read_requirements_file(Path(file_path)))
        dependencies.add_conda_package(f"pip={pip_version}" if pip_version else "pip")
        environment = Environment(name)
        environment.python.conda_dependencies = dependencies
        return environment

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: ContainerRegistry | None = None,
        conda_specification: str | os.PathLike[str] | None = None,
        pip_requirements: str | os.PathLike[str] | None = None,
    ) -> Environment:
        """An environment from an image: used as it is, or with packages when a specification is given.

        Raises:
            UserErrorException: both kinds of specification are given, or a file cannot be read.
        """
        environment = _from_packages(name, conda_specification, pip_requirements)
        environment.docker.base_image = image
        if container_registry:
            environment.docker.base_image_registry = container_registry
        return environment

    @staticmethod
    def from_dockerfile(
        name: str,
        dockerfile: str | os.PathLike[str] | IO[str],
        conda_specification: str | os.PathLike[str] | None = None,
        pip_requirements: str | os.PathLike[str] | None = None,
    ) -> Environment:
        """An environment from a Dockerfile, its text or its path; with packages when a specification is given.

        Raises:
            UserErrorException: both kinds of specification are given, or a file cannot be read.
        """
        environment = _from_packages(name, conda_specification, pip_requirements)
        environment.docker.base_dockerfile = dockerfile  # type: ignore[assignment]
        return environment

    def register(self, workspace: Workspace) -> Environment:
        """Keep this definition in the workspace; a changed one gets the next version. Passwords are not kept."""
        version = workspace.store.save_environment(self.name, self._to_spec())
        registered = self.clone(self.name)
        registered.version = str(version)
        return registered

    @staticmethod
    def get(workspace: Workspace, name: str, version: str | int | None = None) -> Environment:
        """The registered environment of that name, its latest version unless one is given.

        Raises:
            NameNotFoundException: there is none; the message suggests the nearest name.
        """
        spec = workspace.store.get_environment(name, None if version is None else int(version))
        if spec is not None:
            found = Environment._from_spec(spec)
            found.version = None if version is None else str(version)
            return found
        known = workspace.store.list_environments()
        if name in known:
            raise UserErrorException(f"environment '{name}' has no version {version}.")
        raise NameNotFoundException("environment", name, known, "Register one with %%aml_env or Environment.register.")

    @staticmethod
    def list(workspace: Workspace) -> dict[str, Environment]:
        """All registered environments, the latest version of each, by name."""
        return {name: Environment._from_spec(spec) for name, spec in workspace.store.list_environments().items()}

    def _to_spec(self) -> dict[str, Any]:
        """This definition as plain JSON without secrets: what is stored, fingerprinted and handed to engines."""
        docker = self.docker
        conda = self.python.conda_dependencies or CondaDependencies(_underlying_structure={"dependencies": []})
        document, _ = take_url_credentials(conda.as_dict())
        platform = None
        if (docker.platform.os, docker.platform.architecture) != ("Linux", "amd64"):
            platform = f"{docker.platform.os}/{docker.platform.architecture}".lower()
        return {
            "name": self.name,
            "image": docker.base_image if docker._image_chosen else None,
            "dockerfile": docker.base_dockerfile,
            "context": docker.build_context,
            "registry": {
                "address": docker.base_image_registry.address,
                "username": docker.base_image_registry.username,
            },
            "platform": platform,
            "docker_enabled": docker.enabled,
            "shm_size": docker.shm_size,
            "arguments": [str(argument) for argument in docker.arguments or ()],
            "user_managed": self.python.user_managed_dependencies,
            "interpreter_path": self.python.interpreter_path,
            "conda": document,
            "mode": self._mode,
            "environment_variables": {
                str(key): str(value)
                for key, value in (self.environment_variables or {}).items()
                if (key, value) != EXAMPLE_VARIABLE
            },
        }

    def _secrets(self) -> dict[str, str]:
        """What :meth:`_to_spec` leaves out: ``username`` and ``password`` of the registry, credentials of indexes."""
        registry = self.docker.base_image_registry
        given = {"username": registry.username, "password": registry.password}
        conda = self.python.conda_dependencies
        _, taken = take_url_credentials(conda.as_dict() if conda else {})
        return {key: value for key, value in given.items() if value} | taken

    @classmethod
    def _from_spec(cls, spec: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Environment:
        """The environment that :meth:`_to_spec` described; its registry password is empty unless given."""
        made = cls(spec["name"])
        docker = made.docker
        if spec.get("image"):
            docker.base_image = spec["image"]
        elif spec.get("dockerfile"):
            docker._base_dockerfile = spec["dockerfile"]
            docker._base_image = None
            docker._image_chosen = True
            docker._build_context = spec.get("context")
        registry = spec.get("registry") or {}
        docker.base_image_registry.address = registry.get("address")
        docker.base_image_registry.username = registry.get("username")
        docker.base_image_registry.password = (secrets or {}).get("password")
        if spec.get("platform"):
            system, _, architecture = spec["platform"].partition("/")
            docker.platform.os, docker.platform.architecture = system, architecture
        docker.enabled = spec.get("docker_enabled", True)
        docker.shm_size = spec.get("shm_size", DEFAULT_SHM_SIZE)
        docker.arguments = list(spec.get("arguments") or ())
        made.python.user_managed_dependencies = spec.get("user_managed", False)
        made.python.interpreter_path = spec.get("interpreter_path") or "python"
        document = spec.get("conda") or {"dependencies": []}
        made.python.conda_dependencies = CondaDependencies(
            _underlying_structure=put_url_credentials(document, secrets or {})
        )
        made.environment_variables = dict(spec.get("environment_variables") or {})
        made._mode = spec.get("mode", "isolated")
        return made


def _from_packages(
    name: str,
    conda_specification: str | os.PathLike[str] | None,
    pip_requirements: str | os.PathLike[str] | None,
) -> Environment:
    if conda_specification and pip_requirements:
        raise UserErrorException(
            "Only one of conda_specification or pip_requirements can be specified as python dependencies"
        )
    if conda_specification:
        return Environment.from_conda_specification(name, conda_specification)
    if pip_requirements:
        return Environment.from_pip_requirements(name, pip_requirements)
    environment = Environment(name)
    environment.python.user_managed_dependencies = True
    return environment


def _dockerfile_text(value: str | os.PathLike[str] | IO[str] | IO[bytes]) -> tuple[str, str | None]:
    """Text and build context of what was given as a Dockerfile (azureml-v1.md section 3.4, without its trap)."""
    if hasattr(value, "read"):
        content = value.read()
        opened = getattr(value, "name", None)
        folder = os.path.dirname(os.path.abspath(opened)) if isinstance(opened, str) and os.path.isfile(opened) else None
        return (content.decode() if isinstance(content, bytes) else content), folder
    if not isinstance(value, (str, os.PathLike)):
        raise UserErrorException(
            f"DockerSection.base_dockerfile takes text, a path or an open file, not {type(value).__name__}."
        )
    text = os.fspath(value)
    if isinstance(value, str) and "\n" in text.strip():
        return text, None
    path = os.path.abspath(os.path.expanduser(text.strip()))
    if os.path.isfile(path):
        return _read_dockerfile(path), os.path.dirname(path)
    if isinstance(value, str) and _DOCKERFILE_LINE.match(text):
        return text, None
    if os.path.isdir(path):
        raise UserErrorException(f"{path} is a folder; name the Dockerfile in it.")
    raise UserErrorException(
        f"There is no Dockerfile at {path} (taken from {text.strip()!r}, seen from the notebook's working folder)."
        " Correct the path, or give the Dockerfile's text, which begins with FROM."
    )


def _read_dockerfile(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UserErrorException(f"The Dockerfile {path} cannot be read: {error}.", inner_exception=error) from error
