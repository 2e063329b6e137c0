"""Imports of a notebook become pinned requirements."""

from __future__ import annotations

import json
from importlib.metadata import Distribution, PathDistribution, version
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.environment.packages.kernel_packages import imported_names, pinned


class Installed:
    """Packages installed in a folder, as pip and others write it."""

    def __init__(self, site: Path) -> None:
        self.site = site

    def add(self, name: str, version: str, *files: str, installer: str = "pip", source: Any = None) -> None:
        info = self.site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        (info / "INSTALLER").write_text(f"{installer}\n")
        if source:
            (info / "direct_url.json").write_text(json.dumps(source))

    def find(self, name: str) -> Distribution:
        (info,) = self.site.glob(f"{name}-*.dist-info")
        return PathDistribution(info)


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path / "site-packages")


def test_imports_of_cells() -> None:
    cells = [
        "",
        "import numpy as np, os.path",
        "def f():\n    from sklearn.svm import SVC, NuSVC",
        "from . import near",
        "get_ipython().run_cell_magic('time', '', '%matplotlib inline\\nimport torch\\n')",
        "get_ipython().run_line_magic('time', 'import yaml')",
        "get_ipython().run_cell_magic('bash', '', 'import -window root x.png\\n')",
        "get_ipython().run_cell_magic('aml_submit', '--env e', 'import keras\\n')",
        "get_ipython().run_cell_magic('aml_env', 'e', 'import xgboost\\n')",
        "this does not parse",
        "x = '\\d'",
    ]
    assert imported_names(cells) == {"numpy", "os.path", "sklearn.svm.SVC", "sklearn.svm.NuSVC", "torch", "yaml"}


def test_versions_of_this_process() -> None:
    found = pinned(["packaging.version.Version", "os", "azureml.core", "yaml", "packaging"])
    assert found.pip == (f"packaging=={version('packaging')}", f"PyYAML=={version('PyYAML')}")
    assert found.notes == ()


def test_a_name_that_packages_share_is_the_one_that_has_the_module(installed: Installed) -> None:
    installed.add("g-storage", "1", "google/cloud/storage/__init__.py")
    installed.add("g-auth", "2", "google/auth.py")
    providers = {"google": ["g-storage", "g-auth", "g-auth"]}
    assert pinned(["google.cloud.storage.Client"], providers, installed.find).pip == ("g-storage==1",)
    assert pinned(["google.auth"], providers, installed.find).pip == ("g-auth==2",)
    assert pinned(["google"], providers, installed.find).pip == ("g-auth==2", "g-storage==1")


@pytest.mark.parametrize(
    ("version", "installer", "source", "pip", "note"),
    [
        ("1.0", "pip", None, "p==1.0", ""),
        ("2.1+cpu", "pip", None, "p==2.1", "p 2.1+cpu is pinned as 2.1"),
        ("1.0", "pip", {"url": "file:///w", "dir_info": {"editable": True}}, "", "from a folder of this machine (file"),
        ("1.0", "pip", {"url": "file:///w", "dir_info": {}}, "", "from a folder of this machine (file:///w)"),
        ("1.0", "conda", {"url": "file:///croot/w", "dir_info": {}}, "p==1.0", ""),
        ("1.0", "pip", {"url": "file:///p.whl", "archive_info": {}}, "", "from a file of this machine"),
        ("1.0", "pip", {"url": "https://h/p.whl", "archive_info": {}}, "p @ https://h/p.whl", ""),
        (
            "1.0",
            "pip",
            {"url": "https://h/p", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "p @ git+https://h/p@abc",
            "",
        ),
    ],
)
def test_what_an_installed_package_becomes(
    installed: Installed, version: str, installer: str, source: Any, pip: str, note: str
) -> None:
    installed.add("p", version, installer=installer, source=source)
    found = pinned(["p"], {"p": ["p"]}, installed.find)
    assert found.pip == ((pip,) if pip else ())
    assert len(found.notes) == bool(note)
    assert note in "".join(found.notes)


def test_what_only_this_machine_has_is_named(tmp_path: Path) -> None:
    elsewhere = Installed(tmp_path / "checkout")
    elsewhere.add("mine", "0.1")
    found = pinned(["mine", "beside", "also"], {"mine": ["mine"]}, elsewhere.find)
    assert found.pip == ()
    assert found.notes == (
        f"Left out: mine 0.1 is used from {tmp_path / 'checkout'}, a folder of this machine.",
        "Left out: also, beside belong to no installed package; modules beside the script go along with it.",
    )
