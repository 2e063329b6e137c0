"""Build arguments, platforms, secrets and sessions: what they are given as, and that they do what they say."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from engine.parts import buildx, program
from engine.preparation import BASE, BuildLog, dockerfile_environment, output, prepared
from engine.shared import cache_folder
from jupyter_amltrain.environment.builder import docker_cli
from jupyter_amltrain.environment.builder.instructions import base_images
from jupyter_amltrain.environment.builder.options import (
    BuildSecret,
    check_build_options,
    masked,
    read_build_argument,
    read_platform,
    read_secret,
    session_reason,
)
from jupyter_amltrain.environment.image import check_environment
from jupyter_amltrain.environment.output.buildkit import Vertex, VertexLog
from jupyter_amltrain.environment.output.plain_progress import PlainProgress
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import CanceledException, ImageBuildException, UserErrorException

SECRET = "forms-s3cret-value"


def test_what_options_mean() -> None:
    assert read_build_argument("A=b=c", {}) == ("A", "b=c")
    assert read_build_argument("A=", {}) == ("A", "")
    assert read_build_argument("A", {"A": "1"}) == ("A", "1")
    assert read_secret("id=t,env=TOKEN") == BuildSecret("t", env="TOKEN")
    assert read_secret("id=TOKEN") == BuildSecret("TOKEN", env="TOKEN")
    assert read_secret("type=file,id=t,source=/a/b").text == "id=t,src=/a/b"
    assert read_platform("linux/arm/v7") == ("linux", "arm/v7")


@pytest.mark.parametrize("text", ["", "=x", "1A=x", "A B=x"])
def test_a_build_argument_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserErrorException, match="takes NAME=VALUE"):
        read_build_argument(text, {})


@pytest.mark.parametrize("text", ["", "t", "env=A", "id=a,env=B,src=c", "id=a,value=x", "id=a b,env=B"])
def test_a_secret_that_is_none_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UserErrorException, match=r"A secret is given as id=NAME,env=VARIABLE") as refused:
        read_secret(text)
    assert not text or f"'{text}'" not in refused.value.message


def test_a_variable_that_is_not_set_is_said() -> None:
    with pytest.raises(UserErrorException, match=r"variable A, which is not set in this kernel"):
        read_build_argument("A", {})
    with pytest.raises(UserErrorException, match="such as linux/arm64"):
        read_platform("arm64")


def test_what_options_and_dockerfile_do_not_agree_in_is_said() -> None:
    text = "ARG V\nFROM a:$V\nRUN --mount=type=secret,id=known,required=true --mount=type=secret,target=/x/other true\n"
    notes = check_build_options(
        {
            "dockerfile": text,
            "build_arguments": {"V": "1", "W": "2", "HTTP_PROXY": "x", "MY_API_KEY": "k"},
            "build_secrets": ["id=known,env=A", "id=more,env=B"],
            "build_ssh": ["default"],
        }
    )
    assert [note.partition(",")[0].partition(":")[0] for note in notes] == [
        "The Dockerfile has no 'ARG W'",
        "The Dockerfile has no 'ARG MY_API_KEY'",
        "MY_API_KEY looks like a secret",
        "No RUN step mounts the secret 'more'",
        "The secret 'other' is not given (--secret id=other",
        "No RUN step uses the SSH agent",
    ]
    with pytest.raises(UserErrorException, match="requires the secret 'known', which is not given"):
        check_build_options({"dockerfile": text})
    with pytest.raises(UserErrorException, match="Build arguments are for a Dockerfile"):
        check_build_options({"build_arguments": {"A": "1"}})


def test_which_dockerfiles_need_a_session() -> None:
    assert session_reason("FROM a\nRUN --mount=type=secret,id=x true\n") == "line 2 has RUN --mount=type=secret"
    assert session_reason("FROM a\nRUN --mount=type=ssh true\n") == "line 2 has RUN --mount=type=ssh"
    assert "'# syntax=my/frontend' names a frontend" in session_reason("# syntax=my/frontend\nFROM a\n")
    assert session_reason("# syntax=docker/dockerfile:1\nFROM a\nRUN --mount=type=cache,target=/x true\n") == ""


def test_arguments_win_over_the_defaults_of_base_images() -> None:
    assert base_images('ARG A=1 B="2"\nFROM x:$A-$B\n', {"A": "3"}) == ("x:3-2",)


def test_values_of_secrets_are_masked_whole_and_line_by_line() -> None:
    assert masked("a tok3n-x b", [b"tok3n-x\n"]) == "a *** b"
    assert masked("second line here", [b"first line\nsecond line\n"]) == "*** here"
    assert masked("a ab abc", [b"ab"]) == "a ab abc"  # as good as no secret, and the log would be unreadable


def test_plain_progress_is_read_as_the_events_it_was_made_from() -> None:
    progress = PlainProgress(clock=lambda: 10.0)
    lines = [
        "#4 [1/2] FROM docker.io/library/a",
        "#4 CACHED",
        "",
        "#5 [2/2] RUN echo 1.5 x",
        "#5 sha256:1b81",
        "#5 0.040 1.5 x",
        "#5 ...",
        "#5 [2/2] RUN echo 1.5 x",
        "#5 DONE 1.1s",
        "#6 exporting to image",
        "#6 ERROR: no space",
        "------",
        "error: failed to solve: no space",
    ]
    events = [event for line in lines for event in progress.take(line)]
    assert events == [
        Vertex("4", "[1/2] FROM docker.io/library/a", started=10.0),
        Vertex("4", "[1/2] FROM docker.io/library/a", cached=True, started=10.0, completed=10.0),
        Vertex("5", "[2/2] RUN echo 1.5 x", started=10.0),
        VertexLog("5", 1, b"1.5 x\n"),
        Vertex("5", "[2/2] RUN echo 1.5 x", started=10.0, completed=11.1),
        Vertex("6", "exporting to image", started=10.0),
        Vertex("6", "exporting to image", started=10.0, completed=10.0, error="no space"),
    ]
    assert progress.error == "failed to solve: no space"


def test_build_arguments_reach_the_build_and_the_fingerprint(client: docker.DockerClient, name: str) -> None:
    environment = dockerfile_environment(
        name, f"ARG TAG=none\nFROM python-base:$TAG\nARG WORD\nRUN echo $WORD > /{name}\n"
    )
    environment.docker.build_arguments = {"TAG": "1", "WORD": "one"}
    first = prepared(client, environment)
    assert output(client, first, "cat", f"/{name}") == "one\n"
    environment.docker.build_arguments["WORD"] = "two"
    assert prepared(client, environment).reference != first.reference
    environment.docker.build_arguments["WORD"] = "one"
    assert prepared(client, environment).reference == first.reference
    again = Environment._from_spec(environment._to_spec())
    assert again.docker.build_arguments == {"TAG": "1", "WORD": "one"}


def test_a_platform_is_that_of_the_image(client: docker.DockerClient, name: str) -> None:
    environment = dockerfile_environment(name, f"FROM scratch\nLABEL name={name}\n")
    environment.docker.platform.os, environment.docker.platform.architecture = read_platform("linux/arm64")
    assert client.images.get(prepared(client, environment).reference).attrs["Architecture"] == "arm64"


@pytest.fixture(params=["docker build", "docker buildx"])
def command(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only this kind of docker command line is on the PATH: Debian's own, or with the plug-in buildx."""
    config = tmp_path / "docker-config"
    config.mkdir()
    if request.param == "docker buildx":
        (config / "cli-plugins").mkdir()
        (config / "cli-plugins" / "docker-buildx").symlink_to(buildx(cache_folder()))
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").symlink_to(Path(program("dockerd")).resolve().parents[1] / "bin" / "docker")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/bin-of-nobody")
    return str(request.param)


