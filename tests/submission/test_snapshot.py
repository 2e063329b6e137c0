"""Snapshots on a real file system: what is kept, what comes back, and what happens when things go wrong."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_amltrain.errors import SnapshotException, StoreException, UserErrorException
from jupyter_amltrain.submission import notes as notes_module
from jupyter_amltrain.submission import snapshot as snapshot_module
from jupyter_amltrain.submission.manifest import Entry, biggest_items, human_size
from jupyter_amltrain.submission.objects import WHOLE_BYTES, ObjectStore
from jupyter_amltrain.submission.secret_files import holds_private_key, named_like_secret
from jupyter_amltrain.submission.snapshot import Snapshot, file_snapshot, read_manifest, take_snapshot, write_snapshot
from jupyter_amltrain.submission.stat_cache import RACY_NS

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n-----END OPENSSH PRIVATE KEY-----\n"


class Place:
    """A source directory and a store."""

    def __init__(self, root: Path) -> None:
        self.source, self.objects, self.cache = root / "source", root / "objects", root / "cache"
        self.source.mkdir()

    def write(self, files: dict[str, str | bytes]) -> None:
        for path, content in files.items():
            file = self.source / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def take(self) -> Snapshot:
        return take_snapshot(self.source, self.objects, self.cache)

    def restore(self, snapshot: Snapshot) -> Path:
        destination = Path(tempfile.mkdtemp(dir=self.source.parent)) / "code"
        write_snapshot(snapshot.id, self.objects, destination)
        return destination

    def kept(self) -> list[Path]:
        """Every object in the store, and every unfinished one."""
        return [
            file for file in self.objects.rglob("*") if file.is_file() and file.parent != self.objects / "manifests"
        ]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def contents(folder: Path) -> dict[str, bytes | str]:
    return {
        str(file.relative_to(folder)): os.readlink(file) if file.is_symlink() else file.read_bytes()
        for file in folder.rglob("*")
        if file.is_symlink() or file.is_file()
    }


def test_what_was_there_comes_back(place: Place) -> None:
    large = os.urandom(WHOLE_BYTES * 2 + 17)
    place.write({"train.py": "print()", "data/large.bin": large, "data/empty": "", "run.sh": "#!/bin/sh\n"})
    exact = os.urandom(WHOLE_BYTES)
    place.write({"exact": exact, os.fsdecode(b"caf\xe9\n"): "odd"})
    (place.source / "run.sh").chmod(0o755)
    (place.source / "link").symlink_to("data/large.bin")
    (place.source / "results/deep").mkdir(parents=True)
    os.utime(place.source / "train.py", ns=(10**18, 10**18))

    snapshot = place.take()
    copy = place.restore(snapshot)

    assert contents(copy) == contents(place.source)
    assert (copy / "data/large.bin").read_bytes() == large
    assert (copy / "results/deep").is_dir()
    assert os.access(copy / "run.sh", os.X_OK)
    assert (copy / "train.py").stat().st_mode & 0o111 == 0
    assert (copy / "train.py").stat().st_mtime_ns == 10**18
    assert snapshot.file_count == 6
    assert snapshot.size_bytes == len(large) + len(exact) + len("print()") + len("#!/bin/sh\n") + len("odd")
    assert snapshot.notes == ()


def test_a_copy_is_private_and_writable(place: Place) -> None:
    place.write({"train.py": "original"})
    snapshot = place.take()
    first, second = place.restore(snapshot), place.restore(snapshot)

    with open(first / "train.py", "r+") as file:
        file.write("CHANGED!")

    assert (second / "train.py").read_text() == "original"
    assert (place.restore(snapshot) / "train.py").read_text() == "original"
    assert (first / "train.py").stat().st_nlink == 1


def test_later_edits_do_not_reach_the_snapshot(place: Place) -> None:
    place.write({"train.py": "original"})
    snapshot = place.take()
    (place.source / "train.py").write_text("later")

    assert (place.restore(snapshot) / "train.py").read_text() == "original"


def test_same_files_same_id(place: Place, tmp_path: Path) -> None:
    place.write({"a/train.py": "1", "b": "2"})
    other = tmp_path / "other"
    shutil.copytree(place.source, other)
    first = place.take()
    os.utime(place.source / "b")

    assert place.take().id == first.id
    assert take_snapshot(other, place.objects, place.cache).id == first.id
    assert read_manifest(first.id, place.objects).entries == first.entries


@pytest.mark.parametrize("change", ["content", "name", "executable", "link", "folder"])
def test_anything_the_job_could_see_changes_the_id(place: Place, change: str) -> None:
    place.write({"train.py": "1", "b": "2"})
    before = place.take().id
    if change == "content":
        place.write({"b": "3"})
    elif change == "name":
        (place.source / "b").rename(place.source / "c")
    elif change == "executable":
        (place.source / "b").chmod(0o755)
    elif change == "link":
        (place.source / "c").symlink_to("b")
    else:
        (place.source / "c").mkdir()

    assert place.take().id != before


def test_a_content_is_stored_once(place: Place) -> None:
    place.write({"a": "same", "b": "same", "c": "other"})
    place.take()
    place.write({"d": "same"})
    place.take()

    assert len(place.kept()) == 2


def make_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the clock of the snapshot run ahead, so that files just written count as old."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 2 * RACY_NS)


def test_old_files_that_did_not_change_are_not_read_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write({"train.py": "1", "key.pem": KEY})
    make_old(monkeypatch)
    first = place.take()
    read: list[str] = []
    keep_file = snapshot_module._keep_file
    monkeypatch.setattr(
        snapshot_module, "_keep_file", lambda source, path, store: read.append(path) or keep_file(source, path, store)
    )

    assert place.take() == first
    assert read == []
    place.write({"train.py": "2"})
    assert place.take().id != first.id
    assert read == ["train.py"]


def test_a_file_changed_within_the_clock_s_step_is_seen(place: Place) -> None:
    place.write({"train.py": "1"})
    status = (place.source / "train.py").stat()
    before = place.take().id
    (place.source / "train.py").write_text("2")
    os.utime(place.source / "train.py", ns=(status.st_mtime_ns, status.st_mtime_ns))

    assert place.take().id != before


def test_a_lost_or_damaged_object_is_stored_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write({"a": "some content", "b": "other content"})
    make_old(monkeypatch)
    snapshot = place.take()
    first, second = place.kept()
    first.unlink()
    second.chmod(0o600)
    os.truncate(second, 3)

    with pytest.raises(StoreException, match="missing|damaged"):
        place.restore(snapshot)
    place.take()

    assert contents(place.restore(snapshot)) == contents(place.source)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"train.py": 1}', b'{"train.py": ""}', b"\xff\xfe"])
def test_a_damaged_stat_cache_costs_only_time(place: Place, monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    place.write({"train.py": "1"})
    make_old(monkeypatch)
    snapshot = place.take()
    (cache,) = place.cache.iterdir()
    cache.chmod(0o600)
    cache.write_bytes(text)

    assert place.take() == snapshot


def test_a_damaged_manifest_is_not_trusted(place: Place) -> None:
    place.write({"train.py": "1"})
    snapshot = place.take()
    (manifest,) = (place.objects / "manifests").iterdir()
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes().replace(b"train.py", b"../../in"))

    with pytest.raises(StoreException, match="damaged"):
        place.restore(snapshot)


def test_a_snapshot_that_never_was(place: Place, tmp_path: Path) -> None:
    with pytest.raises(SnapshotException, match="no snapshot 0123"):
        write_snapshot("0123", place.objects, tmp_path / "copy")


@pytest.mark.parametrize("relative", ["missing", "train.py"])
def test_a_source_directory_that_is_none(place: Place, relative: str) -> None:
    place.write({"train.py": "1"})

    with pytest.raises(SnapshotException) as error:
        take_snapshot(place.source / relative, place.objects, place.cache)

    assert str(place.source / relative) in error.value.message
    assert not place.objects.exists()


@pytest.fixture
def unprivileged(place: Place) -> Iterator[Place]:
    """A place where file modes count for this process, as they do not for root."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    all_of_them, fewer = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, all_of_them) == 0
    fewer[:] = all_of_them[:]
    fewer[0] &= ~0b110  # effective CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, fewer) == 0
    try:
        yield place
    finally:
        assert libc.capset(header, all_of_them) == 0


