"""What lies behind an address is downloaded once for all runs that read it, whoever is killed over it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain import Dataset, Datastore, Environment, Experiment, ScriptRunConfig, Workspace
from jupyter_amltrain.data.downloads import forget_unused, provide, storages
from jupyter_amltrain.data.places import files_of
from jupyter_amltrain.disk.items import DATA
from jupyter_amltrain.errors import UserErrorException
from jupyter_amltrain.home import home_folder
from other_http import served_folder
from runs.conftest import driver_log, kill_supervisor, set_target, wait_for_end, wait_until

from .s3_server import S3Server

READS = """
import os, pathlib, sys, time
top = pathlib.Path(sys.argv[1])
for path in [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file()):
    try:
        path.open("a").close()
        can = "writable"
    except OSError:
        can = "read-only"
    print(path.name, path.stat().st_size, path.read_text()[:3], can, path.stat().st_ino)
print("read", flush=True)
while len(sys.argv) > 2 and not pathlib.Path("go").exists():
    time.sleep(0.02)
"""

A_DAY_S = 86400.0


@pytest.fixture
def bucket(s3: S3Server, workspace: Workspace) -> Datastore:
    """A bucket with ``big.bin`` and ``deep/small.txt`` in ``all``, as a datastore."""
    files = s3.files()
    files.mkdir("pets")
    files.pipe({"pets/all/big.bin": b"b" * 3_000_000, "pets/all/deep/small.txt": b"small"})
    return Datastore.register_address(
        workspace,
        "bucket",
        "s3://pets/all",
        endpoint_url=s3.address,
        key="env:TEST_S3_KEY",
        secret="env:TEST_S3_SECRET",
    )


Reading = Callable[..., str]


@pytest.fixture
def reading(workspace: Workspace, environment: Environment, tmp_path: Path) -> Reading:
    """Submits a script that tells what it finds in its data; returns the id of its run."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train.py").write_text(READS)

    def submitted(*arguments: Any) -> str:
        config = ScriptRunConfig(
            tmp_path / "source",
            "train.py",
            arguments=list(arguments),
            compute_target="docker-target",
            environment=environment,
        )
        return Experiment(workspace, "data").submit(config).id

    return submitted


def told(workspace: Workspace, run_id: str) -> list[list[str]]:
    """What the script of a run found: of each file name, size, beginning, whether it can be written, and its number."""
    assert wait_for_end(workspace, run_id) == "Completed", workspace.store.run(run_id).error
    return [line.split() for line in driver_log(workspace, run_id).decode().splitlines()[:-1]]


def kept() -> list[Path]:
    return sorted(path for path in (home_folder() / "downloads").glob("*/*") if path.is_file())


@pytest.mark.parametrize("engine", ["docker", "local"])
def test_a_second_run_downloads_nothing_and_a_change_is_seen(
    workspace: Workspace, environment: Environment, s3: S3Server, bucket: Datastore, reading: Reading, engine: str
) -> None:
    set_target(workspace, max_nodes=4, engine=engine)
    if engine == "local":
        environment.docker.base_image = None
    mounted = Dataset.File.from_files((bucket, "**")).as_mount()
    first = told(workspace, reading(mounted))
    can = "read-only" if engine == "docker" else "writable"
    assert [line[:4] for line in first] == [["big.bin", "3000000", "bbb", can], ["small.txt", "5", "sma", can]]
    assert sorted(s3.reads) == ["pets/all/big.bin", "pets/all/deep/small.txt"]
    again = told(workspace, reading(mounted))
    # The content is there once where jobs cannot write to it, and each job has its own where they can.
    assert (first == again) == (engine == "docker")
    (copied,) = told(workspace, reading(Dataset.File.from_files((bucket, "big.bin")).as_download()))
    assert copied[:4] == ["big.bin", "3000000", "bbb", "writable"]
    assert len(s3.reads) == 2
    s3.files().pipe("pets/all/deep/small.txt", b"other")
    assert [line[2] for line in told(workspace, reading(mounted))] == ["bbb", "oth"]
    assert s3.reads[2:] == ["pets/all/deep/small.txt"]
    assert [path.stat().st_nlink for path in kept()] == [1, 1, 1]  # what runs had of it is gone with them


def test_two_runs_at_once_download_it_once(
    workspace: Workspace, s3: S3Server, bucket: Datastore, reading: Reading
) -> None:
    s3.held.add("pets/all/big.bin")
    data = Dataset.File.from_files((bucket, "**")).as_mount()
    runs = [reading(data, "wait"), reading(data, "wait")]
    wait_until(lambda: kept() and openers(kept()[0]) == 2, "two runs that want the same file")
    s3.go.set()
    for run in runs:
        wait_until(lambda run=run: b"read" in driver_log(workspace, run), "what the job read")
    assert sorted(s3.reads) == ["pets/all/big.bin", "pets/all/deep/small.txt"]
    assert {path.stat().st_nlink for path in kept()} == {3}
    for run in runs:
        (workspace.run_folder(run) / "work/code/go").touch()
    assert told(workspace, runs[0]) == told(workspace, runs[1])


def openers(path: Path) -> int:
    """How many processes have a file open."""
    found = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it ended while we look
            if os.readlink(descriptor) == str(path.resolve()):
                found.add(descriptor.parts[2])
    return len(found)


