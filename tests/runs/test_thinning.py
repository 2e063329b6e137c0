"""What is kept of the system metrics of a long run: little, and its peaks."""

from __future__ import annotations

from jupyter_amltrain.runs.record import NewPoint
from jupyter_amltrain.runs.thinning import Thinning, stretch_s

DAY_S = 86_400
STARTED = 1_700_000_000.25


def measured(second: int, **values: float) -> list[NewPoint]:
    return [NewPoint(name, "scalar", value, None, STARTED + second, 0) for name, value in values.items()]


def test_stretches_grow_with_the_run() -> None:
    ages = (-5, 0, 599, 600, 1199, 1200, 2400, 4800, 9600, 19_200, 7 * DAY_S)
    assert [stretch_s(age) for age in ages] == [1, 1, 1, 2, 2, 4, 8, 16, 32, 60, 60]


def test_a_day_is_little_and_has_its_peaks() -> None:
    thinning, kept = Thinning(STARTED), []
    peaks = {5: 9.0, 700: 8.0, 30_001: 7.0, 80_000: -3.0, DAY_S - 1: 11.0}
    for second in range(DAY_S):
        kept += thinning.add(measured(second, cpu=peaks.get(second, second % 60 / 60), memory=5.0))
    kept += thinning.rest()
    assert thinning.rest() == []
    cpu = {point.at - STARTED: point.value for point in kept if point.name == "cpu"}
    assert {second: cpu[second] for second in peaks} == peaks
    assert [second for second in cpu if second < 600] == list(range(600))
    assert list(cpu) == sorted(cpu)
    assert max(later - earlier for earlier, later in zip(cpu, [*cpu][1:], strict=False)) < 120
    assert len(cpu) < 10_000
    # What does not change is one point a stretch.
    memory = [point for point in kept if point.name == "memory"]
    assert len(cpu) / 2 < len(memory) < len(cpu)
    assert {point.value for point in memory} == {5.0}


def test_another_supervisor_goes_on_in_the_middle() -> None:
    first, second = Thinning(STARTED), Thinning(STARTED)
    whole = Thinning(STARTED)
    alone, shared = [], []
    for age in range(20_000, 20_400):
        points = measured(age, gpu=float(age % 7))
        alone += whole.add(points)
        shared += (first if age < 20_160 else second).add(points)
    # Only the stretch in which the first one was killed is missing.
    assert [point for point in alone if point not in shared] == [
        point for point in alone if 20_100 <= point.at - STARTED < 20_160
    ]


def test_a_clock_that_goes_back_loses_nothing() -> None:
    thinning = Thinning(STARTED)
    kept = thinning.add(measured(5000, cpu=1.0))
    kept += thinning.add(measured(-3, cpu=2.0))
    kept += thinning.add(measured(5001, cpu=3.0))
    assert [point.value for point in [*kept, *thinning.rest()]] == [1.0, 2.0, 3.0]
