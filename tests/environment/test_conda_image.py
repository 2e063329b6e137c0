"""Conda packages from a real channel become images on the real engine."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from conda_channel import SUBDIR, CondaPackage, greeting_package, python_package, wheel_package, write_channel
from engine.preparation import BASE, BuildLog, output
from jupyter_amltrain.engines.protocol import REBUILD, Image
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.image import check_environment, prepare_image
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import ImageBuildException, UserErrorException

PREFIX = "/opt/amltrain/env"


@pytest.fixture(scope="module")
def packages() -> list[CondaPackage]:
    return [python_package(), greeting_package(), wheel_package("tabulate"), wheel_package("six")]


@pytest.fixture
def channel(packages: list[CondaPackage], tmp_path: Path) -> Path:
    return write_channel(tmp_path / "channel", packages)


def environment(name: str, cell: str, base: str = BASE) -> Environment:
    made = parse_cell(cell, "conda").environment(name)
    made.docker.base_image = base
    return made


def prepared(client: docker.DockerClient, asked: Environment, log: BuildLog | None = None, renew: str = "") -> Image:
    spec = json.loads(json.dumps(asked._to_spec()))
    assert not [note for note in check_environment(client, spec, asked._secrets()) if "conda" in note]
    return prepare_image(client, spec, log or BuildLog(), asked._secrets(), renew)


def test_a_specification_is_solved_locked_installed_and_found_again(
    client: docker.DockerClient,
    name: str,
    channel: Path,
    packages: list[CondaPackage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell = f"channels: [file://{channel}]\ndependencies: [python=3.11, greeting, tabulate, pip: [idna, six]]\n"
    log = BuildLog()
    image = prepared(client, environment(name, cell), log)
    assert (image.built, image.interpreter) == (True, "python")
    assert "Solved and locked 3 conda packages (sha256:" in log.text
    assert "greeting  1.0" in log.text
    assert "Not run: the activation scripts greeting.sh;" in " ".join(image.notes)
    last = {step.key: step for step in log.steps if step.key.startswith("conda-")}
    assert [step.state for step in last.values()] == ["done", "done"]
    assert last["conda-install"].current == last["conda-install"].total > 1_000_000

    # The prefix is in text and binary files, the entry point runs, and pip's packages lie beside conda's.
    assert output(client, image, "greet") == f"{PREFIX}/share {len(packages[1].files['share/greeting.bin'])}\n"
    assert output(client, image, "tabulate", "--help").startswith("Usage: tabulate")
    program = "import sys, six, idna, tabulate; print(sys.prefix, six.__file__, idna.__file__, tabulate.__file__)"
    place = f"{PREFIX}/lib/python3.11/site-packages"
    seen = output(client, image, "python", "-c", program, user="1234")
    assert seen == f"{PREFIX} {place}/six.py {place}/idna/__init__.py {place}/tabulate/__init__.py\n"
    variables = output(client, image, "env")
    assert f"CONDA_PREFIX={PREFIX}\n" in variables
    assert "GREETING_HOME=of the greeting\n" in variables
    metadata = output(client, image, "sh", "-c", f"cat {PREFIX}/conda-meta/*.json; ls -A /run/amltrain")
    assert "amltrain-home" not in metadata
    lock = output(client, image, "cat", f"{PREFIX}/conda-lock.txt")
    assert lock.startswith(f"# platform: {SUBDIR}\n@EXPLICIT\nfile://{channel}/{SUBDIR}/greeting-1.0-0.tar.bz2#sha256:")
    labels = client.images.get(image.reference).labels
    assert labels["amltrain.conda-lock"][:19] in log.text

    # Found again without solving, also in another order, and while the channel is not there.
    channel.rename(channel.with_name("away"))
    again = BuildLog()
    other = f"dependencies: [pip: [six, IDNA], Tabulate, greeting, python = 3.11]\nchannels: [file://{channel}]\n"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "rattler", None)  # type: ignore[arg-type]
        found = prepare_image(client, environment(name, other)._to_spec(), again)
    assert (found.reference, found.built, again.steps) == (image.reference, False, [])
    channel.with_name("away").rename(channel)

    # What was locked is installed again on another base, although there is a newer package; until all is renewed.
    write_channel(channel, [replace(packages[1], version="2.0")])
    log = BuildLog()
    more = parse_cell(f"FROM {BASE}\nRUN echo {name} > /below\nUSER 1000\n").environment(name)
    more.python.user_managed_dependencies = False
    more.python.conda_dependencies = environment(name, cell).python.conda_dependencies
    image = prepared(client, more, log)
    assert "The conda packages were locked before" in log.text
    assert not [step for step in log.steps if step.key == "conda-solve"]
    assert client.images.get(image.reference).labels["amltrain.conda-lock"] == labels["amltrain.conda-lock"]
    assert output(client, image, "sh", "-c", "cat /below; id -u") == f"{name}\n1000\n"
    unreachable = f"127.0.0.1:9/{name}:1"  # a rebuild asks its registry, which answers at once
    client.images.get(BASE).tag(*unreachable.rsplit(":", 1))
    try:
        renewed = prepared(client, environment(name, cell, unreachable), renew=REBUILD)
    finally:
        client.images.remove(unreachable)
    assert "greeting-2.0-0" in output(client, renewed, "cat", f"{PREFIX}/conda-lock.txt")


def test_the_classic_builder_on_a_base_without_python(
    client: docker.DockerClient,
    name: str,
    channel: Path,
    packages: list[CondaPackage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AMLTRAIN_BUILDER", "classic")
    script = b'echo "$PKG_NAME $PKG_VERSION" >> "$PREFIX/linked.txt"\n'
    linked = replace(packages[1], files={**packages[1].files, "bin/.greeting-post-link.sh": script})
    write_channel(channel, [linked])
    bare = parse_cell(f"FROM {BASE}\nRUN rm -rf /usr/bin/python* /usr/lib/python3*\nUSER 1000\n").environment(name)
    bare.python.user_managed_dependencies = False
    cell = f"channels: [file://{channel}]\ndependencies: [greeting, pip: [idna]]\n"
    bare.python.conda_dependencies = environment(name, cell).python.conda_dependencies
    before = os.umask(0o077)  # of a person whose files nobody else may read
    try:
        image = prepared(client, bare)
    finally:
        os.umask(before)
    assert output(
        client, image, "sh", "-c", f"greet; cat {PREFIX}/linked.txt; id -u; test -e /usr/bin/python3 || echo no own"
    ) == (f"{PREFIX}/share {len(packages[1].files['share/greeting.bin'])}\ngreeting 1.0\n1000\nno own\n")
    assert "/idna/__init__.py" in output(client, image, "python", "-c", "import idna; print(idna.__file__)")
    left = output(client, image, "sh", "-c", "ls -A /run/amltrain 2>/dev/null; true")
    assert left == ""
    assert client.images.list(filters={"label": f"amltrain.stage={image.name}"}) == []


def test_only_python_and_pip_entries_are_installed_without_conda_and_that_is_said(
    client: docker.DockerClient, name: str
) -> None:
    log = BuildLog()
    asked = environment(name, "channels: [conda-forge]\ndependencies: [python=3.11, pip, {pip: [six]}]\n")
    image = prepared(client, asked, log)
    assert (
        "No conda packages are asked for, only python=3.11 and pip: pip's packages are installed."
        " Not used: the channel conda-forge.\n"
    ) in log.text
    assert "amltrain.conda-lock" not in client.images.get(image.reference).labels


def test_a_base_without_the_gnu_c_library_is_refused(client: docker.DockerClient, name: str, channel: Path) -> None:
    loader = "/lib/ld-musl-x86_64.so.1"
    text = f"FROM {BASE}\nRUN touch {loader} && mv /usr/lib/x86_64-linux-gnu/libc.so.6 /usr/lib/libc.so.moved || true\n"
    musl = parse_cell(text).environment(name)
    musl.python.user_managed_dependencies = False
    cell = f"channels: [file://{channel}]\ndependencies: [greeting]\n"
    musl.python.conda_dependencies = environment(name, cell).python.conda_dependencies
    with pytest.raises(ImageBuildException, match="conda packages need the GNU C library, and amltrain/.* musl"):
        prepared(client, musl)


@pytest.mark.parametrize(
    ("cell", "kind", "sentence"),
    [
        ("channels: [conda-forge]\ndependencies: ['numpy>>>1']", UserErrorException, "'numpy>>>1' is no conda package"),
        ("channels: [file:///nowhere-at-all]\ndependencies: [six]", ImageBuildException, "A conda channel cannot be"),
    ],
)
def test_what_cannot_be_is_said(
    client: docker.DockerClient, name: str, cell: str, kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind) as refused:
        prepared(client, environment(name, cell))
    assert refused.value.message.startswith(sentence)  # type: ignore[attr-defined]
    assert client.images.list(filters={"label": f"amltrain.environment={name}"}) == []