def test_a_secret_reaches_its_step_and_stays_nowhere(
    client: docker.DockerClient, name: str, folder: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORMS_TOKEN", SECRET)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")  # the build goes where the client is
    (folder / "key").write_text(f"{SECRET}-of-the-file\n")
    (folder / "words.txt").write_text(name)
    (folder / "Dockerfile").write_text(
        f"FROM {BASE}\nCOPY words.txt /\nARG MORE\n"
        "RUN --mount=type=secret,id=token --mount=type=secret,id=key test $MORE = more"
        " && sha256sum /run/secrets/token | cut -c1-8 && cat /run/secrets/key /run/secrets/token\nRUN env > /seen\n"
    )
    environment = Environment(name)
    environment.docker.base_dockerfile = folder / "Dockerfile"  # type: ignore[assignment]
    environment.python.user_managed_dependencies = True
    environment.docker.build_secrets = ["id=token,env=FORMS_TOKEN", f"id=key,src={folder / 'key'}"]
    environment.docker.build_arguments = {"MORE": "more"}
    assert SECRET not in json.dumps(environment._to_spec()) + repr(environment)

    log = BuildLog()
    image = prepared(client, environment, log)
    assert f"with BuildKit through {command}" in log.text
    assert "since line 4 has RUN --mount=type=secret" in log.text
    assert "***" in log.text
    assert image.built
    assert output(client, image, "cat", "/words.txt") == name
    labels = client.images.get(image.reference).labels
    assert labels["amltrain.fingerprint"].startswith(image.name.rpartition(":")[2])
    told = [json.dumps([step.__dict__ for step in log.steps], default=str), *log.phases]
    info = client.images.get(image.reference)
    assert SECRET not in log.text + "".join(told) + json.dumps([info.attrs, info.history()])
    assert {step.state for step in log.steps if "sha256sum" in step.name} == {"running", "done"}
    assert SECRET.encode() not in b"".join(_layers(client, image.reference))

    monkeypatch.setenv("FORMS_TOKEN", "another value")
    again = BuildLog()
    assert not prepared(client, environment, again).built
    assert again.text == ""


