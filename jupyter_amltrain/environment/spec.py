"""``Environment``, with the names, defaults and rules of Azure ML v1 (azureml-v1.md section 3)."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

from ..absent import NOT_YET
from ..errors import NameNotFoundException, UserErrorException
from .conda.dependencies import CondaDependencies
from .element import ConfigElement
from .registry.container_registry import ContainerRegistry
from .sections import (
    DEFAULT_CPU_IMAGE,
    DEFAULT_GPU_IMAGE,
    EXAMPLE_VARIABLE,
    DatabricksSection,
    DockerImagePlatform,
    DockerSection,
    PythonSection,
    SparkSection,
)

if TYPE_CHECKING:
    from ..engines.protocol import PushedImage
    from ..workspace import Workspace
    from .details import DockerImageDetails, ImageBuildDetails
    from .docker_build_context import DockerBuildContext

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "DatabricksSection",
    "DockerImagePlatform",
    "DockerSection",
    "Environment",
    "PythonSection",
    "SparkSection",
]

_LONGEST_NAME = 255


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

    _absent: ClassVar[Mapping[str, str]] = {
        "label": NOT_YET + "; get() without a version gives the latest",
    }

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name.strip():
            raise UserErrorException("Name is required to instantiate an Environment object")
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            raise UserErrorException(
                f"{name!r:.80} cannot name an environment: a name is one line of at most {_LONGEST_NAME} characters."
            )
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
    def from_existing_conda_environment(name: str, conda_environment_name: str) -> Environment:
        """An environment with what ``conda env export --no-builds`` says of a conda environment of this machine.

        Raises:
            UserErrorException: there is no conda, or it knows no such environment.
        """
        from .conda.export import export_conda_environment

        environment = Environment(name)
        environment.python.conda_dependencies = CondaDependencies(
            _underlying_structure=export_conda_environment(conda_environment_name)
        )
        return environment

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str | os.PathLike[str], pip_version: str | None = None
    ) -> Environment:
        """An environment from a pip requirements file; ``-r other.txt`` is replaced by the lines of that file.

        Raises:
            UserErrorException: a file cannot be read.
        """
        from .packages.requirements import read_requirements_file

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
        if not isinstance(image, str) or not image.strip():
            raise UserErrorException(
                f"from_docker_image takes the name of an image, such as python:3.11-slim, not {image!r}."
            )
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
        environment.docker.base_dockerfile = dockerfile
        return environment

    @staticmethod
    def from_docker_build_context(name: str, docker_build_context: DockerBuildContext) -> Environment:
        """An environment from a folder with a Dockerfile, see ``DockerBuildContext.from_local_directory``."""
        environment = Environment(name)
        environment.docker.base_dockerfile = os.path.join(
            docker_build_context.folder, docker_build_context.dockerfile_path
        )
        environment.docker.build_context = docker_build_context.folder
        environment.python.user_managed_dependencies = True
        return environment

    @staticmethod
    def add_private_pip_wheel(workspace: Workspace, file_path: str | os.PathLike[str], exist_ok: bool = False) -> str:
        """Copy a wheel into the workspace and return an address of it that pip packages of environments can have.

        Raises:
            UserErrorException: there is no such wheel; or the workspace has one of that name, unless ``exist_ok``.
        """
        from .packages.wheels import add_wheel

        return add_wheel(workspace, file_path, exist_ok)

    def register(self, workspace: Workspace) -> Environment:
        """Keep this definition in the workspace; a changed one gets the next version. Passwords are not kept, but
        ``env:NAME`` and ``keyring:SERVICE`` in their place are."""
        from .curated import check_own_name

        check_own_name(self.name)
        version = workspace.store.save_environment(self.name, self._to_spec())
        registered = self.clone(self.name)
        registered.version = str(version)
        return registered

    @staticmethod
    def get(workspace: Workspace, name: str, version: str | int | None = None, label: str | None = None) -> Environment:
        """The registered environment of that name, its latest version unless one is given; or a curated one.

        Raises:
            NameNotFoundException: there is none; the message suggests the nearest name.
            UserErrorException: there is no such version, or the label is another than ``latest``.
        """
        if label not in (None, "latest") or (label and version):
            raise UserErrorException("Environments have versions and one label, 'latest'; give one of the two.")
        from .curated import NAMES, curated_environment

        number = None if version is None else str(version)
        spec = workspace.store.get_environment(name, number) if number is None or number.isdecimal() else None
        if spec is not None:
            return Environment._from_spec(spec)
        curated = curated_environment(name, number)
        if curated is not None:
            return curated
        known = workspace.store.list_environments()
        if name in known:
            raise UserErrorException(
                f"environment '{name}' has no version {version}; its latest is {known[name].get('version')}."
            )
        raise NameNotFoundException(
            "environment", name, [*known, *NAMES], "Register one with %%aml_env or Environment.register."
        )

    @staticmethod
    def list(workspace: Workspace) -> dict[str, Environment]:
        """All registered environments, the latest version of each, by name."""
        return {name: Environment._from_spec(spec) for name, spec in workspace.store.list_environments().items()}

    def save_to_directory(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write this definition to a new folder, in files to edit: ``azureml_environment.json``,
        ``conda_dependencies.yml`` and ``BaseDockerfile``. Passwords are not written, nor those in index addresses.

        Raises:
            FileExistsError: the folder exists and ``overwrite`` is False.
        """
        from .files import save

        save(self, path, overwrite)

    @staticmethod
    def load_from_directory(path: str | os.PathLike[str]) -> Environment:
        """The environment that :meth:`save_to_directory` wrote; its registry password is empty.

        Raises:
            FileNotFoundError: the folder has no ``azureml_environment.json``.
            UserErrorException: a file is not what it should be; the message says where.
        """
        from .files import load

        return load(path)

    def build(self, workspace: Workspace, image_build_compute: object = None) -> ImageBuildDetails:
        """Build the image in the background, for as long as this process lives, and return at once.

        ``image_build_compute`` is taken and ignored: this machine's engine builds.

        Raises:
            UserErrorException: it is not registered, or has changed since.
        """
        from .details import check_registered, start_build

        check_registered(self, workspace)
        return start_build(self, workspace)

    def build_local(self, workspace: Workspace, platform: str | None = None, **advanced: Any) -> None:
        """Build the image, or with ``useDocker=False`` a virtual environment, and print the output as it comes.

        Without ``useDocker`` the usual engine builds. ``platform`` is taken and ignored: the build is for this
        machine. Interrupting it ends the build. With ``rebuild=True`` the base image is pulled again and all is built
        anew; with ``flatten=True`` an image that is stacked on others is built at once.

        Raises:
            UserErrorException: ``pushImageToWorkspaceAcr``, as there is no such registry; or an unknown argument.
            EngineException: the build failed.
        """
        from .details import build_and_watch

        build_and_watch(self, workspace, advanced)

    def push(
        self,
        workspace: Workspace,
        repository: str | None = None,
        container_registry: ContainerRegistry | None = None,
    ) -> PushedImage:
        """Push the image to a registry, building it before where that is needed; prints how it goes.

        Args:
            workspace: where it is registered, and where the name and the digest at the registry are kept with it.
            repository: such as ``registry.example.com/team/torch``, with ``:TAG`` unless the version is to be the tag;
                None for the environment's name at the address of the registry.
            container_registry: credentials to push with, and the address when there is no ``repository``; without it
                those of ``docker.base_image_registry`` if they are for that registry, else those of ``docker login``.

        Raises:
            UserErrorException: it is not registered, or has changed since; or nothing can have such a name.
            RegistryException: the registry refuses, or cannot be reached.
        """
        from .registry.push import push_environment

        return push_environment(self, workspace, repository, container_registry)

    def get_image_details(self, workspace: Workspace) -> DockerImageDetails:
        """What the engine has for this environment; nothing is pulled or built.

        Raises:
            UserErrorException: it is not registered, or has changed since.
        """
        from .details import check_registered, image_details

        check_registered(self, workspace)
        return image_details(self, workspace)

    def _to_spec(self) -> dict[str, Any]:
        """This definition as plain JSON without secrets: what is stored, fingerprinted and handed to engines."""
        from .definition import to_spec

        return to_spec(self)

    def _secrets(self) -> dict[str, str]:
        """What :meth:`_to_spec` leaves out: ``username`` and ``password`` of the registry, credentials of indexes, and
        the secrets of a build that are in variables."""
        from .definition import secrets_of

        return secrets_of(self)

    @classmethod
    def _from_spec(cls, spec: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Environment:
        """The environment that :meth:`_to_spec` described; its registry password is empty unless given."""
        from .definition import fill

        made = cls(spec["name"])
        fill(made, spec, secrets)
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
