"""Environments become images on the real engine."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import pytest

from engine.preparation import BASE, BuildLog, dockerfile_environment, output, prepared
from jupyter_amltrain.engines.protocol import REBUILD, Image
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.image import check_environment, find_interpreter
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import (
    CanceledException,
    EngineUnavailableException,
    ImageBuildException,
    ImageNotFoundException,
    RegistryException,
    UserErrorException,
)
from jupyter_amltrain.home import home_id

PASSWORD = "s3cret-pa55word"


def test_a_base_image_is_used_as_it_is(client: docker.DockerClient) -> None:
    environment = Environment("as-it-is")
    environment.docker.base_image = BASE
    environment.python.user_managed_dependencies = True
    assert check_environment(client, environment._to_spec()) == []
    image_id = client.images.get(BASE).id
    size = client.images.get(BASE).attrs["Size"]
    found = prepared(client, environment)
    assert found == Image(image_id, "python", BASE, image_id, False, size, python=found.python)
    assert found.python.startswith("3.11.")


def test_an_image_without_packages_is_used_as_it_is_and_that_is_said(client: docker.DockerClient) -> None:
    environment = Environment("no-packages")
    environment.docker.base_image = BASE
    (note,) = check_environment(client, environment._to_spec())
    assert note.startswith(f"No packages are asked for, so the Python of {BASE} is used as it is")
    assert prepared(client, environment).reference == client.images.get(BASE).id


def test_the_default_environment_is_the_default_base(client: docker.DockerClient) -> None:
    log = BuildLog()
    image = prepared(client, Environment("nothing-said"), log)
    assert (image.name, image.built, log.text) == ("python:3.11-slim", False, "")


def test_a_dockerfile_is_built_once_and_then_found(client: docker.DockerClient, name: str, builder: str) -> None:
    marker = uuid.uuid4().hex
    environment = dockerfile_environment(name, f"FROM {BASE}\nRUN echo the-{marker} && echo {marker} > /built\n")
    assert check_environment(client, environment._to_spec()) == []
    log = BuildLog()
    image = prepared(client, environment, log)
    assert (image.built, image.interpreter, image.name.partition(":")[0]) == (True, "python", f"amltrain/{name}")
    assert f"the-{marker}" in log.text.replace(f"echo the-{marker}", "")
    assert any(f"building environment '{name}'" in phase and "RUN echo" in phase for phase in log.phases)
    last = {step.key: step for step in log.steps}
    shown = sorted((step.name, step.state) for step in last.values() if not step.name.startswith("exporting"))
    # Sorted, for BuildKit tells of a RUN step now and then before the FROM that it stands on.
    assert shown == [(f"FROM {BASE}", "cached"), (f"RUN echo the-{marker} && echo {marker} > /built", "done")]
    assert any(step.state == "running" and step.tail == (f"the-{marker}",) for step in log.steps)
    assert output(client, image, "cat", "/built") == f"{marker}\n"
    labels = client.images.get(image.reference).labels
    assert labels["amltrain.environment"] == name
    assert labels["amltrain.home"] == home_id()
    assert labels["amltrain.fingerprint"].startswith(image.name.rpartition(":")[2])

    again = BuildLog()
    same = dockerfile_environment(
        name, f"# a comment\nfrom {BASE}\n\nRUN echo the-{marker} \\\n && echo {marker} > /built"
    )
    found = prepared(client, same, again)
    assert (found.reference, found.built, again.text, again.phases) == (image.reference, False, "", [])


def test_the_same_content_under_another_name_is_found(client: docker.DockerClient, name: str) -> None:
    text = f"FROM {BASE}\nRUN echo {uuid.uuid4().hex}\n"
    first = prepared(client, dockerfile_environment(name, text))
    second = prepared(client, dockerfile_environment(f"{name}-Other name", text))
    assert (second.reference, second.built) == (first.reference, False)
    assert second.name.startswith(f"amltrain/{name}-other-name:")


def test_the_folder_of_a_dockerfile_is_its_context(client: docker.DockerClient, name: str, folder: Path) -> None:
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nCOPY data/*.txt /data/\nCOPY . /all/\n")
    (folder / ".dockerignore").write_text("*.bin\n")
    (folder / "data").mkdir()
    (folder / "data" / "a.txt").write_text("one")
    (folder / "big.bin").write_text("x")
    environment = Environment(name)
    environment.docker.base_dockerfile = folder / "Dockerfile"  # type: ignore[assignment]
    environment.python.user_managed_dependencies = True

    first = prepared(client, environment)
    assert output(client, first, "cat", "/data/a.txt") == "one"
    assert output(client, first, "ls", "-A", "/all") == ".dockerignore\nDockerfile\ndata\n"
    (folder / "big.bin").write_text("changed, but ignored")
    assert not prepared(client, environment).built
    (folder / "data" / "a.txt").write_text("two")
    second = prepared(client, environment)
    assert (second.built, output(client, second, "cat", "/data/a.txt")) == (True, "two")


def test_pip_requirements_get_an_environment_of_their_own(client: docker.DockerClient, name: str, builder: str) -> None:
    environment = parse_cell("six==1.16.0\nidna\n").environment(name)
    environment.docker.base_image = BASE
    log = BuildLog()
    image = prepared(client, environment, log)
    assert f"Installing 2 packages with uv on {BASE} (isolated)." in log.text
    program = "import six, sys; print(six.__version__, sys.prefix)"
    assert output(client, image, image.interpreter, "-c", program) == "1.16.0 /opt/amltrain/env\n"
    left = output(client, image, "sh", "-c", "ls -A /run/amltrain /root/.cache/uv 2>/dev/null | grep -v : ; true")
    assert left.strip() == ""
    assert client.images.list(filters={"label": f"amltrain.stage={image.name}"}) == []

    again = BuildLog()
    reordered = parse_cell("idna  # a comment\nSix == 1.16.0\n").environment(name)
    reordered.docker.base_image = BASE
    found = prepared(client, reordered, again)
    assert (found.reference, found.built, again.text) == (image.reference, False, "")


def test_packages_on_top_of_a_dockerfile(client: docker.DockerClient, name: str) -> None:
    environment = dockerfile_environment(name, f"FROM {BASE}\nRUN echo {name} > /below\nUSER 1000\n")
    environment.python.user_managed_dependencies = False
    assert environment.python.conda_dependencies is not None
    environment.python.conda_dependencies.set_pip_requirements(["six"])
    image = prepared(client, environment)
    assert output(client, image, "sh", "-c", "cat /below && id -u && python -c 'import six'") == f"{name}\n1000\n"


@pytest.fixture
def unnamed(client: docker.DockerClient) -> Iterator[str]:
    """The id of an image that has no name."""
    container = client.containers.create(BASE, ["true"])
    image = container.commit()
    container.remove()
    assert not image.tags
    yield str(image.id)
    with contextlib.suppress(docker.errors.ImageNotFound):  # the classic builder's images took it with them
        client.images.remove(str(image.id), force=True)


def test_an_image_by_its_id_is_built_on(client: docker.DockerClient, unnamed: str, name: str, builder: str) -> None:
    """Packages on it, and a Dockerfile from it that copies from another by its id."""
    packages = parse_cell("six").environment(name)
    packages.docker.base_image = unnamed
    image = prepared(client, packages)
    assert output(client, image, image.interpreter, "-c", "import six; print('six')") == "six\n"
    other = client.images.get(BASE).id
    text = f"ARG START={unnamed}\nFROM $START\nCOPY --from={other} /etc/os-release /copied\nRUN echo {name} > /built\n"
    image = prepared(client, dockerfile_environment(name, text))
    assert output(client, image, "sh", "-c", "cat /built && test -s /copied").startswith(name)
    assert not prepared(client, dockerfile_environment(name, text)).built


@pytest.fixture
def packages_base(client: docker.DockerClient) -> Iterator[str]:
    """An image of an ordinary user whose Python has six and an idna.

    Ask for it before ``name``: what is made from it has to be removed first.
    """
    made = f"base-{uuid.uuid4().hex[:8]}"
    text = (
        f"FROM {BASE}\nRUN pip install --break-system-packages six==1.16.0 idna==3.6\n"
        f"RUN mkdir /home/app && chown 1000:1000 /home/app && echo {made} > /made\nENV HOME=/home/app\nUSER 1000\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMLTRAIN_BUILDER", "buildkit")
        image_id = prepared(client, dockerfile_environment(made, text)).reference
    client.images.get(image_id).tag(made, "1")
    yield f"{made}:1"
    for image in client.images.list(filters={"label": f"amltrain.environment={made}"}):
        client.images.remove(image.id, force=True)


def layered_environment(name: str, base: str, *packages: str) -> Environment:
    environment = parse_cell("\n".join(packages)).environment(name)
    environment.docker.base_image = base
    environment.python.layered = True
    return environment


def test_layered_and_isolated_packages(
    client: docker.DockerClient, packages_base: str, name: str, builder: str
) -> None:
    """Layered: what the image has stays, a newer version replaces the old one wholly, and nothing of ours is left."""
    see = (
        "import importlib.metadata as m, sys; print(sys.prefix, sorted((d.metadata['Name'], d.version) for d in"
        " m.distributions() if d.metadata['Name'] in ('six', 'packaging', 'idna')))"
    )
    environment = layered_environment(name, packages_base, "packaging==24.0", "idna==3.7")
    log = BuildLog()
    image = prepared(client, environment, log)
    assert f"Installing 2 packages with uv on {packages_base} (layered)." in log.text
    assert output(client, image, "python", "-c", see) == (
        "/usr [('idna', '3.7'), ('packaging', '24.0'), ('six', '1.16.0')]\n"
    )
    assert output(client, image, "python", "-c", "import six, packaging, idna") == ""
    left = output(client, image, "sh", "-c", "id -u; ls -A /home/app /run/amltrain 2>/dev/null; true")
    assert left.replace("/run/amltrain:\n", "").split() == ["1000", "/home/app:"]
    assert client.images.list(filters={"label": f"amltrain.stage={image.name}"}) == []

    environment.python.layered = False
    isolated = prepared(client, environment)
    assert isolated.reference != image.reference
    assert output(client, isolated, "python", "-c", see) == (
        "/opt/amltrain/env [('idna', '3.7'), ('packaging', '24.0')]\n"
    )


def test_layers_keep_what_debian_installed(client: docker.DockerClient, packages_base: str, name: str) -> None:
    """uv does not look where Debian puts packages: it would install another toml over that one."""
    text = (
        f"FROM {packages_base}\nUSER root\nWORKDIR /usr/lib/python3/dist-packages\n"
        "RUN mkdir toml-0.10.1.dist-info && echo theirs=1 > toml.py\n"
        "RUN printf 'Metadata-Version: 2.1\\nName: toml\\nVersion: 0.10.1\\n' > toml-0.10.1.dist-info/METADATA\n"
    )
    base = prepared(client, dockerfile_environment(name, text))
    log = BuildLog()
    image = prepared(client, layered_environment(name, base.name, "toml", "iniconfig"), log)
    assert "The image has packages where uv does not look (toml): pip installs." in log.text
    assert output(client, image, "python", "-c", "import iniconfig, toml; print(toml.theirs)") == "1\n"


def test_layers_are_refused_for_another_python(client: docker.DockerClient, name: str) -> None:
    environment = layered_environment(name, BASE, "iniconfig")
    assert environment.python.conda_dependencies is not None
    environment.python.conda_dependencies.set_python_version("3.8.13")
    with pytest.raises(ImageBuildException, match=r"Python 3\.8 is asked for, .* which is another: 3\.11\."):
        prepared(client, environment)


def test_what_cannot_be_layered_is_refused_at_submit(client: docker.DockerClient) -> None:
    environment = layered_environment("refused", BASE, "six")
    environment.python.user_managed_dependencies = True
    with pytest.raises(UserErrorException, match="Set one of the two to False"):
        check_environment(client, environment._to_spec())
    environment.python.user_managed_dependencies = False
    assert environment.python.conda_dependencies is not None
    environment.python.conda_dependencies.add_conda_package("scipy")
    with pytest.raises(UserErrorException, match=r"Only pip packages can be layered .* conda's: scipy\."):
        check_environment(client, environment._to_spec())


def test_a_base_that_moved_is_said_and_built_on_when_asked(client: docker.DockerClient, name: str) -> None:
    """Also under another name, and for packages on the Dockerfile; the image of older runs stays."""

    def base(content: str) -> str:
        image = prepared(client, dockerfile_environment(name, f"FROM {BASE}\nRUN echo {content} > /content\n"))
        client.images.get(image.reference).tag(f"{name}-base", "1")
        return image.reference.removeprefix("sha256:")[:12]

    environment = dockerfile_environment(name, f"FROM {name}-base:1\nRUN cp /content /copied\n")
    other = dockerfile_environment(f"{name} other", f"FROM {name}-base:1\nRUN cp /content /copied\n")
    old_base = base("old")
    try:
        old = prepared(client, environment)
        assert not prepared(client, other).built
        new_base = base("new")
        log = BuildLog()
        kept = prepared(client, environment, log)
        (note,) = kept.notes
        assert note == (
            f"{name}-base:1 is another image now ({old_base} → {new_base}); the image that was built before is used."
            " --rebuild builds on the new one."
        )
        assert note in log.text
        assert (kept.reference, kept.built, kept.name) == (old.reference, False, old.name)

        changed = dockerfile_environment(name, f"FROM {name}-base:1\nRUN cp /content /copied && true\n")
        assert (prepared(client, changed).built, prepared(client, changed).notes) == (True, ())

        log = BuildLog()
        new = prepared(client, environment, log, renew=REBUILD)
        assert f"{name}-base:1 was not pulled again, the one on this engine is used: " in log.text
        assert [output(client, image, "cat", "/copied") for image in (old, new)] == ["old\n", "new\n"]
        for again in (prepared(client, environment), prepared(client, other)):
            assert (again.reference, again.built, again.notes) == (new.reference, False, ())
    finally:
        client.images.remove(f"{name}-base:1", noprune=True)


def test_a_rebuild_makes_everything_anew_under_the_same_name(
    client: docker.DockerClient, name: str, builder: str
) -> None:
    environment = dockerfile_environment(name, f"FROM {BASE}\nRUN cat /proc/sys/kernel/random/uuid > /built\n")
    first = prepared(client, environment)
    under_another_name = prepared(
        client, dockerfile_environment(f"{name}-other", str(environment.docker.base_dockerfile))
    )
    second = prepared(client, environment, renew=REBUILD)
    assert (second.name, second.built) == (first.name, True)
    assert output(client, first, "cat", "/built") != output(client, second, "cat", "/built")
    assert client.images.get(under_another_name.name).id == second.reference
    assert prepared(client, environment).reference == second.reference


def test_an_image_that_somebody_built_on_ours_is_not_taken_for_it(client: docker.DockerClient, name: str) -> None:
    text = f"FROM {BASE}\nRUN echo {name} > /built\n"
    ours = prepared(client, dockerfile_environment(name, text))
    theirs, _ = client.images.build(
        fileobj=io.BytesIO(f"FROM {ours.name}\nENV THEIRS=1\n".encode()), tag=f"{name}-theirs:1", rm=True
    )
    try:
        client.images.remove(ours.name, force=True)
        assert theirs.labels["amltrain.fingerprint"].startswith(ours.name.rpartition(":")[2])
        again = prepared(client, dockerfile_environment(name, text))
        assert (again.built, again.reference != theirs.id) == (True, True)
    finally:
        client.images.remove(f"{name}-theirs:1", force=True)


def test_a_failing_step_is_named_with_its_line_and_last_lines(
    client: docker.DockerClient, name: str, builder: str
) -> None:
    text = f"FROM {BASE}\n\n# comment\nRUN echo {name} && \\\n    echo the cause; exit 3\nRUN true\n"
    with pytest.raises(ImageBuildException) as failed:
        prepared(client, dockerfile_environment(name, text))
    assert failed.value.message == (
        f"The build of environment '{name}' failed at Dockerfile line 4, `RUN echo {name} && \\`: the command ended"
        f" with exit code 3.\nIts last lines:\n    {name}\n    the cause"
    )
    assert client.images.list(filters={"label": f"amltrain.environment={name}"}) == []


def test_a_package_that_does_not_exist_fails_with_the_installers_words(client: docker.DockerClient, name: str) -> None:
    environment = parse_cell("no-such-package-amltrain-5e1f\n").environment(name)
    with pytest.raises(ImageBuildException, match="no-such-package-amltrain-5e1f was not found"):
        prepared(client, environment)


def test_a_missing_file_of_the_context_is_named(client: docker.DockerClient, name: str, folder: Path) -> None:
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nCOPY missing.txt /\n")
    environment = Environment(name)
    environment.docker.base_dockerfile = folder / "Dockerfile"  # type: ignore[assignment]
    log = BuildLog()
    with pytest.raises(UserErrorException, match=r"line 2 copies 'missing\.txt', which is not there"):
        prepared(client, environment, log)
    assert log.text == ""  # nothing was pulled or built for it


def test_a_build_is_canceled(client: docker.DockerClient, name: str, builder: str) -> None:
    """The step would run for ten minutes; that the test ends shows that nobody waits for it."""
    environment = dockerfile_environment(name, f"FROM {BASE}\nRUN echo started-{name}-$((1+1)) && sleep 600\n")
    log = BuildLog(cancel_at=f"started-{name}-2")
    with pytest.raises(CanceledException):
        prepared(client, environment, log)
    assert client.images.list(filters={"label": f"amltrain.environment={name}"}) == []


def test_the_interpreter_is_looked_up_without_running_the_image(
    client: docker.DockerClient, name: str, amltrain_home: Path
) -> None:
    text = f'FROM {BASE}\nENV PATH=/own\nRUN ["/bin/mkdir", "/own"]\n'
    none = prepared(client, dockerfile_environment(name, text))
    only3 = prepared(client, dockerfile_environment(name, text + 'RUN ["/bin/cp", "/usr/bin/python3", "/own/"]\n'))
    assert [image.interpreter for image in (none, only3)] == ["", "python3"]
    assert find_interpreter(client, none.reference, "/usr/bin/python3") == "/usr/bin/python3"
    assert find_interpreter(client, none.reference, "python3.1") == ""
    known = json.loads((amltrain_home / "interpreters.json").read_text())
    assert known[f"{only3.reference} python"] == "python3"
    for image in (none, only3):
        assert client.containers.list(all=True, filters={"label": "amltrain.probe", "ancestor": image.reference}) == []


def test_an_interpreter_path_that_the_image_lacks_is_refused(client: docker.DockerClient) -> None:
    environment = Environment("x")
    environment.docker.base_image = BASE
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = "/opt/conda/bin/python"
    with pytest.raises(UserErrorException, match="has no interpreter /opt/conda/bin/python"):
        prepared(client, environment)


def test_packages_need_a_base_with_python(client: docker.DockerClient, name: str) -> None:
    environment = dockerfile_environment(name, f"FROM {BASE}\nENV PATH=/nowhere\n")
    environment.python.user_managed_dependencies = False
    assert environment.python.conda_dependencies is not None
    environment.python.conda_dependencies.set_pip_requirements(["six"])
    with pytest.raises(ImageBuildException, match="has no Python to install packages for"):
        prepared(client, environment)


def test_what_cannot_be_built_is_refused_at_submit(client: docker.DockerClient) -> None:
    environment = parse_cell("FROM python-base:1\nCOPY a b\n").environment("x")
    with pytest.raises(UserErrorException, match="has no folder to copy from"):
        check_environment(client, environment._to_spec())


def test_an_engine_that_does_not_answer_is_said(tmp_path: Path) -> None:
    client = docker.DockerClient(base_url=f"unix://{tmp_path}/none.sock", version="1.41")
    with pytest.raises(EngineUnavailableException, match="does not answer"):
        check_environment(client, Environment("x")._to_spec())
    client.close()


@pytest.fixture
def registry() -> Iterator[Callable[[int, str], str]]:
    """Starts a registry on this machine and gives its address.

    It answers every question with one status and code; status 0 does not answer.
    """
    servers: list[ThreadingHTTPServer] = []
    over = threading.Event()

    def start(status: int, code: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                if status == 0:
                    over.wait()
                body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
                is_ping = self.path == "/v2/" and status != 401
                self.send_response(200 if is_ping else status)
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="test"')
                self.send_header("Content-Type", "application/json")
                self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_GET = do_HEAD = answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_port}"

    yield start
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "act", [lambda client, env: check_environment(client, env._to_spec(), env._secrets()), prepared]
)
def test_what_a_registry_answers_is_told_apart(
    client: docker.DockerClient,
    registry: Callable[[int, str], str],
    act: Callable[[docker.DockerClient, Environment], object],
) -> None:
    def refusal(kind: type[Exception], address: str, username: str = "") -> str:
        environment = Environment("x")
        environment.docker.base_image = f"{address}/team/image:1"
        environment.python.user_managed_dependencies = True
        environment.docker.base_image_registry.address = address
        environment.docker.base_image_registry.username = username or None
        environment.docker.base_image_registry.password = PASSWORD if username else None
        with pytest.raises(kind) as refused:
            act(client, environment)
        message: str = refused.value.message  # type: ignore[attr-defined]
        assert PASSWORD not in message
        assert f"{address}/team/image:1" in message
        return message

    assert "wants credentials" in refusal(RegistryException, registry(401, "UNAUTHORIZED"))
    assert "refuses the user 'me'" in refusal(RegistryException, registry(401, "UNAUTHORIZED"), "me")
    missing = refusal(ImageNotFoundException, registry(404, "MANIFEST_UNKNOWN"))
    assert "docker load -i FILE.tar" in missing
    assert "docker tag IMAGE" in missing
    assert "cannot be reached" in refusal(RegistryException, "127.0.0.1:9")


def test_a_pull_from_a_registry_that_does_not_answer_is_canceled(
    client: docker.DockerClient, registry: Callable[[int, str], str]
) -> None:
    environment = Environment("x")
    environment.docker.base_image = f"{registry(0, '')}/team/image:1"
    with pytest.raises(CanceledException):
        prepared(client, environment, BuildLog(cancel_at="Pulling "))


def test_a_context_that_cannot_be_read_is_said(client: docker.DockerClient, folder: Path) -> None:
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nCOPY data /data\n")
    environment = Environment("x")
    environment.docker.base_dockerfile = folder / "Dockerfile"  # type: ignore[assignment]
    folder.rename(folder.with_name("moved"))
    with pytest.raises(UserErrorException, match="build context .* cannot be read"):
        prepared(client, environment)


def test_credentials_left_over_for_another_registry_are_not_used(client: docker.DockerClient) -> None:
    environment = dockerfile_environment("x", f"FROM {BASE}\n")
    environment.docker.base_image_registry.address = "r.example.com"
    environment.docker.base_image_registry.username = "me"
    environment.docker.base_image_registry.password = PASSWORD
    (note,) = check_environment(client, environment._to_spec(), environment._secrets())
    assert note == f"The registry credentials for r.example.com are not used: {BASE} comes from docker.io."


def test_no_secret_and_no_host_setting_stays_in_an_image(
    client: docker.DockerClient, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, builder: str
) -> None:
    monkeypatch.setenv("PIP_TRUSTED_HOST", "host-setting.example.com")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    environment = Environment(name)
    environment.docker.base_image = BASE
    environment.docker.base_image_registry.password = PASSWORD
    assert environment.python.conda_dependencies is not None
    environment.python.conda_dependencies.set_pip_requirements(
        ["six", f"--find-links https://user:{PASSWORD}@127.0.0.1:9/simple"]
    )
    log = BuildLog()
    with pytest.raises(ImageBuildException) as failed:  # nobody answers there
        prepared(client, environment, log)
    assert PASSWORD not in failed.value.message + log.text + "".join(log.phases)

    (folder / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . /context\nRUN env | sort > /seen\n")
    environment = Environment(name)
    environment.docker.base_dockerfile = folder / "Dockerfile"  # type: ignore[assignment]
    environment.python.user_managed_dependencies = True
    image = prepared(client, environment)
    seen = output(client, image, "cat", "/seen")
    assert ("host-setting.example.com" in seen) == (builder == "buildkit")
    info = client.images.get(image.reference)
    assert "host-setting" not in json.dumps([info.attrs, info.history()])
    left = output(
        client, image, "sh", "-c", "env; ls -A /context /run/amltrain; grep -r host-setting /etc /context; true"
    )
    assert "host-setting" not in left
    assert left.partition("/context:\n")[2] in ("Dockerfile\n", "Dockerfile\n\n/run/amltrain:\n")
