"""One package more: a layer on the image that has the others, with the versions of a full build."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import docker
import pytest

from engine.preparation import BASE, BuildLog, output
from jupyter_amltrain.engines.protocol import FLATTEN, Image
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.image import prepare_image
from jupyter_amltrain.environment.inspection.found import Found, image_labels
from jupyter_amltrain.environment.packages import stacked
from jupyter_amltrain.environment.packages.requirements import Packages
from jupyter_amltrain.environment.packages.stacked import stack_labels

SEE = "import importlib.metadata as m; print(*sorted(d.metadata['Name'] + '==' + d.version for d in m.distributions()))"


class Index:
    """A package index in a folder, served on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        handler = partial(_Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.option = f"--index-url http://127.0.0.1:{self._server.server_port}/simple/"

    def add(self, name: str, version: str, requires: str = "") -> None:
        """Publish a wheel."""
        module = name.replace("-", "_")
        info, folder = f"{module}-{version}.dist-info", self._folder / "simple" / name
        folder.mkdir(parents=True, exist_ok=True)
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        files = {
            f"{module}.py": f"VERSION = {version!r}\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
            for path, text in files.items():
                wheel.writestr(path, text)
            wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD")))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path / "index")
    yield made
    made.close()


def installed(client: docker.DockerClient, image: Image) -> str:
    return output(client, image, "python", "-c", SEE).strip()


def layers(client: docker.DockerClient, image: Image) -> int:
    return len(client.images.get(image.reference).attrs["RootFS"]["Layers"])


def test_one_package_more_is_one_layer_with_the_versions_of_a_full_build(
    client: docker.DockerClient, name: str, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that came out meanwhile is taken, and what only the old one needed goes, as in a full build."""

    def prepared(*packages: str, renew: str = "") -> tuple[Image, str]:
        environment = parse_cell("\n".join((index.option, *packages))).environment(name)
        environment.docker.base_image = BASE
        log = BuildLog()
        return prepare_image(client, environment._to_spec(), log, {}, renew), log.text

    index.add("sample-needed", "1.0")
    index.add("sample-one", "1.0", requires="sample-needed")
    index.add("sample-two", "1.0")
    first, _ = prepared("sample-one", "sample-two<2")
    assert (first.stacked_on, installed(client, first)) == ("", "sample-needed==1.0 sample-one==1.0 sample-two==1.0")

    index.add("sample-one", "2.0")
    index.add("sample-two", "2.0")
    index.add("sample-three", "1.0")
    second, log = prepared("sample-two<2", "sample-three", "sample-one")
    assert f"Stacked on {first.name}, which has all but sample-three" in log
    assert (second.stacked_on, second.built, layers(client, second)) == (first.name, True, layers(client, first) + 1)
    assert installed(client, second) == "sample-one==2.0 sample-three==1.0 sample-two==1.0"
    found, _ = prepared("sample-three", "sample-one", "sample-two<2")
    assert (found.reference, found.stacked_on, found.built) == (second.reference, first.name, False)

    fourth = ("sample-two<2", "sample-three", "sample-one", "sample-needed")
    monkeypatch.setattr(stacked, "HIGHEST", 1)
    aside, _ = prepared(*fourth)
    assert (aside.stacked_on, aside.built) == (first.name, True)  # not on the second, which stands on one already
    monkeypatch.undo()
    without, _ = prepared("sample-three")
    assert (without.stacked_on, without.built) == ("", True)

    flat, log = prepared(*fourth, renew=FLATTEN)
    assert (flat.name, flat.stacked_on, flat.built) == (aside.name, "", True)
    assert installed(client, flat) == installed(client, aside)
    assert layers(client, flat) == layers(client, first)
    again, log = prepared(*fourth, renew=FLATTEN)
    assert (again.reference, again.built) == (flat.reference, False)
    assert "there is nothing to flatten" in log


def test_labels_for_stacking_tell_everything_but_the_list() -> None:
    def labels(base: str = "sha256:00", platform: str | None = None, **packages: object) -> dict[str, str]:
        return stack_labels(Found("b:1", {"Id": base}), Packages(**packages), platform)  # type: ignore[arg-type]

    plain = labels(pip=("Six", "idna >= 3"))
    assert json.loads(plain["amltrain.packages"]) == ["idna>=3", "six"]
    assert labels(pip=("numpy",))["amltrain.stack"] == plain["amltrain.stack"]
    others = [
        labels(base="sha256:01", pip=("six",)),
        labels(platform="linux/arm64", pip=("six",)),
        labels(pip=("six",), python="3.11"),
        labels(pip=("six",), options=("--pre",)),
    ]
    assert len({found["amltrain.stack"] for found in (plain, *others)}) == 5


@pytest.mark.parametrize("line", ["six @ https://x/six.whl", "six --hash=sha256:00", "./six.whl", "-e ."])
def test_what_may_be_something_else_the_next_time_is_never_stacked(line: str) -> None:
    assert stack_labels(Found("b:1", {"Id": "sha256:00"}), Packages(pip=("idna", line)), None) == {}


def test_an_image_on_ours_does_not_inherit_that_it_can_be_stacked_on() -> None:
    assert {name: value for name, value in image_labels("e", [], {}).items() if not value} == {
        "amltrain.stack": "",
        "amltrain.packages": "",
        "amltrain.stacked": "",
        "amltrain.stacked-on": "",
    }
