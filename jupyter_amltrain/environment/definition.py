"""``Environment`` ↔ plain JSON without secrets: what is stored, fingerprinted and handed to engines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .builder.options import SECRET_PREFIX, read_secret
from .conda.dependencies import CondaDependencies
from .secrets import put_url_credentials, take_url_credentials
from .sections import DEFAULT_SHM_SIZE, EXAMPLE_VARIABLE

if TYPE_CHECKING:
    from .spec import Environment


def to_spec(environment: Environment) -> dict[str, Any]:
    """The definition of an environment; see ``Environment._to_spec``."""
    docker = environment.docker
    conda = environment.python.conda_dependencies or CondaDependencies(_underlying_structure={"dependencies": []})
    document, _ = take_url_credentials(conda.as_dict())
    # What conda would set when the environment is activated.
    conda_variables = {} if environment.python.user_managed_dependencies else document.get("variables") or {}
    platform = None  # the default means whatever the engine runs
    if (docker.platform.os, docker.platform.architecture) != ("Linux", "amd64"):
        platform = f"{docker.platform.os}/{docker.platform.architecture}".lower()
    return {
        "name": environment.name,
        "image": docker.base_image if docker._image_chosen else None,
        "dockerfile": docker.base_dockerfile,
        "context": docker.build_context,
        "registry": docker.base_image_registry._to_spec(),
        "platform": platform,
        "docker_enabled": docker.enabled,
        "shm_size": docker.shm_size,
        "arguments": [str(argument) for argument in docker.arguments or ()],
        "user_managed": environment.python.user_managed_dependencies,
        "interpreter_path": environment.python.interpreter_path,
        "conda": document,
        "mode": "layered" if environment.python.layered else "isolated",
        "environment_variables": {
            str(key): str(value)
            for key, value in {**conda_variables, **(environment.environment_variables or {})}.items()
            if (key, value) != EXAMPLE_VARIABLE
        },
        # Absent when there are none, so that environments of earlier releases stay what they are.
        **{
            name: value
            for name, value in (
                ("build_arguments", {str(key): str(value) for key, value in (docker.build_arguments or {}).items()}),
                ("build_secrets", [read_secret(text).text for text in docker.build_secrets or ()]),
                ("build_ssh", [str(agent) for agent in docker.build_ssh or ()]),
            )
            if value
        },
    }


def secrets_of(environment: Environment) -> dict[str, str]:
    """What the definition leaves out; see ``Environment._secrets``."""
    given = environment.docker.base_image_registry._secrets()
    conda = environment.python.conda_dependencies
    _, taken = take_url_credentials(conda.as_dict() if conda else {})
    for text in environment.docker.build_secrets or ():
        secret = read_secret(text)
        # A file is read where the build is; a variable may be set in this process alone.
        if os.environ.get(secret.env):
            given[SECRET_PREFIX + secret.id] = os.environ[secret.env]
    return given | taken


def fill(made: Environment, spec: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> None:
    """Give a new environment what a definition says; see ``Environment._from_spec``."""
    made.version = spec.get("version")
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
    docker.base_image_registry.password = (secrets or {}).get("password") or registry.get("password")
    if spec.get("platform"):
        system, _, architecture = spec["platform"].partition("/")
        docker.platform.os, docker.platform.architecture = system, architecture
    docker.build_arguments = dict(spec.get("build_arguments") or {})
    docker.build_secrets = list(spec.get("build_secrets") or ())
    docker.build_ssh = list(spec.get("build_ssh") or ())
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
    made.python.layered = spec.get("mode") == "layered"
