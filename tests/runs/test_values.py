"""get_metrics: the shapes of azureml-v1.md section 11.2, without its silent losses."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_amltrain.runs.record import Point
from jupyter_amltrain.runs.values import metrics


def logged(*entries: tuple[str, str, Any]) -> dict[str, Any]:
    return metrics(Point(cursor, *entry, None, 0.0, 0) for cursor, entry in enumerate(entries, 1))


@pytest.mark.parametrize(
    ("entries", "value"),
    [
        ([("scalar", 0.5)], 0.5),
        ([("scalar", "text")], "text"),
        ([("scalar", 1), ("scalar", 2), ("scalar", 3)], [1, 2, 3]),
        ([("scalar", 1), ("scalar", 2.5), ("scalar", "x")], [1, 2.5, "x"]),
        ([("list", [1])], 1),
        ([("list", [1, 2])], [1, 2]),
        ([("list", [])], []),
        ([("list", [1, 2]), ("list", [3])], [1, 2, 3]),
        ([("scalar", 0), ("list", [1, 2])], [0, 1, 2]),
        ([("row", {"x": 1, "y": 2})], {"x": 1, "y": 2}),
        ([("row", {"x": 1}), ("row", {"x": 2, "y": 3})], {"x": [1, 2], "y": [None, 3]}),
        ([("table", {"x": [1, 2], "y": [3, 4]})], {"x": [1, 2], "y": [3, 4]}),
        ([("table", {"x": [1], "y": 3})], {"x": 1, "y": 3}),
        ([("table", {"x": [1, 2]}), ("row", {"x": 3})], {"x": [1, 2, 3]}),
        ([("table", {})], {}),
        ([("scalar", 1), ("row", {"x": 2})], [1, {"x": 2}]),
    ],
)
def test_shape(entries: list[tuple[str, Any]], value: Any) -> None:
    assert logged(*(("m", kind, given) for kind, given in entries)) == {"m": value}


def test_names_are_in_the_order_first_logged() -> None:
    found = logged(("b", "scalar", 1), ("a", "scalar", 2), ("b", "scalar", 3))
    assert list(found.items()) == [("b", [1, 3]), ("a", 2)]
