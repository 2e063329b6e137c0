"""Images go to a real registry and come back."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from engine.preparation import BASE, dockerfile_environment, prepared
from engine.registry import Registry
from environment.private import forget, logged_in, private_image, remove_made
from jupyter_amltrain.environment.registry.container_registry import ContainerRegistry
from jupyter_amltrain.environment.registry.push import push_target
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import AzureMLException, CanceledException, RegistryException, UserErrorException
from jupyter_amltrain.workspace import Workspace
from magics.notebook import Notebook


@pytest.fixture
def workspace(docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
    monkeypatch.chdir(tmp_path)
    return Workspace.create("pushing", show_output=False)


@pytest.fixture
def repository(client: docker.DockerClient, registry: Registry) -> Iterator[str]:
    made = f"{registry.address}/pushed/{uuid.uuid4().hex[:8]}"
    yield made
    forget(client, made)


def credentials(registry: Registry, password: str | None = None) -> ContainerRegistry:
    made = ContainerRegistry()
    made.username, made.password = registry.username, password or registry.password
    return made


@pytest.fixture
def environment(
    client: docker.DockerClient, registry: Registry, name: str, workspace: Workspace
) -> Iterator[Environment]:
    """A registered environment whose image is small."""
    with private_image(client, registry) as base:
        made = dockerfile_environment(name, f"FROM {base}\nLABEL of={uuid.uuid4().hex}\n")
        given = made.docker.base_image_registry
        given.address, given.username, given.password = registry.address, registry.username, registry.password
        prepared(client, made)
        yield made.register(workspace)
        remove_made(client, name)


def names(client: docker.DockerClient, environment: Environment) -> list[str]:
    (image,) = client.images.list(filters={"label": f"amltrain.environment={environment.name}"})
    return sorted(image.tags)


def test_an_image_is_pushed_and_pulled_back(
    client: docker.DockerClient,
    registry: Registry,
    environment: Environment,
    workspace: Workspace,
    repository: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = names(client, environment)
    pushed = environment.push(workspace, repository, credentials(registry))
    said = capsys.readouterr().out
    assert f"Pushing {repository}:1 to {registry.address}\n" in said
    assert ": Pushed\n" in said or ": Mounted from" in said
    assert f"{repository}:1 is at the registry: {pushed.digest}\n" in said
    assert pushed.reference == f"{repository}:1"
    assert pushed.pinned == f"{repository}@{pushed.digest}"
    assert environment.get_image_details(workspace).pushed == {pushed.reference: pushed.digest}
    assert names(client, environment) == before

    # Again, with a tag of its own and a reference: nothing is sent, and it is the same.
    environment.docker.base_image_registry.address = registry.address
    again = environment.push(workspace, f"{repository}:stable", credentials(registry))
    assert "Layer already exists" in capsys.readouterr().out
    assert again.digest == pushed.digest
    assert list(environment.get_image_details(workspace).pushed) == [f"{repository}:stable", f"{repository}:1"]

    image_id = client.images.get(before[0]).id
    remove_made(client, environment.name)
    back = Environment.from_docker_image("back", pushed.pinned)
    given = back.docker.base_image_registry
    given.address, given.username, given.password = registry.address, registry.username, registry.password
    assert prepared(client, back).reference == image_id


def test_what_keeps_an_image_from_being_pushed_is_told_apart(
    client: docker.DockerClient,
    registry: Registry,
    environment: Environment,
    workspace: Workspace,
    repository: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refusal(repository: str | None, given: ContainerRegistry | None, kind: type[AzureMLException]) -> str:
        with pytest.raises(kind) as refused:
            environment.push(workspace, repository, given)
        assert names(client, environment) == before
        assert registry.password not in refused.value.message
        print(refused.value.message)
        return refused.value.message

    before = names(client, environment)
    assert f"does not let the user 'tester' push {repository}:1: " in refusal(
        repository, credentials(registry, "wrong"), RegistryException
    )
    nobody = ContainerRegistry()
    assert "takes no image from somebody it does not know" in refusal(repository, nobody, RegistryException)
    forgotten = ContainerRegistry()
    forgotten.username = registry.username
    assert "wants a password of 'tester'" in refusal(repository, forgotten, RegistryException)
    nameless = credentials(registry)
    nameless.password = "env:AML_TEST_NOT_SET"
    assert "AML_TEST_NOT_SET" in refusal(repository, nameless, UserErrorException)
    logged_in(tmp_path / "docker-config", registry, "outdated")
    assert f"(run `docker login {registry.address}` again)" in refusal(repository, nobody, RegistryException)

    assert "cannot be the name of an image" in refusal(f"{registry.address}/Team/x", None, UserErrorException)
    with Registry(tmp_path / "down") as down:
        pass
    said = refusal(f"{down.address}/x", credentials(down), RegistryException)
    assert f"its registry {down.address} cannot be reached: nothing listens at {down.address}." in said
    assert "knows no host registry.amltrain.invalid" in refusal("registry.amltrain.invalid/x", None, RegistryException)
    with Registry(tmp_path / "mirror", read_only=True) as mirror:
        said = refusal(f"{mirror.address}/x", credentials(mirror), RegistryException)
        assert f"The registry {mirror.address} takes no images" in said
    assert environment.get_image_details(workspace).pushed == {}
    monkeypatch.setenv("AMLTRAIN_ENGINE", "local")
    assert "makes no images" in refusal(repository, None, UserErrorException)


def test_a_push_that_is_interrupted_leaves_no_name(
    client: docker.DockerClient, registry: Registry, environment: Environment, workspace: Workspace, repository: str
) -> None:
    """A name that the image had before stays; another image that had the name gets it back."""
    before = names(client, environment)
    client.images.get(BASE).tag(repository, "taken")

    class Interrupted:
        """A Preparation whose person presses stop when the push begins."""

        began = threading.Event()

        def write(self, data: bytes) -> None:
            self.began.set()

        def phase(self, text: str) -> None:
            pass

        step = phase

        def canceled(self) -> bool:
            return self.began.is_set()

    engine: Any = workspace._engine()
    for tag in ("1", "taken"):
        with pytest.raises(CanceledException):
            engine.push(before[0], f"{repository}:{tag}", Interrupted())
    assert names(client, environment) == before
    assert client.images.get(f"{repository}:taken").id == client.images.get(BASE).id


def test_a_cell_is_built_and_pushed(
    client: docker.DockerClient, registry: Registry, repository: str, workspace: Workspace, tmp_path: Path, name: str
) -> None:
    notebook = Notebook()
    assert "cannot be the name of an image" in notebook.refusal(f"%%aml_env {name} --push Nope\nFROM {BASE}\n")
    assert "leave out --push" in notebook.refusal(f"%%aml_env {name} --push {repository} --no-build\nFROM {BASE}\n")
    logged_in(tmp_path / "docker-config", registry)
    with private_image(client, registry) as base:
        told = notebook.run(f"%%aml_env {name} --push {repository}\nFROM {base}\nLABEL of={name}\n").out
        last = told.splitlines()[-1]
        assert last.startswith(f"✓ {repository}:1 · pushed in ")
        digest = last.rpartition(" ")[2]
        kept = Workspace.default()[0].store.pushed(name, "1")
        assert kept == {f"{repository}:1": digest}
        remove_made(client, name)


@pytest.mark.parametrize(
    ("repository", "target"),
    [
        ("r.example.com/team/torch", "r.example.com/team/torch:3"),
        ("r.example.com:5000/torch", "r.example.com:5000/torch:3"),
        ("https://r.example.com/torch:GPU_1", "r.example.com/torch:GPU_1"),
        ("me/torch", "me/torch:3"),
        (None, "r.example.com/team/a-b:3"),
    ],
)
def test_the_name_of_a_pushed_image(repository: str | None, target: str) -> None:
    assert push_target(repository, name="A b", version="3", address="https://r.example.com/team/") == target


@pytest.mark.parametrize("repository", ["r.example.com/Team/x", "a b", "r.example.com/", "x:", "x:-", "r.e:5000", None])
def test_what_cannot_name_a_pushed_image(repository: str | None) -> None:
    with pytest.raises(UserErrorException, match="cannot be the name of|Say where to push"):
        push_target(repository, name="x", version="1", address=None)
