"""Environments written to folders and read back."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_amltrain.environment.conda.dependencies import CondaDependencies
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import UserErrorException

PASSWORD = "s3cret-pa55word"


def with_packages() -> Environment:
    environment = Environment("pets")
    environment.docker.base_image = "registry.example.com/team/base:1"
    environment.docker.base_image_registry.address = "registry.example.com"
    environment.docker.base_image_registry.username = "user"
    environment.docker.shm_size = None
    environment.docker.arguments = ["--cap-add", "SYS_PTRACE"]
    environment.environment_variables = {"A": "1", "Ä": "ö"}
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["numpy"], conda_packages=["scikit-learn"]
    )
    return environment


def from_text() -> Environment:
    return Environment.from_dockerfile("pets", "FROM python:3.11-slim\r\nRUN true\n")


def one_line() -> Environment:
    return Environment.from_dockerfile("pets", "FROM python:3.11-slim")


def layered() -> Environment:
    environment = with_packages()
    environment.python.layered = True
    return environment


def without_specification() -> Environment:
    environment = Environment("pets")
    environment.python.conda_dependencies = None
    return environment


def with_context() -> Environment:
    environment = from_text()
    environment.docker.build_context = "."
    return environment


@pytest.mark.parametrize(
    "made",
    [lambda: Environment("pets"), with_packages, from_text, one_line, layered, without_specification, with_context],
)
def test_what_is_loaded_is_what_was_saved(made: Callable[[], Environment], tmp_path: Path) -> None:
    environment = made()
    environment.version = "3"
    environment.save_to_directory(tmp_path / "env")
    loaded = Environment.load_from_directory(str(tmp_path / "env"))
    assert loaded._to_spec() == environment._to_spec()
    assert repr(loaded) == repr(environment)
    assert loaded.version == "3"


def test_the_files_are_those_of_the_sdk(tmp_path: Path) -> None:
    with_packages().save_to_directory(tmp_path / "a")
    from_text().save_to_directory(tmp_path / "b")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "azureml_environment.json",
        "conda_dependencies.yml",
    ]
    assert (tmp_path / "b" / "BaseDockerfile").read_bytes() == b"FROM python:3.11-slim\r\nRUN true\n"
    definition = json.loads((tmp_path / "b" / "azureml_environment.json").read_text())
    assert "baseDockerfile" not in definition["docker"]
    assert "condaDependencies" not in definition["python"]


def test_a_folder_that_exists_is_left_alone_unless_told(tmp_path: Path) -> None:
    from_text().save_to_directory(tmp_path / "env")
    with pytest.raises(FileExistsError):
        with_packages().save_to_directory(tmp_path / "env")
    assert Environment.load_from_directory(tmp_path / "env")._to_spec() == from_text()._to_spec()
    with_packages().save_to_directory(tmp_path / "env", overwrite=True)
    assert Environment.load_from_directory(tmp_path / "env")._to_spec() == with_packages()._to_spec()


def test_no_password_is_written(tmp_path: Path) -> None:
    environment = with_packages()
    environment.docker.base_image_registry.password = PASSWORD
    assert environment.python.conda_dependencies
    environment.python.conda_dependencies.set_pip_option(f"--extra-index-url https://me:{PASSWORD}@index.example.com/")
    environment.save_to_directory(tmp_path / "env")
    written = "".join(path.read_text() for path in (tmp_path / "env").iterdir())
    assert PASSWORD not in written
    assert "https://***@index.example.com/" in written
    assert Environment.load_from_directory(tmp_path / "env").docker.base_image_registry.password is None


def test_a_folder_without_definition(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"azureml_environment\.json"):
        Environment.load_from_directory(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "a",\n "docker": {]}', r"not valid JSON \(line 2, column 13\)"),
        ("[]", "must hold an object"),
        ("{}", "Name is required"),
        ('{"name": "a", "docker": {"baseImag": "b"}}', "'baseImag' that DockerSection does not know; .* 'baseImage'"),
        ('{"name": "a", "dcoker": {}, "zzz": 1}', "'zzz' that Environment does not know; there are: name, "),
        ('{"name": "a", "docker": {"baseImage": 5}}', "base_image takes str"),
        ('{"name": "a", "docker": {"buildContext": {"location": "x"}}}', "must be the path of a folder"),
    ],
)
def test_files_that_cannot_be_right(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "azureml_environment.json").write_text(text)
    with pytest.raises(UserErrorException, match=words):
        Environment.load_from_directory(tmp_path)


def test_what_the_sdk_writes_can_be_loaded(tmp_path: Path) -> None:
    sdk = {
        "databricks": {"eggLibraries": [], "jarLibraries": []},
        "docker": {
            "baseImage": "ubuntu:1",
            "baseImageRegistry": {"address": None, "password": None, "registryIdentity": None, "username": None},
            "buildContext": None,
            "enabled": False,
            "platform": {"architecture": "amd64", "os": "Linux"},
            "sharedVolumes": True,
            "shmSize": None,
        },
        "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"},
        "name": "pets",
        "python": {"baseCondaEnvironment": None, "interpreterPath": "python", "userManagedDependencies": True},
        "somethingNewer": None,
        "version": None,
    }
    (tmp_path / "azureml_environment.json").write_text(json.dumps(sdk))
    environment = Environment.load_from_directory(tmp_path)
    assert environment.docker.base_image == "ubuntu:1"
    assert environment.python.user_managed_dependencies is True


CONDA = """#!/bin/sh
if [ "$*" = "env export --no-builds --name pets" ]; then
    echo "warning" >&2
    printf 'name: pets\\nchannels:\\n- defaults\\ndependencies:\\n- python=3.11.4\\n- pip:\\n  - numpy==2.0\\n'
else
    echo 'EnvironmentLocationNotFound: Not a conda environment: /envs/x' >&2
    exit 1
fi
"""


@pytest.fixture
def conda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that answers as conda does, alone on the PATH."""
    program = tmp_path / "bin" / "conda"
    program.parent.mkdir()
    program.write_text(CONDA)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("CONDA_EXE", raising=False)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def test_an_existing_conda_environment(conda: Path) -> None:
    dependencies = Environment.from_existing_conda_environment("mine", "pets").python.conda_dependencies
    assert dependencies
    assert dependencies.get_python_version() == "3.11.4"
    assert list(dependencies.pip_packages) == ["numpy==2.0"]


def test_conda_is_found_where_its_shell_function_says(conda: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CONDA_EXE", str(conda))
    assert Environment.from_existing_conda_environment("mine", "pets").name == "mine"


def test_a_conda_environment_that_does_not_exist(conda: Path) -> None:
    with pytest.raises(UserErrorException, match="'other': EnvironmentLocationNotFound: Not a conda environment"):
        Environment.from_existing_conda_environment("mine", "other")


def test_no_conda(conda: Path) -> None:
    conda.unlink()
    with pytest.raises(UserErrorException, match="there is no conda on the PATH"):
        Environment.from_existing_conda_environment("mine", "pets")
