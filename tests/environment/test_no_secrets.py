"""No secret stays anywhere: builds, failures, runs and pushes with real credentials, and then a search of everything.

The credentials are really asked for: those of a registry, of a package index in requirements, of one in a requirement's
own address, of one in an environment variable, of one in this host's settings, and of the proxy before them all.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import docker
import pytest

from engine.registry import Registry
from environment.private import forget, private_image
from environment.private_index import PrivateIndex
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import AzureMLException
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.submission.config import ScriptRunConfig
from jupyter_amltrain.workspace import Workspace
from magics.notebook import Notebook

USERS = ("inlist", "inaddress", "invariable", "inhost")


class Search:
    """Collects what can be seen, and says where a secret is in it."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self._needles: dict[bytes, str] = {}
        for owner, secret in secrets.items():
            forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
            for padding in range(3):  # base64 of it, wherever in a text it begins
                coded = base64.b64encode(b" " * padding + secret.encode()).decode()
                forms.add(coded[4 if padding else 0 :].rstrip("=")[:-2])
            self._needles.update((form.encode(), owner) for form in forms)
        self._longest = max(map(len, self._needles))
        self.found: list[str] = []
        self.looked_at = 0

    def text(self, place: str, *shown: object) -> None:
        for one in shown:
            self.data(place, str(one).encode())

    def data(self, place: str, data: bytes) -> None:
        self.looked_at += len(data)
        self.found += [f"{owner} in {place}" for needle, owner in self._needles.items() if needle in data]

    def stream(self, place: str, chunks: Iterator[bytes]) -> None:
        rest = b""
        for chunk in chunks:
            self.data(place, rest + chunk)
            rest = chunk[-self._longest :]

    def error(self, place: str, error: BaseException) -> None:
        self.text(place, str(error), repr(error), getattr(error, "message", ""), getattr(error, "inner_exception", ""))
        self.text(f"traceback of {place}", "".join(traceback.format_exception(error)))
        if error.__cause__ or error.__context__:
            self.error(f"the cause of {place}", error.__cause__ or error.__context__)

    def folder(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                self.data(str(path), path.read_bytes())


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateIndex]:
    """The index, with the settings of this host that lead to it."""
    with PrivateIndex(*USERS) as running:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, running.proxy)
            monkeypatch.setenv(variable.lower(), running.proxy)
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(variable, "127.0.0.1,localhost")
        for variable in [variable for variable in os.environ if variable.startswith(("PIP_", "UV_"))]:
            monkeypatch.delenv(variable)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", running.url("inhost"))
        monkeypatch.setenv("PIP_TRUSTED_HOST", "index.amltrain.test")
        monkeypatch.setenv("INDEX_TOKEN", running.passwords["invariable"])
        yield running


