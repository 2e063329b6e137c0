"""What is looked at before a long step, on the real engine: architecture, room, Python, shell, GPUs, permission."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from engine.daemon import DockerDaemon
from engine.images import load_base_image
from engine.preparation import BASE, BuildLog
from engine.shared import cache_folder
from jupyter_amltrain.engines.docker import DockerEngine
from jupyter_amltrain.engines.socket_permission import SocketAccess, explain_access
from jupyter_amltrain.environment.builder.instructions import shell_needed_in, started_from
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.image import engine_view
from jupyter_amltrain.environment.inspection.engine_view import EngineView
from jupyter_amltrain.environment.inspection.preflight import (
    GpuFacts,
    architecture_finding,
    gpu_finding,
    python_finding,
    room_finding,
)
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import (
    EngineException,
    GpuUnavailableException,
    UserErrorException,
)
from jupyter_amltrain.submission.job import Resources

GB = 1000**3
OLD_PYTHON = "#!/bin/sh\necho amltrain-python:3.5.2\n"


@pytest.fixture
def client(client: docker.DockerClient) -> Iterator[docker.DockerClient]:
    yield client
    for image in client.images.list("preflight-test"):
        client.images.remove(image.id, force=True)


def packed(files: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return body.getvalue()


def loaded(client: docker.DockerClient, files: dict[str, str], architecture: str = "amd64") -> str:
    """An image of a few programs and nothing else; its name."""
    name = f"preflight-test:{uuid.uuid4().hex[:12]}"
    layer = packed({"name": name.encode(), **{path: text.encode() for path, text in files.items()}})
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    parts = {"config.json": config, "manifest.json": manifest}
    client.images.load(
        packed({"layer.tar": layer, **{path: json.dumps(part).encode() for path, part in parts.items()}})
    )
    return name


def as_it_is(image: str) -> Environment:
    environment = Environment.from_docker_image("preflight", image)
    environment.python.user_managed_dependencies = True
    return environment


def checked(environment: Environment, *, script: bool = True, resources: Resources | None = None) -> list[str]:
    spec = {**environment._to_spec(), "runs_script": script}
    return DockerEngine().check(spec, resources or Resources(), environment._secrets())


def signs(environment: Environment) -> dict[str, str]:
    found = DockerEngine().examine(environment._to_spec(), Resources(), environment._secrets())
    return {finding.subject: finding.verdict for finding in found}


def test_an_image_for_another_processor(client: docker.DockerClient) -> None:
    image = loaded(client, {}, "arm64")
    with pytest.raises(UserErrorException, match=r"is for arm64 and the engine's processor is amd64, which cannot run"):
        checked(as_it_is(image))
    with pytest.raises(UserErrorException, match="docker pull --platform linux/amd64"):
        DockerEngine().prepare(as_it_is(image)._to_spec(), BuildLog())
    assert signs(as_it_is(image))["architecture"] == "refuse"


def test_the_python_of_an_image(client: docker.DockerClient) -> None:
    assert checked(as_it_is(BASE)) == []
    none = loaded(client, {"bin/sh": "#!/bin/sh\n"})
    with pytest.raises(UserErrorException, match=f"The image {none} has neither python nor python3 on its PATH"):
        checked(as_it_is(none))
    (note,) = checked(as_it_is(none), script=False)
    assert "runs a command=[…] only, without metrics. Set python.interpreter_path" in note
    elsewhere = as_it_is(BASE)
    elsewhere.python.interpreter_path = "/opt/none/python"
    with pytest.raises(UserErrorException, match="has no interpreter /opt/none/python"):
        checked(elsewhere, script=False)


def test_a_python_that_is_too_old(client: docker.DockerClient) -> None:
    text = f"FROM {BASE}\nRUN printf '{OLD_PYTHON}' > /usr/local/bin/python && chmod +x /usr/local/bin/python\n"
    environment = parse_cell(text.replace('\n"', "").replace(OLD_PYTHON, OLD_PYTHON.replace("\n", "\\n"))).environment(
        "preflight"
    )
    with pytest.raises(UserErrorException, match=r"is Python 3\.5\.2, and jobs need 3\.6 or later"):
        DockerEngine().prepare(environment._to_spec(), BuildLog())
    (image,) = client.images.list(filters={"label": "amltrain.environment=preflight"})
    try:
        with pytest.raises(UserErrorException, match=r"is Python 3\.5\.2"):
            checked(as_it_is(image.id))
    finally:
        client.images.remove(image.id, force=True)


def test_the_shell_is_needed_where_something_is_installed(client: docker.DockerClient) -> None:
    bare = loaded(client, {"usr/bin/python3": "x"})
    packages = parse_cell("six").environment("preflight")
    packages.docker.base_image = bare
    with pytest.raises(UserErrorException, match=f"The image {bare} has no /bin/sh, which installing packages needs"):
        checked(packages)
    dockerfile = parse_cell(f"FROM {bare}\nRUN true\n").environment("preflight")
    with pytest.raises(UserErrorException, match="has no /bin/sh, which a RUN step needs"):
        checked(dockerfile)
    assert checked(parse_cell(f'FROM {bare}\nRUN ["/x"]\n').environment("preflight")) == []
    files = loaded(client, {"data": "x"}, "arm64")
    assert checked(parse_cell(f"FROM {BASE}\nCOPY --from={files} /data /\n").environment("preflight")) == []
    assert started_from("FROM a AS b\nCOPY --from=x /y /\nFROM b\nFROM --platform=linux/arm64 c") == ("a", "c")
    assert shell_needed_in("FROM a AS b\nCOPY x /\nRUN y\nFROM b\nRUN z\nFROM c\nRUN z\nFROM $D\nRUN z") == ("c",)


def test_a_disk_that_is_nearly_full(
    private_engine: Callable[..., DockerDaemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = private_engine()
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    daemon.remove_containers()
    daemon.stop()
    data = daemon.folder / "data"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m", "tmpfs", data], check=True)
    daemon.start()
    load_base_image(daemon, cache_folder())
    environment = parse_cell(f"FROM {BASE}\nRUN echo {uuid.uuid4().hex}\n").environment("preflight")
    found = DockerEngine().examine(environment._to_spec(), Resources())
    (disk,) = [finding for finding in found if finding.subject == "disk"]
    assert (disk.verdict, f" MB are free at {data}, where the engine keeps images" in disk.text) == ("warn", True)
    log = BuildLog()
    DockerEngine().prepare(environment._to_spec(), log)
    assert "a pull or a build may not fit. Free some: %aml_env --prune" in log.text
    room = os.statvfs(data)
    with open(data / "filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - 50 * 1000**2)
    other = parse_cell(f"FROM {BASE}\nRUN echo {uuid.uuid4().hex}\n").environment("preflight")
    with pytest.raises(EngineException, match="nothing can be pulled or built. Free some"):
        DockerEngine().prepare(other._to_spec(), BuildLog())
    assert not DockerEngine().prepare(environment._to_spec(), BuildLog()).built  # what is there needs no room


def test_gpus_as_the_engine_says(private_engine: Callable[..., DockerDaemon], monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = private_engine(gpu_stub=True)
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    assert checked(as_it_is(BASE), resources=Resources(gpus=1)) == []
    assert signs(as_it_is(BASE))["GPU"] == "ok"


def test_what_the_engine_says_of_itself(client: docker.DockerClient, docker_host: str) -> None:
    view = engine_view(client)
    assert (view.architecture, view.is_here, view.emulates("arm64")) == ("amd64", True, False)
    assert view.name.startswith("Docker 20.")
    room = os.statvfs(view.root)
    assert view.free_bytes() == pytest.approx(room.f_bavail * room.f_frsize, abs=2 * GB)
    far = EngineView("Docker", "amd64", "/var/lib/docker", is_here=False)
    assert (far.free_bytes(), far.emulates("arm64")) == (None, None)


@pytest.mark.parametrize(
    ("image", "engine", "emulated", "verdict"),
    [
        ("amd64", "x86_64", False, "ok"),
        ("386", "amd64", False, "ok"),
        ("", "amd64", False, "ok"),
        ("arm64", "amd64", True, "note"),
        ("arm64", "amd64", None, "warn"),
        ("amd64", "aarch64", False, "refuse"),
    ],
)
def test_architectures(image: str, engine: str, emulated: bool | None, verdict: str) -> None:
    assert architecture_finding("i:1", image, engine, emulated).verdict == verdict


def test_versions_and_room() -> None:
    versions = {"3.6.15": "ok", "3.13.0": "ok", "": "ok", "3.5.2": "refuse", "2.7.18": "refuse"}
    assert {version: python_finding("i", "python", "python", version).verdict for version in versions} == versions
    room = {None: "ok", 5 * GB: "ok", GB: "warn", 5 * 1000**2: "refuse"}
    assert {free: room_finding(free, "/var/lib/docker").verdict for free in room} == room


def test_one_sentence_for_each_missing_piece_of_a_gpu() -> None:
    refusal = "could not select device driver"
    words = {
        GpuFacts(refusal, engine_is_here=True): ("no NVIDIA driver", "no container toolkit", "nvidia-ctk runtime"),
        GpuFacts(refusal, engine_is_here=True, driver=True): ("no container toolkit", "nvidia-ctk runtime"),
        GpuFacts(refusal, engine_is_here=True, driver=True, toolkit=True): ("nvidia-ctk runtime configure",),
        GpuFacts(refusal): ("On its machine install the NVIDIA driver and nvidia-container-toolkit",),
    }
    everything = {word for expected in words.values() for word in expected}
    for facts, expected in words.items():
        finding = gpu_finding(1, "require", facts)
        assert (finding.verdict, finding.kind) == ("refuse", GpuUnavailableException)
        assert [word for word in expected if word not in finding.remedy] == []
        assert "AMLTRAIN_GPU=prefer" in finding.remedy
        assert ("no NVIDIA driver" in finding.remedy) == ("no NVIDIA driver" in expected)
    assert everything
    assert gpu_finding(1, "prefer", GpuFacts(refusal)).verdict == "note"
    assert gpu_finding(0, "require", GpuFacts(refusal)).verdict == "ok"
    assert "has 2" in gpu_finding(4, "require", GpuFacts("", engine_is_here=True, count=2)).text


@pytest.mark.parametrize(
    ("group", "listed", "words"),
    [
        ("docker", False, "you are not in the group docker. Add yourself: sudo usermod -aG docker ada"),
        ("docker", True, "this session began before that. Log out and in again"),
        ("root", False, "it is root's alone"),
        ("", False, "rootless Docker"),
    ],
)
def test_permission_of_a_socket(group: str, listed: bool, words: str) -> None:
    said = explain_access(SocketAccess("/run/docker.sock", "ada", "root", group, listed))
    assert said.startswith("There is a Docker socket at /run/docker.sock, but you may not use it: ")
    assert words in said


def test_another_user_is_told_why(docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_amltrain.engines.docker_address import DockerAddress

    socket = Path(docker_host.removeprefix("unix://"))
    access = SocketAccess.of(str(socket))
    assert (access.user, access.owner) == ("root", "root")
    # A process of another uid cannot even reach the folder of the tests' engine, so the call is made by hand.
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        said = DockerAddress(docker_host, "DOCKER_HOST").problem()
        os._exit(0 if "but you may not use it" in said else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
