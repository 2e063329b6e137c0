"""Numbers and moments as people read them. Pure."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone

from ..submission.manifest import human_size


def number(value: float) -> str:
    """A metric's value in some four digits: ``0.2131``, ``12,800``, ``3.1e-05``, ``NaN``."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    text = f"{value:.4g}"
    return re.sub(r"e([+-])0?", r"e\1", text).replace("e+", "e")


def measured(name: str, value: float) -> str:
    """A value of the system's, with its unit by the metric's name."""
    if not math.isfinite(value):
        return number(value)
    if any(word in name for word in ("memory", "disk", "network")) and "util" not in name:
        rate = "/s" if not name.endswith("memory") else ""
        return human_size(value) + rate
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %"


def moment(at: float) -> str:
    """A time in UTC, since who reads it may be anywhere: ``2026-11-25 08:14:07 UTC``."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def share(value: float, low: float, high: float) -> float:
    """How far a number lies between two others, from 0 to 1; half-way where there is nothing between them."""
    # Halves, for the width may be more than the largest number there is; half of the smallest one is nothing.
    width = high / 2 - low / 2
    return (value / 2 - low / 2) / width if width > 0 else 0.5
