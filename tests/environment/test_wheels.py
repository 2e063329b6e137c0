"""Wheels of this machine, folders as build contexts, and names that are kept."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import docker
import pytest

from engine.preparation import BASE, output, prepared
from jupyter_amltrain import Environment, Workspace
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.docker_build_context import DockerBuildContext
from jupyter_amltrain.environment.packages.requirements import Packages, normalised, read_requirements_file
from jupyter_amltrain.environment.packages.wheels import content_line, moved, wheel_files, wheel_path, with_address
from jupyter_amltrain.errors import NameNotFoundException, UserErrorException


def wheel(folder: Path, said: str) -> Path:
    """A wheel whose module says something."""
    folder.mkdir(exist_ok=True)
    path = folder / "amltrain_said-1.0-py3-none-any.whl"
    info = "amltrain_said-1.0.dist-info"
    files = {
        "amltrain_said.py": f"print({said!r})\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: amltrain-said\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for file, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{file},sha256={digest},{len(text)}\n"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return path


def test_lines_that_name_wheels(tmp_path: Path) -> None:
    path = wheel(tmp_path / "my dist", "x")
    line = f"amltrain-said @ {path.as_uri()}"
    assert with_address("amltrain_said-1.0-py3-none-any.whl[a] ; python_version>'3'", path.parent) == (
        f"amltrain-said[a] @ {path.as_uri()} ; python_version>'3'"
    )
    assert wheel_path(line) == wheel_path(path.as_uri()) == str(path)
    assert moved(path.as_uri(), "/m") == "amltrain_said @ file:///m/wheels/amltrain_said-1.0-py3-none-any.whl"
    assert wheel_files(["six", line]) == {"wheels/amltrain_said-1.0-py3-none-any.whl": str(path)}
    for other in ("six", "six @ https://x/six-1-py3-none-any.whl", "https://x/six-1-py3-none-any.whl", "-e ."):
        assert (with_address(other), wheel_path(other), content_line(other)) == (other, "", other)


def test_what_counts_is_what_is_in_the_wheel(tmp_path: Path) -> None:
    one, same, other = (wheel(tmp_path / folder, said) for folder, said in (("a", "x"), ("b", "x"), ("c", "y")))
    lists = [normalised(Packages(pip=(f"amltrain-said @ {path.as_uri()}",))) for path in (one, same, other)]
    assert lists[0] == lists[1] != lists[2]
    one.unlink()
    with pytest.raises(UserErrorException, match=r"The wheel .* cannot be read: No such file"):
        normalised(Packages(pip=(one.as_uri(),)))


def test_wheels_in_cells_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wheel(tmp_path / "dist", "x")
    monkeypatch.chdir(tmp_path)
    assert parse_cell("six\n./dist/amltrain_said-1.0-py3-none-any.whl\n").pip[1] == f"amltrain-said @ {path.as_uri()}"
    with pytest.raises(UserErrorException, match=r"Line 2: There is no wheel .*/dist/gone-1-py3-none-any\.whl"):
        parse_cell("six\ndist/gone-1-py3-none-any.whl\n")
    with pytest.raises(UserErrorException, match=r"Line 1: 'x\.whl' is not the name of a wheel"):
        parse_cell("x.whl\n")
    (tmp_path / "dist" / "r.txt").write_text("amltrain_said-1.0-py3-none-any.whl\n# why\n")
    assert read_requirements_file(tmp_path / "dist" / "r.txt") == [f"amltrain-said @ {path.as_uri()}", "# why"]


def test_a_private_wheel_reaches_the_image(client: docker.DockerClient, name: str, tmp_path: Path) -> None:
    workspace = Workspace.create("wheels")
    address = Environment.add_private_pip_wheel(workspace, wheel(tmp_path / "dist", f"hello from {name}"))
    environment = Environment(name)
    environment.docker.base_image = BASE
    assert environment.python.conda_dependencies is not None
    environment.python.conda_dependencies.add_pip_package(address)
    image = prepared(client, environment)
    assert output(client, image, image.interpreter, "-c", "import amltrain_said") == f"hello from {name}\n"
    assert not prepared(client, environment).built

    with pytest.raises(UserErrorException, match="has a wheel amltrain_said-1.0-py3-none-any.whl already"):
        Environment.add_private_pip_wheel(workspace, wheel(tmp_path / "dist", "changed"))
    assert Environment.add_private_pip_wheel(workspace, wheel(tmp_path / "dist", f"anew {name}"), True) == address
    again = prepared(client, environment)
    assert output(client, again, again.interpreter, "-c", "import amltrain_said") == f"anew {name}\n"


def test_a_folder_is_a_build_context(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM a\nCOPY x /\n")
    context = DockerBuildContext.from_local_directory(None, tmp_path, "docker/Dockerfile")
    environment = Environment.from_docker_build_context("e", context)
    assert environment.docker.build_context == str(tmp_path)
    assert (environment.docker.base_dockerfile or "").startswith("FROM a")
    assert environment.python.user_managed_dependencies
    with pytest.raises(UserErrorException, match="has no file Dockerfile; set dockerfile_path"):
        DockerBuildContext.from_local_directory(None, tmp_path)
    with pytest.raises(UserErrorException, match="There is no folder"):
        DockerBuildContext.from_local_directory(None, tmp_path / "missing")


def test_curated_environments_and_the_names_kept_for_them() -> None:
    workspace = Workspace.create("curated")
    found = Environment.get(workspace, "AzureML-Tutorial")
    assert (found.version, Environment.list(workspace)) == ("1", {})
    assert "scikit-learn>=1.4" in list(found.python.conda_dependencies.pip_packages)  # type: ignore[union-attr]
    with pytest.raises(NameNotFoundException, match="did you mean 'AzureML-Minimal'"):
        Environment.get(workspace, "AzureML-Minimla")
    with pytest.raises(UserErrorException, match="names that begin with AzureML or Microsoft are kept"):
        found.register(workspace)
    mine = found.clone("mine").register(workspace)
    assert Environment.get(workspace, "mine")._to_spec() == mine._to_spec()
