"""A registry that refuses is told at submit; the password that it takes is nowhere to be read afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from engine.registry import Registry
from environment.private import private_image, remove_made
from jupyter_amltrain.compute.amlcompute import AmlCompute
from jupyter_amltrain.compute.target import ComputeTarget
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import ImageNotFoundException, RegistryException

from .conftest import Place, base_image


@pytest.fixture
def pushed(registry: Registry, docker_host: str) -> Iterator[str]:
    """The name of an image that only the registry has."""
    repository = f"{registry.address}/team/secret"
    client = docker.DockerClient(base_url=docker_host)
    credentials = {"username": registry.username, "password": registry.password}
    client.images.get("python-base:1").tag(repository, "1")
    answer = client.api.push(repository, tag="1", auth_config=credentials, stream=True, decode=True)
    assert not [line for line in answer if "error" in line]
    client.images.remove(f"{repository}:1")
    yield f"{repository}:1"
    for tag in client.images.list(name=repository):
        client.images.remove(tag.tags[0])
    client.close()


def asking(image: str, registry: Registry, username: str | None, password: str | None) -> Environment:
    environment = base_image(image, name="private")
    environment.docker.base_image_registry.address = registry.address
    environment.docker.base_image_registry.username = username
    environment.docker.base_image_registry.password = password
    return environment


def test_a_registry_that_refuses(place: Place, registry: Registry, pushed: str) -> None:
    wrong = "wrong-" + registry.password
    with place.refuses("wants credentials", "`docker login", kind=RegistryException):
        place.submit(environment=base_image(pushed))
    with place.refuses("docker.base_image_registry.password is empty", kind=RegistryException):
        place.submit(environment=asking(pushed, registry, registry.username, None))
    with place.refuses("docker.base_image_registry.username is empty", kind=RegistryException):
        place.submit(environment=asking(pushed, registry, None, wrong))
    refused = asking(pushed, registry, registry.username, wrong)
    with place.refuses("refuses the user 'tester'", "Correct docker.base_image_registry", kind=RegistryException) as _:
        place.submit(environment=refused)
    refused.docker.base_dockerfile = f"FROM {pushed}\nRUN true\n"
    with place.refuses("refuses the user 'tester'", kind=RegistryException):
        place.submit(environment=refused)
    missing = asking(pushed.replace("secret", "none"), registry, registry.username, registry.password)
    with place.refuses("team/none:1 on this engine", "does not have it", kind=ImageNotFoundException):
        place.submit(environment=missing)
    assert not _files_with(place.home, wrong)


def test_the_password_that_is_right_is_nowhere(place: Place, registry: Registry, pushed: str, tmp_path: Path) -> None:
    environment = asking(pushed, registry, registry.username, registry.password)
    registered = environment.register(place.workspace)
    commands: set[bytes] = set()
    over = threading.Event()
    watcher = threading.Thread(target=_watch_commands, args=(commands, over))
    watcher.start()
    try:
        run = place.submit(environment=environment)
        details = run.wait_for_completion()
    finally:
        over.set()
        watcher.join()
    assert details["status"] == "Completed"
    secret = registry.password
    assert any(run.id.encode() in command or b"supervisor" in command for command in commands)
    assert not [command for command in commands if secret.encode() in command]
    for shown in (environment, registered, environment.docker.base_image_registry, run, details, run.get_environment()):
        assert secret not in repr(shown)
        assert secret not in str(shown)
    assert secret not in run._repr_html_()
    assert not _files_with(tmp_path, secret)
    client = docker.from_env()
    assert secret not in repr(client.images.get(pushed).attrs)
    client.close()


def test_a_run_that_waited_finds_the_password_by_its_reference(
    place: Place, registry: Registry, docker_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever had the place before starts it; a password itself is not there any more, and that is said."""
    monkeypatch.setenv("AML_TEST_REGISTRY_PASSWORD", registry.password)
    ComputeTarget.create(place.workspace, "one", AmlCompute.provisioning_configuration(max_nodes=1))
    (place.source / "wait.py").write_text("import os, time\nwhile not os.path.exists('outputs/go'): time.sleep(0.05)\n")
    client = docker.DockerClient(base_url=docker_host)
    with private_image(client, registry) as one, private_image(client, registry) as other:
        first = place.submit(script="wait.py", compute_target="one")
        waiting = []
        for image, password in ((one, registry.password), (other, "env:AML_TEST_REGISTRY_PASSWORD")):
            environment = asking("x", registry, registry.username, password)
            environment.docker.base_dockerfile = f"FROM python-base:1\nCOPY --from={image} /private /\n"
            waiting.append(place.submit(environment=environment, compute_target="one"))
        notes = [place.workspace.store.run(run.id).snapshot["notes"] for run in waiting]
        assert ["passwords are not kept meanwhile" in str(note) for note in notes] == [True, False]
        place.workspace.run_folder(first.id).joinpath("work/code/outputs/go").touch()
        lost = waiting[0].wait_for_completion(raise_on_error=False)
        assert waiting[1].wait_for_completion()["status"] == "Completed"
        remove_made(client, "private")
    client.close()
    assert "docker.base_image_registry.password is empty" in lost["error"]["error"]["message"]
    assert not _files_with(place.home, registry.password)


def _watch_commands(commands: set[bytes], over: threading.Event) -> None:
    """What anybody on the machine sees of all processes, again and again."""
    while not over.wait(0.01):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                commands.add(path.read_bytes())
            except OSError:
                continue


def _files_with(folder: Path, text: str) -> list[Path]:
    """Files below a folder that hold a text, but not the registry's own."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if text.encode() in path.read_bytes()]
