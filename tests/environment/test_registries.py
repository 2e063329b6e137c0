"""Private images from a real registry: with given credentials, with logins and helpers, with references."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from engine.preparation import BASE, BuildLog, dockerfile_environment, output, prepared
from engine.registry import Registry
from environment.private import forget, logged_in, private_image, put, write_config
from jupyter_amltrain.engines.docker import DockerEngine
from jupyter_amltrain.engines.protocol import REBUILD
from jupyter_amltrain.environment.image import check_environment
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import AuthenticationException, EngineException, RegistryException


@pytest.fixture
def private(client: docker.DockerClient, registry: Registry) -> Iterator[str]:
    with private_image(client, registry) as made:
        yield made


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of Docker's configuration, empty."""
    folder = tmp_path / "docker-config"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


def environment_of(image: str, registry: Registry, password: str | None, user: str | None = "tester") -> Environment:
    environment = Environment.from_docker_image("private", image)
    given = environment.docker.base_image_registry
    given.address, given.username, given.password = registry.address, user, password
    return environment


def refusal(client: docker.DockerClient, environment: Environment, kind: type[EngineException] | Any) -> str:
    """What is said at submit, which is also said when it is prepared."""
    with pytest.raises(kind) as at_submit:
        check_environment(client, environment._to_spec(), environment._secrets())
    with pytest.raises(kind) as at_build:
        prepared(client, environment)
    assert at_submit.value.message.split(":")[0] == at_build.value.message.split(":")[0]
    said: str = at_submit.value.message
    print(said)
    return said


def test_private_images_in_every_place_of_a_dockerfile(
    client: docker.DockerClient, registry: Registry, private: str, name: str, builder: str
) -> None:
    """FROM of a stage, through an ARG, COPY --from; images of two registries, of which one wants no credentials."""
    repository = private.rpartition(":")[0]
    with private_image(client, registry) as other:
        text = (
            f"ARG REPOSITORY={repository}\nFROM ${{REPOSITORY}}:1 AS first\n"
            f"FROM {BASE}\nCOPY --from=first /private /first\nCOPY --from={other} /private /second\n"
        )
        environment = dockerfile_environment(name, text)
        environment.docker.base_image_registry.address = registry.address
        said = refusal(client, environment, RegistryException)
        assert f"{registry.address} wants credentials for {private}" in said
        environment.docker.base_image_registry.username = registry.username
        environment.docker.base_image_registry.password = registry.password
        log = BuildLog()
        image = prepared(client, environment, log)
        assert output(client, image, "cat", "/first", "/second") == f"{repository}{other.rpartition(':')[0]}"
        assert f"Pulling {private} from {registry.address}" in log.text
        assert f"The registry credentials for {registry.address} are not used: {BASE} comes from docker.io." in log.text
        # Children first: the image goes before its bases.
        client.images.remove(image.reference, force=True)


def digest_of(client: docker.DockerClient, image: str) -> str:
    """The beginning of the digest that its registry knows the image by."""
    (digest,) = client.images.get(image).attrs["RepoDigests"]
    return str(digest).partition("@sha256:")[2][:12]


def test_a_tag_that_moves_in_its_registry_is_followed_by_a_rebuild(
    client: docker.DockerClient, registry: Registry, private: str, name: str, builder: str
) -> None:
    """A build asks no registry for what the engine has; a rebuild does, and whoever pulls by hand is told."""
    repository = private.rpartition(":")[0]
    environment = dockerfile_environment(
        name, f"FROM {private} AS moving\nFROM {BASE}\nCOPY --from=moving /private /copied\n"
    )
    given = environment.docker.base_image_registry
    given.address, given.username, given.password = registry.address, registry.username, registry.password
    old = prepared(client, environment)

    put(client, registry, repository, "second")
    again = prepared(client, environment)
    assert (again.reference, again.built, again.notes) == (old.reference, False, ())
    log = BuildLog()
    rebuilt = prepared(client, environment, log, renew=REBUILD)
    was = digest_of(client, private)
    assert f"Pulling {private} from {registry.address}" in log.text
    assert rebuilt.built

    put(client, registry, repository, "third")
    client.images.pull(private, auth_config={"username": registry.username, "password": registry.password})
    kept = prepared(client, environment)
    assert (kept.reference, kept.built) == (rebuilt.reference, False)
    now = digest_of(client, private)
    assert kept.notes == (
        f"{private} is another image now ({was} → {now}); the image that was built before is used."
        " --rebuild builds on the new one.",
    )
    newest = prepared(client, environment, renew=REBUILD)
    contents = [output(client, image, "cat", "/copied") for image in (old, rebuilt, newest)]
    assert contents == [repository, "second", "third"]
    assert prepared(client, environment).notes == ()


