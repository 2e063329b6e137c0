"""Metrics in the store: what goes in comes out, of any name and number, and a long series keeps its peaks."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_amltrain.runs import migrations
from jupyter_amltrain.runs.record import NewPoint, RunRecord
from jupyter_amltrain.runs.store import Store
from jupyter_amltrain.runs.values import metrics


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def new_run(store: Store, run_id: str = "e_1") -> RunRecord:
    return store.add_run(
        run_id, experiment="e", target="t", engine="x", nodes=1, max_nodes=9, definition={}, snapshot={}
    )


def add(store: Store, run: RunRecord, name: str, values: list[Any], start: int = 0) -> None:
    new = [NewPoint(name, "scalar", value, start + n, 1e9 - n, 0) for n, value in enumerate(values)]
    store.add_points(run, new)


def test_ten_thousand_names_of_all_sorts(store: Store) -> None:
    run = new_run(store)
    names = ["a b", "a/b", "☃ 🎉", "../x", "", "'; DROP TABLE points; --", *(f"metric {n}" for n in range(10_000))]
    for turn in range(2):
        store.add_points(run, [NewPoint(name, "scalar", turn, turn, 1.0, 0) for name in names])
    assert store.metric_names(run.id) == dict.fromkeys(names, 2)
    assert metrics(store.points(run.id)) == {name: [0, 1] for name in names}
    assert [point.value for point in store.points(run.id, name="☃ 🎉")] == [0, 1]
    assert [point.cursor for point in store.points(run.id, after=5, limit=3)] == [6, 7, 8]


def test_a_table_of_ten_megabytes(store: Store) -> None:
    run = new_run(store)
    table = {f"column {n}": [random.random() for _ in range(50_000)] for n in range(11)}
    assert len(json.dumps(table)) > 10 << 20
    store.add_points(run, [NewPoint("big", "table", table, None, 1.0, 0)])
    assert metrics(store.points(run.id)) == {"big": table}


def test_runs_have_cursors_of_their_own(store: Store) -> None:
    first, second = new_run(store), new_run(store, "e_2")
    for run in (first, second, first):
        add(store, run, "loss", [1, 2])
    assert [point.cursor for point in store.points(first.id)] == [1, 2, 3, 4]
    assert [point.cursor for point in store.points(second.id, after=1)] == [2]


@pytest.mark.parametrize("count", [2_000, 300_000])
def test_a_sample_has_the_peaks_the_ends_and_the_order(store: Store, count: int) -> None:
    run = new_run(store)
    values = [math.sin(n / 300) for n in range(count)]
    peaks = {7: 50.0, count // 3: -40.0, count // 2: math.inf, count // 2 + 1: -math.inf, count - 9: 60.0}
    for place, value in peaks.items():
        values[place] = value
    values[count // 4] = math.nan
    for start in range(0, count, 70_001):
        add(store, run, "loss", values[start : start + 70_001], start)
        add(store, run, "other", [start])
    for most in (100, 1500):
        sample = store.sample_metric(run.id, "loss", most)
        steps = [point.step for point in sample]
        assert len(sample) <= most
        assert steps == sorted(set(steps))
        assert (steps[0], steps[-1]) == (0, count - 1)
        assert set(peaks) <= set(steps)
        assert all(point.value == values[int(point.step or 0)] for point in sample)
    assert len(store.sample_metric(run.id, "other", 100)) == math.ceil(count / 70_001)
    assert store.sample_metric(run.id, "none", 100) == []


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats() | st.integers(-5, 5) | st.text(max_size=2), max_size=900),
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=6),
    most=st.integers(4, 40),
)
def test_any_series_in_any_batches(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], cuts: list[int], most: int
) -> None:
    store = Store(tmp_path_factory.mktemp("w"))
    run = new_run(store)
    at = turn = 0
    while at < len(values):
        size = cuts[turn % len(cuts)]
        add(store, run, "m", values[at : at + size], at)
        at, turn = at + size, turn + 1
    assert repr([point.value for point in store.points(run.id)]) == repr(values)
    sample = store.sample_metric(run.id, "m", most)
    assert len(sample) <= max(most, 4)
    numbers = [value for value in values if not isinstance(value, str) and value == value]
    if numbers and len(values) > max(most, 4):
        found = [point.value for point in sample if not isinstance(point.value, str)]
        assert {min(numbers), max(numbers)} <= set(found)


def test_a_database_of_an_older_version_keeps_its_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:3])
        old = sqlite3.connect(tmp_path / "amltrain.db", isolation_level=None)
        migrations.migrate(old)
    old.execute(
        "INSERT INTO runs (id, experiment, target, engine, nodes, status, reason, created, definition)"
        " VALUES ('e_1', 'e', 't', 'docker', 1, 'Completed', '', 1, '{}')"
    )
    old.execute("INSERT INTO series (id, run, name) VALUES (1, 1, 'a'), (2, 1, 'b')")
    old.executemany(
        "INSERT INTO points (run, series, kind, value, step, at, rank) VALUES (1, ?, 'scalar', ?, NULL, 1, 0)",
        [(1 + n % 2, 1000.0 if n == 777 else float(n % 7)) for n in range(4000)],
    )
    old.close()
    store = Store(tmp_path)
    run = store.run("e_1")
    assert (run.type, run.parent, run.folder) == ("azureml.scriptrun", "", "")
    assert [point.cursor for point in store.points("e_1")] == list(range(1, 4001))
    assert store.metric_names("e_1") == {"a": 2000, "b": 2000}
    store.add_points(run, [NewPoint("b", "scalar", -5.0, None, 2.0, 0)])
    values = [point.value for point in store.sample_metric("e_1", "b", 10)]
    assert (max(values), min(values), values[-1]) == (1000.0, -5.0, -5.0)