@pytest.mark.parametrize("forbidden", ["secret.bin", "folder", "folder/.gitignore"])
def test_a_file_or_folder_that_cannot_be_read_is_named(unprivileged: Place, forbidden: str) -> None:
    unprivileged.write({"train.py": "1", "secret.bin": "1", "folder/.gitignore": "1"})
    (unprivileged.source / forbidden).chmod(0)

    with pytest.raises(SnapshotException, match="Permission denied") as error:
        unprivileged.take()
    (unprivileged.source / forbidden).chmod(0o700)

    assert str(unprivileged.source / forbidden) in error.value.message
    assert "Make it readable, or leave it out" in error.value.message


def test_what_is_left_out_need_not_be_readable(unprivileged: Place) -> None:
    unprivileged.write({"train.py": "1", "secret.bin": "1", "folder/x": "1", ".amlignore": "secret.bin\nfolder\n"})
    (unprivileged.source / "secret.bin").chmod(0)
    (unprivileged.source / "folder").chmod(0)

    assert unprivileged.take().file_count == 2
    (unprivileged.source / "folder").chmod(0o700)


def test_a_store_that_cannot_be_written(unprivileged: Place) -> None:
    unprivileged.write({"train.py": "1"})
    unprivileged.source.parent.chmod(0o500)

    with pytest.raises(StoreException, match="AMLTRAIN_HOME") as error:
        unprivileged.take()
    unprivileged.source.parent.chmod(0o700)

    assert str(unprivileged.objects) in error.value.message


