"""``CondaDependencies`` answers as the SDK's does; 600 random call sequences were compared with azureml-core 1.61."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from jupyter_amltrain.environment.conda.dependencies import CondaDependencies
from jupyter_amltrain.environment.conda.specification import parse_conda
from jupyter_amltrain.errors import UserErrorException


def test_create() -> None:
    made = CondaDependencies.create(
        pip_indexurl="https://a/b", conda_packages=["python=3.7", "scipy"], pip_packages=["x", "x==2", "X"]
    )
    assert made.as_dict() == {
        "name": "project_environment",
        "dependencies": [
            "python=3.7",
            {
                "pip": [
                    "--find-links https://a/b",
                    "--extra-index-url https://pypi.python.org/simple",
                    "x==2",
                    "X",
                ]
            },
            "scipy",
        ],
        "channels": ["anaconda", "conda-forge"],
    }
    assert list(CondaDependencies.create(python_version="3.8").pip_packages) == ["azureml-defaults"]


def test_packages_of_the_same_name_replace_each_other() -> None:
    made = CondaDependencies()
    for package in ("numpy==1", "pandas", "numpy[x]>2", "https://a/b/six-1.0-py3-none-any.whl"):
        made.add_pip_package(package)
    made.remove_pip_package("six")
    made.remove_pip_package("nope")
    assert list(made.pip_packages) == ["azureml-defaults", "pandas", "numpy[x]>2"]
    for option in ("--pre", "--extra-index-url https://x", "--extra-index-url https://y"):
        made.set_pip_option(option)
    made.remove_pip_option("--pre")
    assert list(made.pip_options) == ["--extra-index-url https://y"]


def test_python_and_channels() -> None:
    made = CondaDependencies()
    made.add_conda_package("python=3.9")
    made.add_conda_package("python-blah=1.2")
    made.remove_conda_package("nope")
    made.add_channel("pytorch")
    made.add_channel("pytorch")
    made.remove_channel("anaconda")
    assert (made.get_python_version(), list(made.conda_packages)) == ("3.9", ["python=3.9", "python-blah=1.2"])
    assert list(made.conda_channels) == ["conda-forge", "pytorch"]
    with pytest.raises(UserErrorException, match="python must not be removed"):
        made.remove_conda_package("python=3.9")
    with pytest.raises(UserErrorException, match="is not a Python version"):
        made.set_python_version("abc")


@pytest.mark.parametrize(
    ("method", "argument", "message"),
    [
        ("add_pip_package", "-r x", "Invalid package name -r x"),
        ("remove_pip_package", "--pre", "Invalid package name --pre"),
        ("set_pip_option", "pre", "Invalid pip option pre"),
        ("set_pip_index_url", "https://z", "Invalid pip option https://z"),
        ("remove_pip_option", "pre", "Invalid pip option pre"),
        ("add_tensorflow_pip_package", "tpu", "Only accept 'cpu' or 'gpu'"),
    ],
)
def test_mistakes_are_refused(method: str, argument: str, message: str) -> None:
    with pytest.raises(UserErrorException, match=message):
        getattr(CondaDependencies(), method)(argument)


def test_save_and_load(tmp_path: Path) -> None:
    made = CondaDependencies.create(pip_packages=["six"], conda_packages=["scipy"])
    path = made.save(tmp_path / "conda.yml")
    assert CondaDependencies(path) == made
    assert yaml.safe_load(made.serialize_to_string()) == made.as_dict()
    assert made.save_to_file(tmp_path, "again.yml") == "again.yml"
    assert (tmp_path / "again.yml").read_text() == made.serialize_to_string()
    with pytest.raises(UserErrorException, match="to a directory"):
        made.save(tmp_path)
    with pytest.raises(UserErrorException, match="invalid path"):
        made.save(tmp_path / "missing" / "conda.yml")
    with pytest.raises(UserErrorException, match="Python package is missing"):
        CondaDependencies(_underlying_structure={"dependencies": ["numpy"]}).save(tmp_path / "no.yml")
    assert not (tmp_path / "no.yml").exists()


def test_merge_requirements() -> None:
    assert CondaDependencies.merge_requirements(["a>1", "b", "a<2"]) == ["a>1,<2", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nam: x\ndependencies: []\n", "unknown nam key"),
        ("just text", "not a valid YAML structure"),
        ("", "not a valid YAML structure"),
        ("name: x\ndependencies: [b\n", r"line 3, column 1"),
        ("dependencies:\n- a: b: c\n", r"line 2, column 7"),
        ("dependencies: numpy\n", "'dependencies' must be a list"),
        ("dependencies:\n- pip: six\n", "is no dependency"),
        ("dependencies:\n- 3\n", "3 is no dependency"),
    ],
)
def test_a_broken_specification_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UserErrorException, match=message):
        parse_conda(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserErrorException, match=str(tmp_path / "no.yml")):
        CondaDependencies(tmp_path / "no.yml")
