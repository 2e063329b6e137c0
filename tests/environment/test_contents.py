"""What is in an image is looked at once, and kept with every run in it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import docker
import pytest

from engine.preparation import BASE, BuildLog
from jupyter_amltrain.engines.protocol import Image
from jupyter_amltrain.environment.api import EngineApi
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.image import prepare_image
from jupyter_amltrain.environment.inspection.contents import known_contents
from jupyter_amltrain.environment.inspection.look_inside import look_inside
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import UserErrorException


def prepared(client: docker.DockerClient, environment: Environment) -> tuple[Image, BuildLog]:
    log = BuildLog()
    return prepare_image(client, environment._to_spec(), log), log


def test_an_image_is_looked_at_once(client: docker.DockerClient, name: str) -> None:
    environment = parse_cell("six==1.16.0\nidna==3.7\n").environment(name)
    environment.docker.base_image = BASE
    image, log = prepared(client, environment)
    assert log.phases[-1] == f"looking what is in {image.name}"
    assert image.python.startswith("3.11.")
    contents = known_contents(image.reference, image.interpreter)
    assert contents is not None
    assert contents.packages == {"six": "1.16.0", "idna": "3.7"}
    again, log = prepared(client, environment)
    assert (again.python, log.text, log.phases) == (image.python, "", [])
    assert client.containers.list(all=True, filters={"label": "amltrain.probe", "ancestor": image.reference}) == []


def test_on_podman(podman_host: str) -> None:
    environment = Environment("as-it-is")
    environment.docker.base_image = BASE
    environment.python.user_managed_dependencies = True
    client = docker.DockerClient(base_url=podman_host)
    before = _probes(client)  # of processes that other tests killed
    image, log = prepared(client, environment)
    assert image.python.startswith("3.11."), log.text
    assert _probes(client) <= before
    client.close()


def _probes(client: docker.DockerClient) -> set[str]:
    return {str(found.id) for found in client.containers.list(all=True, filters={"label": "amltrain.probe"})}


def test_a_noisy_python_and_another_entry_point_do_not_matter(client: docker.DockerClient, name: str) -> None:
    text = (
        f'FROM {BASE}\nRUN echo "print(1)" > /usr/lib/python3/dist-packages/noise.py'
        " && echo import noise > /usr/lib/python3/dist-packages/noise.pth\n"
        'WORKDIR /work\nRUN touch json.py\nENTRYPOINT ["/bin/false"]\nUSER 1000\n'
    )
    image, _ = prepared(client, parse_cell(text).environment(name))
    contents = known_contents(image.reference, image.interpreter)
    assert contents is not None
    assert "pip" in contents.packages


def test_an_image_whose_python_does_not_run_is_said(client: docker.DockerClient, name: str) -> None:
    text = f'FROM {BASE}\nRUN mkdir /own && printf "#!/bin/sh\\necho broken here\\n" > /own/python\n'
    text += "RUN chmod +x /own/python\nENV PATH=/own:/bin\n"
    image, log = prepared(client, parse_cell(text).environment(name))
    assert image.python == ""
    assert f"What is installed in {image.name} is not known: its python cannot be run here: broken here\n" in log.text
    text = f"FROM {BASE}\nRUN mkdir /own && echo nothing > /own/python && chmod +x /own/python\nENV PATH=/own\n"
    image, log = prepared(client, parse_cell(text).environment(name))
    assert "is not known: its python cannot be run here: " in log.text
    assert "exec" in log.text.splitlines()[-1]


def tar_of(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def test_an_image_for_other_processors_is_said(client: docker.DockerClient, name: str) -> None:
    layer = tar_of({"bin/python": b"no program of this machine"})
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    files = {
        "config.json": json.dumps({"architecture": "arm64", "os": "linux", "rootfs": rootfs}).encode(),
        "manifest.json": json.dumps(
            [{"Config": "config.json", "RepoTags": [f"{name}:1"], "Layers": ["layer.tar"]}]
        ).encode(),
        "layer.tar": layer,
    }
    client.images.load(tar_of(files))
    try:
        environment = Environment(name)
        environment.docker.base_image = f"{name}:1"
        environment.python.user_managed_dependencies = True
        with pytest.raises(UserErrorException, match="is for arm64 and the engine's processor is amd64"):
            prepared(client, environment)
        log = BuildLog()  # where an emulator is registered and does not work
        api = EngineApi(client)
        assert look_inside(api, str(client.images.get(f"{name}:1").id), f"{name}:1", "python", log) is None
        assert log.text.endswith("exec format error (the image is made for arm64, and this engine runs on amd64)\n")
    finally:
        client.images.remove(f"{name}:1", force=True)
