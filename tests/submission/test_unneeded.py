"""What no run refers to leaves the object store, and nothing else does, whoever takes snapshots meanwhile."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from jupyter_amltrain.errors import StoreException
from jupyter_amltrain.submission import unneeded
from jupyter_amltrain.submission.objects import taking_snapshot
from jupyter_amltrain.submission.snapshot import take_snapshot, write_snapshot
from jupyter_amltrain.submission.unneeded import find_unneeded, remove_unneeded


class Place:
    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.objects = folder / "objects"
        self._cache = folder / "cache"
        self.source.mkdir()

    def take(self, **files: str) -> str:
        for path in self.source.iterdir():
            path.unlink()
        for name, text in files.items():
            (self.source / name).write_text(text)
        return take_snapshot(self.source, self.objects, self._cache).id

    def files(self) -> int:
        return sum(len(names) for _, _, names in os.walk(self.objects))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_other_snapshots_share_stays(place: Place, tmp_path: Path) -> None:
    old = place.take(a="one", shared="both")
    new = place.take(b="two", shared="both")
    found = find_unneeded(place.objects, [new], young_s=-1)
    assert (len(found.manifests), len(found.objects)) == (1, 1)
    assert remove_unneeded(place.objects, lambda: [new], young_s=-1) == found.size_bytes
    write_snapshot(new, place.objects, tmp_path / "copy")
    assert sorted(os.listdir(tmp_path / "copy")) == ["b", "shared"]
    assert find_unneeded(place.objects, [new], young_s=-1) == unneeded.Unneeded()
    assert place.take(a="one", shared="both") == old
    write_snapshot(old, place.objects, tmp_path / "again")


def test_what_is_young_stays(place: Place) -> None:
    place.take(a="one")
    assert find_unneeded(place.objects, []) == unneeded.Unneeded()
    assert remove_unneeded(place.objects, list) == 0
    assert find_unneeded(place.objects / "nowhere", []) == unneeded.Unneeded()


def test_a_damaged_manifest_of_a_run_stops_it(place: Place) -> None:
    kept = place.take(a="one")
    manifest = place.objects / "manifests" / f"{kept}.json"
    manifest.chmod(0o600)
    manifest.write_text("{}")
    with pytest.raises(StoreException, match="damaged"):
        remove_unneeded(place.objects, lambda: [kept], young_s=-1)
    assert place.files() == 3  # object, manifest, lock


def test_it_waits_for_a_snapshot_and_gives_up_at_last(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unneeded, "_PATIENCE_S", 0.05)
    place.take(a="one")
    first, second = taking_snapshot(place.objects), taking_snapshot(place.objects)
    with first, second, pytest.raises(StoreException, match="all the time"):
        remove_unneeded(place.objects, list, young_s=-1)
    assert remove_unneeded(place.objects, list, young_s=-1)


def test_snapshots_taken_meanwhile_lose_nothing(place: Place, tmp_path: Path) -> None:
    """Snapshots that reuse what lies there unneeded, entered as submit does it, while all else is swept away."""
    entered: list[str] = []
    over = threading.Event()
    swept: list[int] = []
    failures: list[BaseException] = []

    def sweep() -> None:
        try:
            while not over.is_set():
                swept.append(remove_unneeded(place.objects, lambda: list(entered), young_s=-1))
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    worker = threading.Thread(target=sweep)
    worker.start()
    try:
        for number in range(120):
            with taking_snapshot(place.objects):
                taken = place.take(a=f"text {number % 3}", b=f"text {number % 4}", c="same")
                entered[:] = [taken]  # the run before is forgotten
            write_snapshot(taken, place.objects, tmp_path / f"copy-{number}")
    finally:
        over.set()
        worker.join()
    assert not failures
    assert sum(map(bool, swept)) > 1, "nothing was ever swept"