def test_a_registry_that_is_down_and_one_that_does_not_exist(client: docker.DockerClient, tmp_path: Path) -> None:
    with Registry(tmp_path / "registry") as registry:
        pass
    said = refusal(client, environment_of(f"{registry.address}/a:1", registry, "x"), RegistryException)
    assert f"nothing listens at {registry.address}. Is it running, and is the port right?" in said
    registry.address = "registry.amltrain.invalid"
    said = refusal(client, environment_of(f"{registry.address}/a:1", registry, "x"), RegistryException)
    assert "the engine's machine knows no host registry.amltrain.invalid. Is the name right" in said


def test_credentials_for_another_address_are_named_in_the_refusal(
    client: docker.DockerClient, registry: Registry, private: str
) -> None:
    environment = environment_of(private, registry, registry.password)
    environment.docker.base_image_registry.address = "registry.example.com"
    said = refusal(client, environment, RegistryException)
    assert f"The registry credentials for registry.example.com are not used: {private} comes from" in said
    environment.docker.base_image_registry.address = None
    assert "docker.base_image_registry.address is empty, which is docker.io" in refusal(
        client, environment, RegistryException
    )


def test_a_password_in_an_environment_variable(
    client: docker.DockerClient, registry: Registry, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = environment_of(private, registry, "env:AML_TEST_REGISTRY_PASSWORD")
    monkeypatch.delenv("AML_TEST_REGISTRY_PASSWORD", raising=False)
    said = refusal(client, environment, AuthenticationException)
    assert "environment variable AML_TEST_REGISTRY_PASSWORD" in said
    assert "and that is not set." in said
    monkeypatch.setenv("AML_TEST_REGISTRY_PASSWORD", "")
    assert "and that is empty." in refusal(client, environment, AuthenticationException)
    monkeypatch.setenv("AML_TEST_REGISTRY_PASSWORD", "wrong")
    assert "refuses the user 'tester'" in refusal(client, environment, RegistryException)
    monkeypatch.setenv("AML_TEST_REGISTRY_PASSWORD", registry.password)
    assert check_environment(client, environment._to_spec(), environment._secrets()) == []
    assert prepared(client, environment).name == private
    monkeypatch.delenv("AML_TEST_REGISTRY_PASSWORD")
    assert not prepared(client, environment).built  # it is here, so no password is needed


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The keyring package on a file of this test's own."""
    import keyring as package
    from keyrings.alt.file import PlaintextKeyring

    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    before = package.get_keyring()
    package.set_keyring(PlaintextKeyring())
    yield package
    package.set_keyring(before)


def test_a_password_in_the_keyring(
    client: docker.DockerClient, registry: Registry, private: str, keyring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = environment_of(private, registry, "keyring:company registry")
    said = refusal(client, environment, AuthenticationException)
    assert "The keyring has no entry 'company registry' of the user 'tester'" in said
    keyring.set_password("company registry", "somebody else", "wrong")
    assert "has no entry" in refusal(client, environment, AuthenticationException)
    keyring.set_password("company registry", "tester", registry.password)
    assert prepared(client, environment).name == private
    forget(client, private.rpartition(":")[0])

    # The user of the entry stands for the one that was not given; a service may have slashes in its name.
    keyring.set_password(f"https://{registry.address}", "tester", registry.password)
    for reference, user in (
        ("keyring:company registry/tester", None),
        (f"keyring:https://{registry.address}", "tester"),
        (f"keyring:https://{registry.address}/tester", None),
    ):
        environment = environment_of(private, registry, reference, user)
        assert prepared(client, environment).name == private
        forget(client, private.rpartition(":")[0])

    from keyring.backends.fail import Keyring as NoKeyring

    keyring.set_keyring(NoKeyring())
    assert "The keyring cannot be read (No recommended backend" in refusal(client, environment, AuthenticationException)
    monkeypatch.setitem(sys.modules, "keyring", None)  # as where it is not installed
    assert "`pip install keyring`" in refusal(client, environment, AuthenticationException)


def test_docker_login_counts_at_once_and_gives_way_to_given_credentials(
    client: docker.DockerClient, registry: Registry, private: str, config: Path
) -> None:
    environment = environment_of(private, registry, None, None)
    assert f"or run `docker login {registry.address}`" in refusal(client, environment, RegistryException)
    logged_in(config, registry, "outdated")
    said = refusal(client, environment, RegistryException)
    assert "refuses the user 'tester', who is logged in to it in Docker's configuration" in said
    logged_in(config, registry)
    assert check_environment(client, environment._to_spec(), environment._secrets()) == []
    # A name alone is that of the login; another name's login is nobody else's business.
    environment.docker.base_image_registry.username = "somebody"
    assert "password is empty" in refusal(client, environment, RegistryException)
    environment.docker.base_image_registry.username = registry.username
    assert prepared(client, environment).name == private
    forget(client, private.rpartition(":")[0])
    assert "refuses the user 'tester'" in refusal(client, environment_of(private, registry, "wrong"), RegistryException)


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry) -> str:
    """The name of a credential helper that knows the tests' registry, and notes what it was asked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    name = f"amltest{uuid.uuid4().hex[:6]}"
    program = folder / f"docker-credential-{name}"
    program.write_text(
        f"""#!{sys.executable}
import json, sys
action, server = sys.argv[1], sys.stdin.read().strip()
open({str(tmp_path / "asked")!r}, "a").write(f"{{action}} {{server}}\\n")
if server != {registry.address!r}:
    print("credentials not found in native keychain")
    sys.exit(1)
print(json.dumps({{"ServerURL": server, "Username": {registry.username!r}, "Secret": {registry.password!r}}}))
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return name


@pytest.mark.parametrize("kind", ["credHelpers", "credsStore"])
def test_credential_helpers(
    client: docker.DockerClient, registry: Registry, private: str, config: Path, helper: str, kind: str, tmp_path: Path
) -> None:
    write_config(config, {kind: {registry.address: helper} if kind == "credHelpers" else helper})
    image = prepared(client, environment_of(private, registry, None, None))
    assert image.name == private
    assert f"get {registry.address}\n" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "is not installed, or not on the PATH"),
        ("echo 'the vault is locked'; exit 3", "failed: the vault is locked."),
        ("exit 4", "failed: exit code 4."),
        ("echo s3cret-but-no-json", "did not answer in the form that Docker knows"),
    ],
)
def test_a_helper_that_fails(
    client: docker.DockerClient,
    registry: Registry,
    private: str,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str | None,
    words: str,
) -> None:
    write_config(config, {"credsStore": "amlbroken"})
    if script:
        program = tmp_path / "docker-credential-amlbroken"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    said = refusal(client, environment_of(private, registry, None, None), RegistryException)
    assert f"credential helper docker-credential-amlbroken for {registry.address}, and it {words}" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"auths": {', "it is not JSON (line 1, column 12)"),
        ("[]", "it does not hold what Docker writes there"),
        ('{"auths": {"r.example.com": {"auth": "bm9jb2xvbg=="}}}', "its entry for r.example.com is no encoded user"),
        ('{"auths": {"r.example.com": "me"}}', "its entry for r.example.com is not an object"),
    ],
)
def test_a_broken_configuration_of_docker(docker_host: str, config: Path, text: str, words: str) -> None:
    """With a client of its own, as docker-py reads the configuration when it is made."""
    write_config(config, text)
    spec = Environment.from_docker_image("x", "127.0.0.1:9/a:1")._to_spec()
    from jupyter_amltrain.submission.job import Resources

    with pytest.raises(RegistryException) as refused:
        DockerEngine(docker_host).check(spec, Resources())
    assert f"Docker's configuration {config}/config.json cannot be used: " in refused.value.message
    assert words in refused.value.message