@pytest.mark.parametrize("size", [1000, WHOLE_BYTES * 3])
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_changes_while_it_is_read(
    place: Place, monkeypatch: pytest.MonkeyPatch, size: int, times: int
) -> None:
    place.write({"train.log": b"x" * size})
    writes = iter(range(times))
    readv = os.readv

    def read_and_be_overtaken(file: int, buffers: list[memoryview]) -> int:
        count = readv(file, buffers)
        if count and next(writes, None) is not None:
            with open(place.source / "train.log", "ab") as log:
                log.write(b"one more line")
            os.lseek(file, 0, os.SEEK_END)
        return count

    monkeypatch.setattr(os, "readv", read_and_be_overtaken)
    if times == 1:
        assert contents(place.restore(place.take())) == contents(place.source)
    else:
        with pytest.raises(SnapshotException, match=r"train\.log' changed while the snapshot was taken"):
            place.take()


@pytest.mark.parametrize("instead", ["nothing", "a pipe", "a link"])
def test_a_file_that_is_replaced_after_the_walk(place: Place, monkeypatch: pytest.MonkeyPatch, instead: str) -> None:
    place.write({"a.swp": "1"})
    walk = snapshot_module.walk

    def walk_then_replace(source: Path) -> object:
        tree = walk(source)
        (source / "a.swp").unlink()
        if instead == "a pipe":
            os.mkfifo(source / "a.swp")
        elif instead == "a link":
            (source / "a.swp").symlink_to("/etc/passwd")
        return tree

    monkeypatch.setattr(snapshot_module, "walk", walk_then_replace)

    with pytest.raises(SnapshotException, match=r"a\.swp"):
        place.take()


def run_python(code: str, *arguments: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )


LIMITED = """
import resource, signal, sys
from pathlib import Path
from jupyter_amltrain.errors import StoreException
from jupyter_amltrain.submission.snapshot import take_snapshot, write_snapshot
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    if sys.argv[1] == "take":
        take_snapshot(*map(Path, sys.argv[2:]))
    else:
        write_snapshot(sys.argv[2], *map(Path, sys.argv[3:]))
except StoreException as error:
    print(error.message)
"""


@pytest.mark.parametrize("size", [200_000, WHOLE_BYTES * 2])
def test_a_write_the_system_refuses_leaves_nothing_half_made(place: Place, tmp_path: Path, size: int) -> None:
    place.write({"large.bin": os.urandom(size), **{f"small{number}": str(number) for number in range(20)}})

    done = run_python(LIMITED, "take", place.source, place.objects, place.cache)

    assert done.stdout.startswith("cannot write to"), done.stderr
    assert list((place.objects / "tmp").iterdir()) == []
    assert not (place.objects / "manifests").exists()
    snapshot = place.take()
    done = run_python(LIMITED, "write", snapshot.id, place.objects, tmp_path / "copy")
    assert done.stdout.startswith("cannot write to"), done.stderr
    assert not (tmp_path / "copy").exists()


