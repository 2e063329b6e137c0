"""Listing and deleting, on real engines: what is asked for goes, and nothing else."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError

from engine.daemon import DockerDaemon, short_folder
from engine.images import load_base_image
from engine.preparation import BuildLog
from engine.shared import cache_folder
from jupyter_amltrain import Environment, Experiment, RunConfiguration, ScriptRunConfig, Workspace
from jupyter_amltrain.disk.items import DiskItem
from jupyter_amltrain.engines import stored
from jupyter_amltrain.engines.protocol import BUILD_CACHE, IMAGE, NAMELESS, VIRTUALENV, Image
from jupyter_amltrain.engines.registry import get_engine
from jupyter_amltrain.environment.builder.lock import free
from jupyter_amltrain.runs.lock import RunLock
from jupyter_amltrain.runs.supervision import Supervision
from jupyter_amltrain.submission import unneeded
from jupyter_amltrain.submission.snapshot import take_snapshot, write_snapshot

BLOB_BYTES = 20_000_000


@pytest.fixture(scope="module")
def own_daemon() -> Iterator[DockerDaemon]:
    """A Docker engine for these tests alone, since they delete things on it."""
    daemon = DockerDaemon(short_folder())
    daemon.start()
    yield daemon
    daemon.destroy()


@pytest.fixture
def daemon(own_daemon: DockerDaemon, monkeypatch: pytest.MonkeyPatch) -> DockerDaemon:
    """The same with nothing on it but the base image, and used by the package."""
    own_daemon.remove_containers()
    load_base_image(own_daemon, cache_folder())
    with own_daemon.client() as client:
        while others := [image for image in client.images.list() if "python-base:1" not in image.tags]:
            for image in others:
                with suppress(APIError):  # another one stands on it
                    client.images.remove(image.id, force=True)
        client.api.prune_builds(all=True)
    monkeypatch.setenv("DOCKER_HOST", own_daemon.url)
    return own_daemon


@pytest.fixture
def workspace(amltrain_home: Path) -> Workspace:
    return Workspace.create("tests", show_output=False)


def blob(name: str, size: int = BLOB_BYTES) -> Environment:
    """An environment whose image has so many bytes of its own."""
    environment = Environment(name)
    environment.docker.base_dockerfile = f"FROM python-base:1\nRUN head -c {size} /dev/urandom > /blob\n"
    return environment


def built(environment: Environment, engine: str = "docker") -> Image:
    return get_engine(engine).prepare(environment._to_spec(), BuildLog())


def items(workspace: Workspace, kind: str) -> list[DiskItem]:
    return [item for item in workspace.disk_usage().items if item.kind == kind]


def names(things: tuple[DiskItem, ...]) -> list[str]:
    return [item.name for item in things]


def disk_use(folder: Path) -> int:
    done = subprocess.run(["du", "-sb", str(folder / "data")], check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.split()[0])


def image_ids(client: docker.DockerClient) -> set[str]:
    return {image.id for image in client.images.list(all=True)}


def records(client: docker.DockerClient, text: str) -> list[dict[str, Any]]:
    return [record for record in client.api.df()["BuildCache"] or () if text in record["Description"]]


def run_in(workspace: Workspace, environment: Environment, source: Path, script: str, target: str = "node") -> Any:
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(script)
    workspace.store.save_target(target, {"type": "AmlCompute", "engine": "docker", "max_nodes": 4})
    config = RunConfiguration()
    config.environment, config.target = environment, target
    return Experiment(workspace, "disk").submit(ScriptRunConfig(str(source), script="train.py", run_config=config))


def test_only_what_is_asked_goes(
    daemon: DockerDaemon,
    workspace: Workspace,
    amltrain_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = blob("pets").register(workspace), blob("birds", 1_000_000).register(workspace)
    image = built(first)
    kept = built(second)
    run = run_in(workspace, first, tmp_path / "source", "print('hello')")
    run.wait_for_completion()

    with daemon.client() as client:
        # What other tools have: images, one on top of ours, a nameless one, containers, and build cache.
        client.images.get("python-base:1").tag("theirs", "1")
        on_ours, _ = client.images.build(
            fileobj=io.BytesIO(f"FROM {kept.name}\nENV A=1\n".encode()), tag="theirs:2", rm=True
        )
        nameless, _ = client.images.build(fileobj=io.BytesIO(f"FROM {kept.name}\nENV A=2\n".encode()), rm=True)
        container = client.containers.create("theirs:1", ["true"], labels={"theirs": "1"})
        _cached_by_others(client)
        # What another person with this package has.
        monkeypatch.setenv("AMLTRAIN_HOME", str(tmp_path / "another-home"))
        foreign = built(blob("pets", 500_000))
        monkeypatch.setenv("AMLTRAIN_HOME", str(amltrain_home))

        listed = {item.key: item for item in items(workspace, IMAGE)}
        assert {*listed} == {image.reference, kept.reference, foreign.reference}
        pets = listed[image.reference]
        assert (pets.runs, [str(version) for version in pets.environments], pets.keep) == ((run.id,), ["pets:1"], "")
        assert pets.own_bytes is not None
        assert BLOB_BYTES <= pets.own_bytes < 1.01 * BLOB_BYTES < pets.size_bytes
        assert (pets.ours, listed[foreign.reference].ours) == (True, False)
        assert [item.key for item in items(workspace, NAMELESS)] == [nameless.id]

        before, others = disk_use(daemon.folder), image_ids(client) - {image.reference}
        theirs = len(records(client, "theirs"))
        assert workspace.prune("pets", dry_run=True).deleted is False
        assert workspace.prune(unused=True).deleted is False  # all is in use, or not ours
        assert image_ids(client) == {*others, image.reference}

        done = workspace.prune("pets")
        assert names(done.chosen) == [image.name, f"of {image.name}"]  # with what its jobs compiled
        assert done.freed_bytes is not None
        assert BLOB_BYTES <= done.freed_bytes <= before - disk_use(daemon.folder) + 100_000
        assert image_ids(client) == others
        assert {on_ours.id, nameless.id, foreign.reference} <= others
        assert client.containers.get(container.id).status == "created"
        assert theirs == len(records(client, "theirs")) == 1

        # By name what is another home's stays, by id what nobody knows whose it is goes.
        done = workspace.prune(foreign.name, nameless.id)
        assert [item.keep for item in done.kept] == ["another home folder on this engine made it"]
        assert image_ids(client) == others - {nameless.id}

        # The environment stays, and so does what the run knows.
        assert workspace.get_run(run.id).get_status() == "Completed"
        assert workspace.store.run(run.id).image["digest"] == image.digest
        assert built(Environment.get(workspace, "pets")).built

        assert workspace.prune("pets", build_cache=True).chosen
        assert records(client, "/run/amltrain/settings.sh && head -c 20") == []
        assert theirs == len(records(client, "theirs"))


def _cached_by_others(client: docker.DockerClient) -> None:
    body = b"FROM python-base:1\nRUN echo theirs > /theirs\n"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(body)
        tar.addfile(info, io.BytesIO(body))
    api: Any = client.api
    url = api._url("/build")
    answer = api._post(url, data=file.getvalue(), params={"version": "2", "t": "theirs:3", "networkmode": "host"})
    assert "theirs:3" in answer.text
    client.images.remove("theirs:3")


def test_what_is_in_use_stays(
    daemon: DockerDaemon, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pets = blob("pets", 1000).register(workspace)
    image = built(pets)
    other = Workspace.create("other", show_output=False)
    run = run_in(
        workspace, pets, tmp_path / "source", "import os, time\nwhile not os.path.exists('go'): time.sleep(.05)"
    )
    done = workspace.prune("pets")
    assert [(item.name, item.keep) for item in done.kept] == [(image.name, f"the run {run.id} is not over")]
    # Queued runs have no image yet; what their environment leads to is theirs.
    workspace.store.save_target("node", {"type": "AmlCompute", "engine": "docker", "max_nodes": 1})
    waiting = run_in(workspace, pets, tmp_path / "source", "print(1)", target="node")
    run.cancel()
    run.wait_for_completion(raise_on_error=False)
    waiting.wait_for_completion()

    pets.register(other)
    done = workspace.prune("pets")
    assert [item.keep for item in done.kept] == ["the environment pets:1 of the workspace other has it too"]
    other.delete()
    with daemon.client() as client:
        client.images.get(image.name).tag("mine", "1")
        assert "docker rmi mine:1" in workspace.prune("pets").kept[0].keep
        client.images.remove("mine:1")
        holder = client.containers.create(image.name, ["true"])
        assert workspace.prune("pets").kept[0].keep == f"the container {holder.name} uses it"
        holder.remove()
    assert names(workspace.prune("pets").chosen)[0] == image.name


def test_a_prune_that_is_killed_can_be_done_again(
    daemon: DockerDaemon, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pets = blob("pets", 1_000_000).register(workspace)
    image = built(pets)
    with monkeypatch.context() as patch:
        patch.setattr(stored, "_drop_records", _die)  # the image is gone, its layers are still the builder's
        with pytest.raises(SystemExit):
            workspace.prune("pets")
    assert items(workspace, IMAGE) == []
    (cache,) = items(workspace, BUILD_CACHE)
    assert cache.size_bytes >= 1_000_000
    again = built(pets)
    assert again.built
    assert again.name == image.name
    done = workspace.prune("pets")
    assert done.freed_bytes is not None
    assert done.freed_bytes >= 1_000_000
    assert workspace.prune("pets").chosen == ()


def _die(*arguments: object) -> None:
    raise SystemExit


def test_a_run_whose_image_goes_at_the_last_moment_gets_a_new_one(
    daemon: DockerDaemon, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pets = blob("pets", 1000).register(workspace)
    monkeypatch.setattr("jupyter_amltrain.submission.submit.start_supervisor", lambda *arguments: None)
    run = run_in(workspace, pets, tmp_path / "source", "print('hello')")
    engine, deleted = get_engine("docker"), []
    start = engine.start

    def start_too_late(job: Any) -> Any:
        if not deleted:
            with daemon.client() as client:
                client.images.remove(job.image)
            deleted.append(job.image)
        return start(job)

    monkeypatch.setattr(engine, "start", start_too_late)
    folder = workspace.run_folder(run.id)
    lock = RunLock(folder / "supervisor.lock")
    assert lock.acquire()
    Supervision(workspace.store, folder, workspace.store.run(run.id), {}).run_to_end()
    lock.release()
    assert workspace.store.run(run.id).status == "Completed"
    assert "preparing it again" in (folder / "azureml-logs/60_control_log.txt").read_text()


def test_on_podman(podman_host: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", podman_host)
    pets = blob("pets", 1000).register(workspace)
    image = built(pets)
    client = docker.DockerClient(base_url=podman_host)
    try:
        client.images.get("python-base:1").tag("theirs", "1")
        (item,) = [item for item in items(workspace, IMAGE) if item.key == image.reference]
        assert ([str(version) for version in item.environments], item.ours, item.own_bytes) == (["pets:1"], True, None)
        done = workspace.prune("pets")
        assert [item.key for item in done.chosen] == [image.reference]
        assert (done.deleted, done.freed_bytes) == (True, None)
        assert not [item for item in items(workspace, IMAGE) if item.key == image.reference]
        client.images.remove("theirs:1")
        client.images.get("python-base:1")
    finally:
        client.close()


def test_virtual_environments(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    monkeypatch.setenv("AMLTRAIN_ENGINE", "local")
    environment = Environment("six")
    environment.python.conda_dependencies.add_pip_package("six")
    image = built(environment.register(workspace), "local")
    folder = Path(image.reference)
    usage = workspace.disk_usage()
    assert "Images are not listed" in usage.notes[0]
    (item,) = [item for item in usage.items if item.kind == VIRTUALENV]
    assert ([str(version) for version in item.environments], item.keep) == (["six:1"], "")
    assert 0 < (item.own_bytes or 0) <= item.size_bytes
    with free(folder.with_suffix(".lock")) as alone:
        assert alone
        assert workspace.prune("six").kept[0].keep == "it is being made right now"
    assert workspace.prune("six", unused=True, older_than="1d").chosen == (item,)
    assert not folder.exists()
    assert built(environment, "local").built


def test_runs_that_are_submitted_meanwhile_keep_their_files(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots that nobody needs are deleted over and over, while runs are submitted that have the same files."""
    monkeypatch.setattr(unneeded, "YOUNG_S", -1)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    monkeypatch.setenv("AMLTRAIN_ENGINE", "scripted")
    monkeypatch.setattr("jupyter_amltrain.submission.submit.start_supervisor", lambda *arguments: None)
    workspace.store.save_target("node", {"type": "AmlCompute", "engine": "scripted", "max_nodes": 1000})
    config = RunConfiguration()
    config.target, config.command = "node", ["play"]
    source = tmp_path / "source"
    source.mkdir()
    over, deleted, failures = threading.Event(), [], []

    def delete() -> None:
        try:
            while not over.is_set():
                deleted.append(bool(workspace.prune(unused=True).chosen))
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    worker = threading.Thread(target=delete)
    worker.start()
    runs = []
    try:
        for number in range(60):
            (source / "a").write_text(str(number % 3))
            (source / "b").write_text(str(number % 4))
            unneeded_too = Path(source / "c")
            unneeded_too.write_text(str(number))
            take_snapshot(source, workspace.objects, workspace.folder / "cache")  # no run's
            unneeded_too.unlink()
            asked = ScriptRunConfig(str(source), command=["play"], run_config=config)
            runs.append(Experiment(workspace, "disk").submit(asked))
    finally:
        over.set()
        worker.join()
    assert not failures
    assert any(deleted), "nothing was ever deleted"
    for number, run in enumerate(runs):
        copy = tmp_path / f"copy-{number}"
        write_snapshot(run.get_snapshot_id(), workspace.objects, copy)
        assert sorted(os.listdir(copy)) == ["a", "b"]
