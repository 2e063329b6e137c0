"""Which metrics share a chart: the same rules as ``labextension/src/view/charts/families.ts``. Pure.

A test asks both.
"""

from __future__ import annotations

import re

_SYSTEM = "system/"
_STAGE = re.compile(r"(?:train(?:ing)?|valid(?:ation)?|val|eval(?:uation)?|test(?:ing)?|dev|tr)$", re.IGNORECASE)
_KIND = re.compile(r"[_/](step|epoch)$", re.IGNORECASE)
_BETWEEN = re.compile(r"([_/.\-\s]+)")
_LOSS = re.compile(r"(?:^|[_/.\-\s])loss$", re.IGNORECASE)


def family_of(name: str) -> tuple[str, str]:
    """The family of a metric, and what to call its curve there; "" for its name.

    A stage (train, valid, val, eval, test) as the first or last word does not count, nor does what PyTorch Lightning
    adds, ``_step`` and ``_epoch``: ``train_loss`` and ``val/loss`` are of the family ``loss``.
    """
    if name.startswith(_SYSTEM):
        return _system_family(name.removeprefix(_SYSTEM))
    kind = _KIND.search(name)
    words = _BETWEEN.split(name[: kind.start()] if kind else name)
    said: list[str] = []
    while len(words) > 2 and _STAGE.match(words[0]):
        said.append(words[0])
        del words[:2]
    while len(words) > 2 and _STAGE.match(words[-1]):
        said.append(words[-1])
        del words[-2:]
    family = "".join(words)
    return (family, " ".join([*said, *([kind[1]] if kind else [])])) if family else (name, "")


def _system_family(what: str) -> tuple[str, str]:
    gpu = re.match(r"gpu/(\d+)", what)
    if gpu:
        return f"GPU {gpu[1]}{' memory' if what.endswith('/memory') else ''}", ""
    family, _, label = what.partition("_")
    return family, label


def comes_first(family: str) -> bool:
    """Whether a chart comes before the others."""
    return _LOSS.search(family) is not None