@pytest.fixture
def workspace(docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text("import os\nprint('trained')\n")
    return Workspace.create("default", show_output=False)


@pytest.fixture
def commands() -> Iterator[set[bytes]]:
    """The command lines of all processes, watched all the time."""
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield seen
    over.set()
    watcher.join()


def layers(client: docker.DockerClient, images: list[str]) -> Iterator[bytes]:
    """What ``docker save`` writes of several images, which has each layer once."""
    response = client.api.get(client.api._url("/images/get"), params={"names": images}, stream=True)
    yield from response.iter_content(1 << 22)


@pytest.mark.parametrize("builder", ["buildkit", "classic"])
def test_no_secret_stays_anywhere(
    client: docker.DockerClient,
    registry: Registry,
    name: str,
    index: PrivateIndex,
    workspace: Workspace,
    commands: set[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    builder: str,
) -> None:
    monkeypatch.setenv("AMLTRAIN_BUILDER", builder)
    monkeypatch.setenv("REGISTRY_PASSWORD", registry.password)
    search = Search({"the registry's password": registry.password, **index.passwords})
    shown: list[Any] = []
    with private_image(client, registry) as private:
        # A Dockerfile with a private image and a step that shows what it sees, then packages from the private index.
        environment = Environment.from_dockerfile(
            name,
            f"FROM python-base:1\nARG HTTPS_PROXY\nCOPY --from={private} /private /private\n"
            f"RUN env | sort; echo {uuid.uuid4().hex} > /made\n",
        )
        given = environment.docker.base_image_registry
        given.address, given.username, given.password = registry.address, registry.username, registry.password
        environment.python.user_managed_dependencies = False
        lines = [
            f"--extra-index-url {index.url('inlist')}",
            "--extra-index-url http://invariable:${INDEX_TOKEN}@index.amltrain.test/simple",
            "amltestone",
            f"amltesttwo @ {index.wheel_url('inaddress', 'amltesttwo')}",
        ]
        assert environment.python.conda_dependencies is not None
        environment.python.conda_dependencies.set_pip_requirements(lines)
        registered = environment.register(workspace)
        details = registered.build(workspace)
        details.wait_for_completion(show_output=False)
        assert details.status == "Succeeded", details.get_log()
        shown += [environment, given, environment.docker, environment.python.conda_dependencies, registered, details]
        shown += [details.get_log(), registered.get_image_details(workspace), workspace, workspace.environments]
        shown.append(json.dumps(registered._to_spec()))
        registered.save_to_directory(workspace.folder / "saved")
    asked = {user for user, _ in index.asked}
    assert asked == set(USERS), index.asked

    # A run of it, and one whose build fails.
    config = ScriptRunConfig("source", script="train.py", environment=environment)
    run = Experiment(workspace, "secrets").submit(config)
    assert run.wait_for_completion()["status"] == "Completed"
    environment.python.conda_dependencies.add_pip_package("nosuchpackage")
    failed = Experiment(workspace, "secrets").submit(config)
    assert failed.wait_for_completion(raise_on_error=False)["status"] == "Failed"
    forget(client, private.rpartition(":")[0])  # pulled again for it
    for one in (run, failed):
        shown += [one, one.get_details(), one.get_details_with_logs(), one.get_environment(), one._repr_html_()]
    shown += [config, config.run_config]

    # On this machine itself, in a virtual environment.
    hosted = Environment(f"{name}-hosted")
    assert hosted.python.conda_dependencies is not None
    hosted.python.conda_dependencies.set_pip_requirements(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMLTRAIN_ENGINE", "local")
        local = Experiment(workspace, "secrets").submit(
            ScriptRunConfig("source", script="train.py", environment=hosted)
        )
        assert local.wait_for_completion(raise_on_error=False)["status"] == "Completed", local.get_details_with_logs()
        shown += [local, local.get_details_with_logs(), local.get_environment()]

    # What is said when it goes wrong.
    for password in ("env:NOT_SET_AT_ALL", registry.password, f"{registry.password}x"):
        wrong = Environment.from_docker_image("wrong", f"{registry.address}/no/such:1")
        wrong.docker.base_image_registry = given
        given.password = password
        with pytest.raises(AzureMLException) as refused:
            Experiment(workspace, "secrets").submit(ScriptRunConfig("source", script="train.py", environment=wrong))
        search.error("a refusal at submit", refused.value)
    with pytest.raises(AzureMLException) as unbuilt:
        environment.build_local(workspace)
    search.error("a failing build", unbuilt.value)

    # In a notebook, with a push.
    notebook = Notebook()
    options = (
        f"--registry {registry.address} --registry-user {registry.username} --registry-password env:REGISTRY_PASSWORD"
    )
    with private_image(client, registry) as private:
        head = f"%%aml_env {name} {options} --push {registry.address}/pushed/{name}\n"
        told = [notebook.run(f"{head}FROM {private}\nLABEL of={name}\n")]
        told.append(notebook.try_to(f"{head}FROM {private}\nRUN /none\n"))
        told.append(notebook.try_to(f"%%aml_env {name}-list --base python-base:1\n{lines[1]}\nnosuchpackage\n"))
        told.append(notebook.run("%aml_env"))
        told.append(notebook.run(f"%aml_env --diff {name}"))
    for one in told:
        shown += [one.out, one.err, one.value]
        if one.error:
            search.error("a cell's error", one.error)
    assert sum(one.error is not None for one in told) == 2

    search.text("what is shown", *[form for one in shown for form in (str(one), repr(one))])
    search.folder(tmp_path)
    for command in commands:
        search.data("a command line", command)
    labels = {"label": f"amltrain.environment={name}"}
    images = [*client.images.list(filters=labels), *client.images.list(name="amltrain/settings")]
    assert len(images) >= 3
    for image in images:
        search.text(f"the description of {image.tags}", json.dumps([image.attrs, image.history()]))
    search.stream("layers of images", layers(client, [image.id for image in images]))
    forget(client, f"{registry.address}/pushed/{name}")
    assert search.looked_at > 50e6
    assert not search.found, "\n".join(dict.fromkeys(search.found))
