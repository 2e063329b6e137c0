"""What is installed beside an interpreter, told from its folders alone."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from jupyter_amltrain.environment.inspection.contents import Contents, contents_text, parse_contents, read_answer
from jupyter_amltrain.job import inventory


def metadata(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_every_form_of_metadata_is_read_and_the_first_of_a_name_counts(tmp_path: Path) -> None:
    first, second, egg = tmp_path / "first", tmp_path / "second", tmp_path / "third-3.0.egg"
    metadata(
        first / "My_Package-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: My_Package\nVersion: 1.0\n\nx: y"
    )
    metadata(second / "my.package-2.0.egg-info/PKG-INFO", "Name: my.package\nVersion: 2.0\n")
    (second / "old.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 0.1\n")
    metadata(second / "broken-1.dist-info/METADATA", "Summary: nothing\n\nName: broken\nVersion: 1\n")
    metadata(egg / "EGG-INFO/PKG-INFO", "Name: third\nVersion: 3.0\n")
    found = inventory.installed([str(first), str(second), str(egg), str(tmp_path / "missing"), "archive.zip"])
    assert found == {"my-package": "1.0", "old": "0.1", "third": "3.0"}


def test_conda_packages(tmp_path: Path) -> None:
    metadata(tmp_path / "conda-meta/zlib.json", json.dumps({"name": "zlib", "version": "1.3", "build": "h_0"}))
    (tmp_path / "conda-meta/history").write_text("")
    assert inventory.conda_packages(str(tmp_path)) == ["zlib=1.3=h_0"]


def test_it_says_what_this_interpreter_has() -> None:
    done = subprocess.run(
        [sys.executable, "-c", Path(inventory.__file__).read_text()], check=True, stdout=subprocess.PIPE, text=True
    )
    found = read_answer(f"noise\r\n{done.stdout}more noise\n")
    assert found is not None
    assert found.python == "{}.{}.{}".format(*sys.version_info)
    assert found.packages["packaging"] == version("packaging")
    assert read_answer("noise\n" + inventory.MARK + "{broken\n") is None


def test_the_text_for_a_run_can_be_read_again() -> None:
    contents = Contents("3.11.2", {"six": "1.16.0", "idna": "3.7"}, ("zlib=1.3=h_0",))
    text = contents_text(contents, "amltrain/e:0", "sha256:00")
    assert text == (
        "# image: amltrain/e:0\n# digest: sha256:00\n# python: 3.11.2\n# conda: zlib=1.3=h_0\nidna==3.7\nsix==1.16.0\n"
    )
    assert parse_contents(text) == contents