@pytest.mark.parametrize("path", [None, "below"])
def test_a_kill_in_the_middle_of_a_download(
    workspace: Workspace, s3: S3Server, bucket: Datastore, reading: Reading, path: str | None
) -> None:
    s3.files().pipe("pets/all/a.txt", b"a")
    s3.held.add("pets/all/big.bin")
    data = Dataset.File.from_files((bucket, "**"))
    run = reading(data.as_download(path) if path else data.as_mount())
    wait_until(lambda: "pets/all/big.bin" in s3.reads, "the beginning of the download")
    kill_supervisor(workspace, run)
    s3.held.clear()
    assert [line[1] for line in told(workspace, run)] == ["1", "3000000", "5"]
    assert [one.suffix for one in kept()] == ["", "", ""]
    assert s3.reads.count("pets/all/a.txt") == 1


def test_what_changes_during_its_download_is_not_kept(
    workspace: Workspace, s3: S3Server, bucket: Datastore, reading: Reading
) -> None:
    s3.held.add("pets/all/big.bin")
    run = reading(Dataset.File.from_files((bucket, "**")).as_mount())
    wait_until(lambda: "pets/all/big.bin" in s3.reads, "the download")
    s3.files().pipe("pets/all/big.bin", b"c" * 3_000_000)
    s3.go.set()
    assert len(told(workspace, run)) == 2
    assert len(kept()) == 1
    (again,) = told(workspace, reading(Dataset.File.from_files((bucket, "big.bin")).as_mount("below")))
    assert again[:4] == ["below", "3000000", "ccc", "read-only"]
    assert len(kept()) == 2


def test_a_file_of_the_web_is_downloaded_once(workspace: Workspace, reading: Reading, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/rows.csv").write_text("abc")
    with served_folder(tmp_path / "web") as address:
        data = Dataset.File.from_files([f"{address}/rows.csv", f"{address}/rows.csv?again=1"])
        told(workspace, reading(data.as_mount()))
        before = [path.stat().st_mtime_ns for path in kept()]
        assert [line[:4] for line in told(workspace, reading(data.as_mount()))] == [
            ["rows.csv", "3", "abc", "read-only"],
            ["rows.csv", "3", "abc", "read-only"],
        ]
        assert [path.stat().st_mtime_ns for path in kept()] == before
        assert [storage.name for storage in storages()] == [address]


class _Odd(BaseHTTPRequestHandler):
    """Sends less than it says, or something else each time without a word about it."""

    count = 0

    def do_GET(self) -> None:
        type(self).count += 1
        self.send_response(200)
        if self.path == "/cut":
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"%d" % self.count)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_answers_of_the_web_that_are_not_kept(amltrain_home: Path, tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        (cut,) = files_of({"base": f"{address}/cut"}, "").files
        with pytest.raises(UserErrorException, match="could not be downloaded"):
            provide(cut, str(tmp_path / "cut"), shared=True, check=lambda: None)
        (nameless,) = files_of({"base": f"{address}/nameless"}, "").files
        for number in ("2", "3"):
            provide(nameless, str(tmp_path / number), shared=True, check=lambda: None)
            assert (tmp_path / number).read_text() == number
        server.shutdown()
    assert not (tmp_path / "cut").exists()
    assert kept() == []


def test_what_is_kept_goes_when_it_is_asked_for_or_unused_for_long(
    workspace: Workspace, s3: S3Server, bucket: Datastore, reading: Reading
) -> None:
    data = Dataset.File.from_files((bucket, "**")).as_mount()
    run = reading(data, "wait")
    wait_until(lambda: b"read" in driver_log(workspace, run), "what the job read")
    (item,) = [item for item in workspace.disk_usage().items if item.kind == DATA]
    assert (item.name, item.own_bytes, item.keep) == ("s3://pets", 0, "")  # the run has all of it too
    assert item.size_bytes > 3_000_000
    assert [gone.name for gone in workspace.prune("s3://pets").chosen] == ["s3://pets"]
    assert kept() == []
    (workspace.run_folder(run) / "work/code/go").touch()
    assert len(told(workspace, run)) == 2

    told(workspace, reading(data))
    assert len(s3.reads) == 4
    old, new = kept()
    os.utime(old, (time.time() - 31 * A_DAY_S, 0))
    os.utime(new, (time.time() - 29 * A_DAY_S, 0))
    forget_unused()
    assert kept() == [new]
    assert DATA not in [gone.kind for gone in workspace.prune(unused=True, older_than="30d", dry_run=True).chosen]
    assert DATA in [gone.kind for gone in workspace.prune(unused=True, dry_run=True).chosen]


@pytest.fixture
def small_disk(amltrain_home: Path) -> Iterator[None]:
    """A home folder on a disk of 16 MB."""
    amltrain_home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", amltrain_home], check=True)
    yield
    subprocess.run(["umount", "--lazy", amltrain_home], check=True)


def test_what_the_disk_does_not_take_twice_is_not_kept_beside_a_copy(
    small_disk: None, workspace: Workspace, s3: S3Server, bucket: Datastore, reading: Reading
) -> None:
    s3.files().pipe("pets/all/big.bin", b"b" * 9_000_000)
    (copied,) = told(workspace, reading(Dataset.File.from_files((bucket, "big.bin")).as_download()))
    assert (copied[1], kept()) == ("9000000", [])
    told(workspace, reading(Dataset.File.from_files((bucket, "deep")).as_download()))
    assert [path.stat().st_size for path in kept()] == [5]


def test_an_object_whose_name_leads_out_of_the_folder_is_refused(s3: S3Server, bucket: Datastore) -> None:
    s3.files().pipe("pets/all/../../out.txt", b"out")
    with pytest.raises(UserErrorException, match="leads out of the folder"):
        Dataset.File.from_files((bucket, "**"))