def _layers(client: docker.DockerClient, reference: str) -> Iterator[bytes]:
    """The content of every layer of an image above its base, and its configuration."""
    kept = len(client.images.get(BASE).attrs["RootFS"]["Layers"])
    saved = io.BytesIO(b"".join(client.images.get(reference).save()))
    with tarfile.open(fileobj=saved) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        for member in [*manifest["Layers"][kept:], manifest["Config"]]:
            yield archive.extractfile(member).read()  # type: ignore[union-attr]


def test_a_failing_step_of_a_session_build_is_named(
    client: docker.DockerClient, name: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORMS_TOKEN", SECRET)
    text = f"FROM {BASE}\nRUN true\nRUN --mount=type=secret,id=t echo the cause {name}; cat /run/secrets/t; exit 3\n"
    environment = dockerfile_environment(name, text)
    environment.docker.build_secrets = ["id=t,env=FORMS_TOKEN"]
    with pytest.raises(ImageBuildException) as failed:
        prepared(client, environment)
    assert failed.value.message.startswith(
        f"The build of environment '{name}' failed at Dockerfile line 3, `RUN --mount=type=secret,id=t echo the cause"
    )
    assert "the command ended with exit code 3." in failed.value.message
    assert f"    the cause {name}\n    ***" in failed.value.message


def test_a_session_build_is_canceled(client: docker.DockerClient, name: str, command: str) -> None:
    text = f"FROM {BASE}\nRUN --mount=type=secret,id=t echo started-{name}-$((1+1)) && sleep 600\n"
    with pytest.raises(CanceledException):
        prepared(client, dockerfile_environment(name, text), BuildLog(cancel_at=f"started-{name}-2"))
    assert not _commands(f"amltrain/{name}:")
    while _commands(f"started-{name}"):  # the step itself, which the engine ends in its own time
        time.sleep(0.1)


def _commands(word: str) -> list[str]:
    """The processes of this machine that have this word in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            found.append(path.read_bytes().decode(errors="replace"))
    return [line for line in found if word in line]


def test_an_ssh_agent_answers_a_step(
    client: docker.DockerClient, name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen([program("ssh-agent"), "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert agent.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        environment = dockerfile_environment(
            name, f"FROM {BASE}\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK # {name}\n"
        )
        environment.docker.build_ssh = ["default"]
        assert prepared(client, environment).built
    finally:
        agent.terminate()
        agent.wait()


def test_where_no_command_can_it_is_said_at_once(
    client: docker.DockerClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = dockerfile_environment(name, f"FROM {BASE}\nRUN --mount=type=secret,id=t true # {name}\n")
    monkeypatch.setenv("PATH", "/bin-of-nobody")
    log = BuildLog()
    with pytest.raises(
        UserErrorException, match=r"line 2 has RUN --mount=type=secret, for which .*Install the plug-in"
    ):
        prepared(client, environment, log)
    monkeypatch.setenv("AMLTRAIN_BUILDER", "classic")
    with pytest.raises(UserErrorException, match="cannot be built with the classic builder"):
        prepared(client, environment, log)
    missing = dockerfile_environment(name, "FROM no-such-image:1\nRUN --mount=type=secret,id=t true\n")
    with pytest.raises(UserErrorException, match="cannot be built with the classic builder"):
        check_environment(client, missing._to_spec())
    monkeypatch.delenv("AMLTRAIN_BUILDER")
    environment.docker.build_secrets = ["id=t,env=NO_SUCH_VARIABLE"]
    with pytest.raises(UserErrorException, match="NO_SUCH_VARIABLE, which is not set"):
        prepared(client, environment, log)
    assert docker_cli._find("/bin-of-nobody", os.environ.get("DOCKER_CONFIG", "")) is None
