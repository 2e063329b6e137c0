"""Which GPUs a run gets."""

from __future__ import annotations

import pytest

from jupyter_amltrain.compute import gpus
from jupyter_amltrain.compute.gpus import ALL, choose_gpus, gpus_to_give
from jupyter_amltrain.compute.host import HostCapacity
from jupyter_amltrain.errors import ComputeTargetException

FOUR = ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("wanted", "taken", "chosen"),
    [
        (1, [], ("0",)),
        (2, [("0",), ("2",)], ("1", "3")),
        (3, [("0", "1")], ("0", "2", "3")),
        (1, [FOUR, ("0", "1")], ("2",)),
        (9, [], FOUR),
        (ALL, [("0",)], FOUR),
        (1, [("7",)], ("0",)),
    ],
)
def test_the_lowest_free_ones(wanted: int, taken: list[tuple[str, ...]], chosen: tuple[str, ...]) -> None:
    assert choose_gpus(wanted, FOUR, taken) == chosen


@pytest.mark.parametrize(("there", "numbers"), [(None, ()), (0, ()), (2, ("0", "1"))])
def test_those_of_the_driver(monkeypatch: pytest.MonkeyPatch, there: int | None, numbers: tuple[str, ...]) -> None:
    monkeypatch.setattr(gpus, "host_capacity", lambda: HostCapacity(1, 1, there))
    assert gpus_to_give() == numbers


def test_those_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_GPUS", " 10, 2,2 ")
    assert gpus_to_give() == ("2", "10")
    for wrong in ("all", "0,", "-1", "GPU-5"):
        monkeypatch.setenv("AMLTRAIN_GPUS", wrong)
        with pytest.raises(ComputeTargetException, match="such as 0,1"):
            gpus_to_give()
