"""The one line that every benchmark ends with: ``RESULT {json}``, read by ``make bench`` and by people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import median


def print_result(
    name: str,
    value: float,
    unit: str,
    *,
    baseline: float | None = None,
    extra: Mapping[str, object] | None = None,
) -> None:
    """Print the result line; it must be the last thing a benchmark prints.

    Args:
        name: name of the benchmark, that of its file.
        value: the figure the benchmark is about.
        unit: unit of ``value`` and of ``baseline``, such as ``s`` or ``lines/s``.
        baseline: the same figure for what it was measured against in this run, None where there is nothing.
        extra: more figures, numbers rounded as ``value`` is.
    """
    ratio = _rounded(value / baseline) if baseline else None
    result = {
        "name": name,
        "value": _rounded(value),
        "unit": unit,
        "baseline": _rounded(baseline),
        "ratio": ratio,
        "extra": {key: _rounded(figure) for key, figure in (extra or {}).items()},
    }
    print("RESULT " + json.dumps(result), flush=True)


def middle(figures: list[float]) -> float:
    """The median of repeated measurements, which one busy moment of the machine does not move."""
    return float(median(figures))


def _rounded(figure: object) -> object:
    """Four significant digits: more would only be noise."""
    return float(f"{figure:.4g}") if isinstance(figure, float) else figure
