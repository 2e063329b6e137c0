"""``Environment`` keeps the names, defaults and rules of the SDK, without its traps."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from jupyter_amltrain.environment.conda.dependencies import CondaDependencies
from jupyter_amltrain.environment.packages.requirements import Packages, default_base
from jupyter_amltrain.environment.registry.container_registry import ContainerRegistry
from jupyter_amltrain.environment.spec import DEFAULT_CPU_IMAGE, Environment
from jupyter_amltrain.errors import NameNotFoundException, UserErrorException

PASSWORD = "s3cret-pa55word"


def test_the_defaults_are_those_of_the_sdk() -> None:
    environment = Environment("x")
    assert json.loads(repr(environment)) == {
        "assetId": None,
        "databricks": {
            "eggLibraries": [],
            "jarLibraries": [],
            "mavenLibraries": [],
            "pypiLibraries": [],
            "rcranLibraries": [],
        },
        "docker": {
            "arguments": [],
            "baseDockerfile": None,
            "baseImage": DEFAULT_CPU_IMAGE,
            "baseImageRegistry": {"address": None, "password": None, "registryIdentity": None, "username": None},
            "buildContext": None,
            "enabled": False,
            "platform": {"architecture": "amd64", "os": "Linux"},
            "sharedVolumes": True,
            "shmSize": "2g",
        },
        "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
        "inferencingStackVersion": None,
        "name": "x",
        "python": {
            "baseCondaEnvironment": None,
            "condaDependencies": {
                "channels": ["anaconda", "conda-forge"],
                "dependencies": ["python=3.6.2", {"pip": ["azureml-defaults"]}],
                "name": "project_environment",
            },
            "condaDependenciesFile": None,
            "interpreterPath": "python",
            "userManagedDependencies": False,
        },
        "r": None,
        "spark": {"packages": [], "precachePackages": True, "repositories": []},
        "version": None,
    }
    assert str(environment) == "Environment(Name: x,\nVersion: None)"


def test_the_plain_form_has_no_example_variable_and_no_default_image() -> None:
    environment = Environment("x")
    environment.environment_variables["EPOCHS"] = 3  # type: ignore[assignment]
    assert environment._to_spec() == {
        "name": "x",
        "image": None,
        "dockerfile": None,
        "context": None,
        "registry": {"address": None, "username": None},
        "platform": None,
        "docker_enabled": False,
        "shm_size": "2g",
        "arguments": [],
        "user_managed": False,
        "interpreter_path": "python",
        "conda": {
            "name": "project_environment",
            "dependencies": ["python=3.6.2", {"pip": ["azureml-defaults"]}],
            "channels": ["anaconda", "conda-forge"],
        },
        "mode": "isolated",
        "environment_variables": {"EPOCHS": "3"},
    }


@pytest.mark.parametrize(
    ("path", "wrong", "hint"),
    [
        ((), "dcoker", "did you mean 'docker'"),
        (("docker",), "base_img", "did you mean 'base_image'"),
        (("docker", "base_image_registry"), "adress", "did you mean 'address'"),
        (("python",), "user_managed_dependency", "did you mean 'user_managed_dependencies'"),
    ],
)
def test_an_unknown_attribute_is_refused(path: tuple[str, ...], wrong: str, hint: str) -> None:
    section: object = Environment("x")
    for name in path:
        section = getattr(section, name)
    with pytest.raises(AttributeError, match=f"has no attribute '{wrong}'; {hint}"):
        setattr(section, wrong, 1)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("docker", "enabled", "yes"), ("docker", "base_image", 3), ("python", "conda_dependencies", {"pip": []})],
)
def test_a_value_of_the_wrong_type_is_refused(section: str, name: str, value: object) -> None:
    with pytest.raises(UserErrorException, match=f"{name} takes "):
        setattr(getattr(Environment("x"), section), name, value)


def test_image_and_dockerfile_clear_each_other_in_any_order() -> None:
    docker = Environment("x").docker
    docker.base_dockerfile = "FROM a\nRUN b\n"
    assert (docker.base_image, docker.base_dockerfile) == (None, "FROM a\nRUN b\n")
    docker.base_image = None
    assert (docker.base_image, docker.base_dockerfile) == (None, "FROM a\nRUN b\n")
    docker.base_image = "c:1"
    assert (docker.base_image, docker.base_dockerfile) == ("c:1", None)
    docker.base_dockerfile = None
    assert (docker.base_image, docker.base_dockerfile) == ("c:1", None)


def test_a_dockerfile_path_is_read_and_its_folder_is_the_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    monkeypatch.chdir(tmp_path)
    for given in ("./Dockerfile", "Dockerfile", tmp_path / "Dockerfile"):
        docker = Environment("x").docker
        docker.base_dockerfile = given  # type: ignore[assignment]
        assert (docker.base_dockerfile, docker.build_context) == ("FROM a\n", str(tmp_path))
    docker.base_dockerfile = "FROM b\nRUN c\n"
    assert docker.build_context is None


def test_an_open_file_is_read() -> None:
    docker = Environment("x").docker
    docker.base_dockerfile = io.BytesIO(b"FROM a\n")  # type: ignore[assignment]
    assert (docker.base_dockerfile, docker.build_context) == ("FROM a\n", None)


def test_a_path_that_does_not_exist_is_an_immediate_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    docker = Environment("x").docker
    for given in ("./Dockerfile", "dockerfiles/gpu", Path("missing")):
        with pytest.raises(UserErrorException) as refused:
            docker.base_dockerfile = given  # type: ignore[assignment]
        assert str(tmp_path / given) in refused.value.message
    with pytest.raises(UserErrorException, match="is a folder"):
        docker.base_dockerfile = str(tmp_path)
    assert docker.base_image == DEFAULT_CPU_IMAGE


@pytest.mark.parametrize("text", ["FROM x", "from python:3.11-slim", "ARG V=1\nFROM x:$V"])
def test_text_that_is_plainly_a_dockerfile_is_text(text: str) -> None:
    docker = Environment("x").docker
    docker.base_dockerfile = text
    assert docker.base_dockerfile == text


def test_secrets_are_in_no_text_form_and_not_in_the_plain_form() -> None:
    environment = Environment("x")
    registry = environment.docker.base_image_registry
    registry.address, registry.username, registry.password = "r.example.com", "me", PASSWORD
    dependencies = CondaDependencies()
    dependencies.set_pip_option(f"--extra-index-url https://user:{PASSWORD}@index.example.com/simple")
    environment.python.conda_dependencies = dependencies

    shown = [str(environment), repr(environment), repr(environment.docker), str(registry), repr(dependencies)]
    assert not [text for text in [*shown, json.dumps(environment._to_spec())] if PASSWORD in text]
    assert environment._secrets() == {"username": "me", "password": PASSWORD, "url-0": f"user:{PASSWORD}"}
    restored = Environment._from_spec(environment._to_spec(), environment._secrets())
    assert restored.docker.base_image_registry.password == PASSWORD
    assert restored.python.conda_dependencies == dependencies


@pytest.mark.parametrize("reference", ["env:REGISTRY_PASSWORD", "keyring:r.example.com", "keyring:r.example.com/me"])
def test_a_reference_to_a_password_is_no_secret_and_is_kept(reference: str, tmp_path: Path) -> None:
    environment = Environment("x")
    registry = environment.docker.base_image_registry
    registry.address, registry.username, registry.password = "r.example.com", "me", reference
    assert environment._secrets() == {"username": "me"}
    spec = json.loads(json.dumps(environment._to_spec()))
    assert Environment._from_spec(spec).docker.base_image_registry.password == reference
    assert reference in repr(environment)
    environment.save_to_directory(tmp_path / "saved")
    loaded = Environment.load_from_directory(tmp_path / "saved")
    assert loaded.docker.base_image_registry.password == reference


def test_what_cannot_be_a_reference_or_an_address_is_refused_without_repeating_it() -> None:
    registry = Environment("x").docker.base_image_registry
    for field, value in (
        ("password", "env:"),
        ("password", f"env:{PASSWORD}!"),
        ("password", "keyring:/"),
        ("password", PASSWORD.encode()),
        ("address", f"me:{PASSWORD}@r.example.com"),
    ):
        with pytest.raises(UserErrorException) as refused:
            setattr(registry, field, value)
        assert PASSWORD not in refused.value.message
    assert (registry.password, registry.address) == (None, None)


def test_the_plain_form_makes_the_same_environment_again() -> None:
    environment = Environment("x")
    environment.docker.base_image = "team/image:2"
    environment.docker.base_image_registry.address = "r.example.com"
    environment.docker.platform.architecture = "arm64"
    environment.docker.arguments = ["--ipc=host"]
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = "/opt/conda/bin/python"
    spec = json.loads(json.dumps(environment._to_spec()))
    assert spec["platform"] == "linux/arm64"
    assert Environment._from_spec(spec)._to_spec() == spec

    written = Environment("y")
    written.docker.base_dockerfile = "FROM a\n"
    assert Environment._from_spec(written._to_spec())._to_spec() == written._to_spec()


def test_a_clone_is_a_deep_copy_without_version() -> None:
    environment = Environment("x")
    environment.version = "3"
    other = environment.clone("y")
    other.docker.base_image = "z"
    assert (other.name, other.version, environment.docker.base_image) == ("y", None, DEFAULT_CPU_IMAGE)
    for name in ("", None):
        with pytest.raises(UserErrorException, match="Name is required"):
            environment.clone(name)  # type: ignore[arg-type]


def test_the_constructors(tmp_path: Path) -> None:
    conda = tmp_path / "conda.yml"
    conda.write_text("name: q\ndependencies:\n- python=3.9\n- pip:\n  - six\n")
    (tmp_path / "more.txt").write_text("six\n")
    pip = tmp_path / "requirements.txt"
    pip.write_text("# a comment\nidna \n-r more.txt\n")

    from_conda = Environment.from_conda_specification("a", conda)
    assert from_conda.python.conda_dependencies == CondaDependencies(conda)
    from_pip = Environment.from_pip_requirements("b", pip, pip_version="21.0")
    assert from_pip.python.conda_dependencies is not None
    assert list(from_pip.python.conda_dependencies.pip_packages) == ["# a comment", "idna ", "six"]
    assert list(from_pip.python.conda_dependencies.conda_packages) == ["python=3.6.2", "pip=21.0"]

    registry = ContainerRegistry()
    from_image = Environment.from_docker_image("c", "ubuntu:1", container_registry=registry)
    assert from_image.docker.base_image == "ubuntu:1"
    assert from_image.docker.base_image_registry is registry
    assert from_image.python.user_managed_dependencies
    from_dockerfile = Environment.from_dockerfile("d", "FROM x\n", pip_requirements=pip)
    assert from_dockerfile.docker.base_dockerfile == "FROM x\n"
    assert not from_dockerfile.python.user_managed_dependencies
    with pytest.raises(UserErrorException, match="Only one of"):
        Environment.from_docker_image("e", "x", conda_specification=conda, pip_requirements=pip)


def test_requirement_files_that_name_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    (tmp_path / "b.txt").write_text("-r a.txt\n")
    with pytest.raises(UserErrorException, match="in a circle"):
        Environment.from_pip_requirements("x", tmp_path / "a.txt")
    with pytest.raises(UserErrorException, match=r"missing\.txt cannot be read"):
        Environment.from_pip_requirements("x", tmp_path / "missing.txt")


def test_registered_environments_are_versioned_and_found() -> None:
    from jupyter_amltrain import Workspace

    workspace = Workspace.create("teamspace")
    environment = Environment("fastai2")
    environment.docker.base_image = "a:1"
    environment.docker.base_image_registry.password = PASSWORD
    assert environment.register(workspace).version == "1"
    assert environment.register(workspace).version == "1"
    environment.docker.base_image = "a:2"
    assert environment.register(workspace).version == "2"

    newest = Environment.get(workspace, "fastai2")
    assert (newest.docker.base_image, newest.version) == ("a:2", "2")
    assert newest.register(workspace).version == "2"
    assert Environment.get(workspace, "fastai2", version=1).docker.base_image == "a:1"
    assert list(Environment.list(workspace)) == ["fastai2"]
    with pytest.raises(NameNotFoundException, match="did you mean 'fastai2'"):
        Environment.get(workspace, "fastai")
    for version in (9, "latest"):
        with pytest.raises(UserErrorException, match=f"no version {version}"):
            Environment.get(workspace, "fastai2", version=version)


def test_variables_of_a_conda_file_reach_the_job() -> None:
    environment = Environment("x")
    environment.python.conda_dependencies = CondaDependencies(
        _underlying_structure={"dependencies": [], "variables": {"A": 1, "B": "conda"}}
    )
    environment.environment_variables["B"] = "own"
    assert environment._to_spec()["environment_variables"] == {"A": "1", "B": "own"}


@pytest.mark.parametrize(
    ("pip", "base"),
    [
        ([], "python:3.12-slim"),
        (["numpy"], "python:3.12-slim"),
        (["LightGBM>=4"], "python:3.12"),
        (["thing @ git+https://example.org/thing.git@v1"], "python:3.12"),
        (["git+ssh://git@example.org/thing.git"], "python:3.12"),
        (["git-tool"], "python:3.12-slim"),
    ],
)
def test_the_default_base_has_what_packages_need(monkeypatch: pytest.MonkeyPatch, pip: list[str], base: str) -> None:
    monkeypatch.delenv("AMLTRAIN_BASE_IMAGE", raising=False)
    assert default_base(Packages(pip=tuple(pip), python="3.12.1")) == base
    monkeypatch.setenv("AMLTRAIN_BASE_IMAGE", "mine:1")
    assert default_base(Packages(pip=tuple(pip))) == "mine:1"