def test_a_full_disk_says_what_to_do(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write({"train.py": "1"})

    def refuse(file: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", refuse)

    with pytest.raises(StoreException, match=r"No space left on device\. Free some space"):
        place.take()
    assert place.kept() == []


ENDLESS = """
import os, sys
from pathlib import Path
from jupyter_amltrain.submission.snapshot import take_snapshot
source, objects, cache = map(Path, sys.argv[1:])
print("ready", flush=True)
while True:
    for number in range(30):
        (source / f"file{number}").write_bytes(os.urandom(1 if number % 2 else 300_000))
    (source / "large").write_bytes(os.urandom(3_000_000))
    take_snapshot(source, objects, cache)
"""


def test_killed_at_any_moment_the_store_stays_right(place: Place) -> None:
    import hashlib

    for kill in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(place.source), str(place.objects), str(place.cache)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        # Any moment will do; these are spread over a few rounds of the loop.
        threading.Event().wait(0.02 + kill * 0.017)
        process.send_signal(signal.SIGKILL)
        process.communicate()

        for file in place.kept():
            if file.parent.name != "tmp":
                assert hashlib.sha256(file.read_bytes()).hexdigest() == file.parent.name + file.name
        for manifest in (place.objects / "manifests").glob("*"):
            read_manifest(manifest.stem, place.objects)
        assert contents(place.restore(place.take())) == contents(place.source)


def test_what_a_killed_process_left_is_swept_later(place: Place) -> None:
    place.write({"train.py": "1"})
    place.take()
    old, young = place.objects / "tmp/old", place.objects / "tmp/young"
    old.write_text("half")
    young.write_text("half")
    os.utime(old, (1, 1))

    place.take()

    assert list((place.objects / "tmp").iterdir()) == [young]


def test_many_snapshots_at_once(place: Place) -> None:
    place.write({f"part{number % 7}/file{number}": os.urandom(2000) for number in range(300)})
    snapshots: list[Snapshot] = []
    threads = [threading.Thread(target=lambda: snapshots.append(place.take())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({snapshot.id for snapshot in snapshots}) == 1
    assert len(snapshots) == 6
    assert len(place.kept()) == 300
    assert contents(place.restore(snapshots[0])) == contents(place.source)


def test_an_interrupt_ends_the_snapshot_and_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write({f"file{number}": str(number) for number in range(100)})
    keep_file = snapshot_module._keep_file
    kept: list[str] = []

    def interrupt(source: str, path: str, store: ObjectStore) -> object:
        kept.append(path)
        if len(kept) == 10:
            raise KeyboardInterrupt
        return keep_file(source, path, store)

    monkeypatch.setattr(snapshot_module, "_keep_file", interrupt)

    with pytest.raises(KeyboardInterrupt):
        place.take()
    assert len(kept) < 20
    assert list((place.objects / "tmp").iterdir()) == []


def test_links_that_lead_out_are_kept_and_noted(place: Place) -> None:
    place.write({"data/x": "1"})
    (place.source / "data/inside").symlink_to("../data/x")
    (place.source / "data/absolute").symlink_to(place.source / "data/x")
    (place.source / "data/up").symlink_to("../../elsewhere")
    (place.source / "mnt").symlink_to("/mnt/data")

    snapshot = place.take()
    copy = place.restore(snapshot)

    (note,) = snapshot.notes
    assert note.startswith("2 links point outside the source directory")
    assert "data/up -> ../../elsewhere, mnt -> /mnt/data" in note
    assert os.readlink(copy / "mnt") == "/mnt/data"
    # An absolute link would lead the job to the original: it leads to the copy.
    assert (copy / "data/absolute").resolve() == (copy / "data/x").resolve()


def test_special_files_are_skipped_and_noted(place: Place) -> None:
    place.write({"train.py": "1"})
    os.mkfifo(place.source / "pipe\x1b[31m")

    snapshot = place.take()

    assert [entry.path for entry in snapshot.entries] == ["train.py"]
    assert snapshot.notes == ("1 socket, pipe or device is not part of the snapshot: pipe\\x1b[31m.",)


def test_secrets_are_noted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write({"train.py": "1", ".env": "TOKEN=1", "deploy/notes.txt": f"our key:\n{KEY}", ".aws/credentials": "x"})
    make_old(monkeypatch)

    (note,) = place.take().notes

    assert note.startswith("3 files look like secrets")
    assert ".aws/credentials, .env, deploy/notes.txt" in note
    assert "name them in .amlignore" in note
    assert place.take().notes == (note,)


def test_advice_names_the_ignore_file_in_use(place: Place) -> None:
    place.write({".env": "TOKEN=1", ".git/HEAD": ""})

    assert "name them in .gitignore" in place.take().notes[0]


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "a/.env.local",
        "prod.env",
        "id_rsa",
        "a/.aws/credentials",
        "credentials.json",
        "kubeconfig",
        ".kube/config",
    ]
    + [
        "client_secret_12.json",
        "my-service-account.json",
        "api_key.txt",
        "hf_token",
        "secrets.yaml",
        "cert.p12",
        ".netrc",
    ],
)
def test_names_of_secrets(path: str) -> None:
    assert named_like_secret(path)


@pytest.mark.parametrize(
    "path",
    ["train.py", ".env.example", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokens.txt"]
    + ["added_tokens.json", "config.json", "environment.yml", "secrets.py", "token.py", "id_rsa.pub", "keys/readme.md"],
)
def test_names_of_ordinary_files(path: str) -> None:
    assert not named_like_secret(path)


def test_private_keys_are_told_from_text_about_them() -> None:
    assert holds_private_key(KEY.encode())
    assert holds_private_key(KEY.replace("OPENSSH ", "").replace("\n", "\\n").encode())
    assert not holds_private_key(b'if text.startswith("-----BEGIN PRIVATE KEY-----"):\n')
    assert not holds_private_key(KEY.replace("PRIVATE", "PUBLIC").encode())


def test_a_large_snapshot_says_what_is_big(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes_module, "LARGE_BYTES", 30_000_000)
    place.write({"train.py": "1", "data/a.bin": "", "data/b.bin": ""})
    os.truncate(place.source / "data/a.bin", 29_000_000)
    os.truncate(place.source / "data/b.bin", 11_000_000)

    snapshot = place.take()

    (note,) = snapshot.notes
    assert note.startswith("the snapshot is large, 40 MB; biggest: data/ 40 MB (2 files), train.py 1 byte")
    assert "add a line such as /data/ to .amlignore" in note
    assert snapshot.summary() == (
        f"snapshot {snapshot.id[:12]}: 3 files, 40 MB; biggest: data/ 40 MB (2 files), train.py 1 byte"
    )


def test_an_empty_snapshot_says_why(place: Place) -> None:
    assert place.take().notes == (f"no file of '{place.source}' is part of the snapshot: the folder is empty.",)
    place.write({"train.py": "1", ".amlignore": "*\n"})

    (note,) = place.take().notes
    assert note.endswith("its 2 items are left out, such as .amlignore by line 1 of .amlignore (*).") or note.endswith(
        "its 2 items are left out, such as train.py by line 1 of .amlignore (*)."
    )


def test_why_a_file_is_not_in_it(place: Place) -> None:
    place.write({".gitignore": "models/\n", "models/deep/train.py": "", "train.py": ""})

    snapshot = place.take()

    assert "train.py" in snapshot
    assert "models/deep/train.py" not in snapshot
    assert snapshot.why_left_out("models/deep/train.py") == "line 1 of .gitignore (models/)"
    assert snapshot.why_left_out("train.py") == ""
    assert snapshot.summary() == f"snapshot {snapshot.id[:12]}: 2 files, 8 bytes; 1 left out by ignore rules"


def files(**sizes: int) -> tuple[Entry, ...]:
    return tuple(Entry(path, size_bytes=size) for path, size in sizes.items())


@pytest.mark.parametrize(
    ("sizes", "biggest"),
    [
        ({}, []),
        ({"a": 1, "b": 2}, ["b", "a"]),
        ({"d/a": 5, "d/b": 5, "c": 1}, ["d/", "c"]),
        ({"d/e/a": 90, "d/e/b": 1, "d/c": 1, "c": 1}, ["d/e/a", "c"]),
        ({"src/d/a": 5, "src/d/b": 5, "src/c": 1}, ["src/d/", "src/c"]),
        ({str(number): number for number in range(9)}, ["8", "7", "6", "5", "4"]),
    ],
)
def test_biggest_items(sizes: dict[str, int], biggest: list[str]) -> None:
    assert [item.path for item in biggest_items(files(**sizes), 5)] == biggest


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (999_999, "1 MB"), (287_000_000, "287 MB"), (10**12, "1 TB")]
    + [(10**16, "10,000 TB"), (1_500, "1.5 kB"), (1, "1 byte")],
)
def test_human_size(size: int, text: str) -> None:
    assert human_size(size) == text


def test_a_cell_becomes_a_snapshot(place: Place) -> None:
    snapshot = file_snapshot({"cell.py": b"print(1)", "lib/x.py": b""}, place.objects)

    assert contents(place.restore(snapshot)) == {"cell.py": b"print(1)", "lib/x.py": b""}
    assert snapshot.summary() == f"snapshot {snapshot.id[:12]}: 2 files, 8 bytes"
    assert file_snapshot({"lib/x.py": b"", "cell.py": b"print(1)"}, place.objects).id == snapshot.id


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "."])
def test_a_cell_s_file_stays_inside(place: Place, name: str) -> None:
    with pytest.raises(UserErrorException):
        file_snapshot({name: b""}, place.objects)


def test_a_cell_joins_the_files_of_its_folder(place: Place) -> None:
    place.write({"model.py": "x = 1", "cell.py": "old", ".env": "secret"})
    folder = place.take()

    snapshot = file_snapshot({"cell.py": b"import model"}, place.objects, onto=folder)

    assert contents(place.restore(snapshot)) == {"model.py": b"x = 1", "cell.py": b"import model", ".env": b"secret"}
    assert snapshot.notes == folder.notes
    assert contents(place.restore(folder))["cell.py"] == b"old"
