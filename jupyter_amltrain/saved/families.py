"""Which curves share a chart: the same rules as ``labextension/src/view/charts/families.ts``. Pure.

Names that differ only in the part of the data they tell of are a family: ``train_loss`` and ``valid_loss``,
``loss`` and ``val/loss``.
"""

from __future__ import annotations

import re

_PARTS = frozenset(("train", "training", "valid", "validation", "val", "test", "testing", "eval", "evaluation", "dev"))
_WORDS = re.compile(r"[^\W_]+")
_BETWEEN = " _-./:"


def family_of(name: str) -> tuple[str, str]:
    """The chart that a metric belongs to, and what to call its curve there; "" for the curve of that very name."""
    words = list(_WORDS.finditer(name))
    for word in words:
        before, after = name[: word.start()], name[word.end() :].lstrip(_BETWEEN)
        rest = f"{before}{after}" if after else before.rstrip(_BETWEEN)
        if word[0].lower() in _PARTS and rest:
            return rest, word[0]
    return name, ""


def system_family_of(name: str) -> tuple[str, str]:
    """The same for what a run uses of the machine: ``system/gpu/0/memory`` is GPU 0's curve in "GPU memory"."""
    words = name.removeprefix("system/").split("/")
    if words[0] == "gpu" and len(words) > 1:
        return " ".join(("GPU", *words[2:])), f"GPU {words[1]}"
    family, _, label = words[0].partition("_")
    return (family.upper() if family == "cpu" else family), label
