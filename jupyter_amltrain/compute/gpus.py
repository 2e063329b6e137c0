"""Which GPUs of this machine a run gets, so that runs at the same time do not all get the first."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ..errors import ComputeTargetException
from .host import host_capacity

ALL = -1


def gpus_to_give() -> tuple[str, ...]:
    """The numbers of the GPUs that runs may have: those of ``AMLTRAIN_GPUS``, else all that the driver lists.

    Empty when they cannot be told; then it is left to the engine which ones a run gets.

    Raises:
        ComputeTargetException: AMLTRAIN_GPUS is no list of numbers.
    """
    asked = os.environ.get("AMLTRAIN_GPUS", "").strip()
    if not asked:
        return tuple(map(str, range(host_capacity().gpus or 0)))
    if not re.fullmatch(r"\d+(\s*,\s*\d+)*", asked):
        raise ComputeTargetException(
            f"AMLTRAIN_GPUS is {asked!r}; it takes the numbers of the GPUs that runs may have, such as 0,1."
        )
    return tuple(sorted({str(int(number)) for number in asked.split(",")}, key=int))


def choose_gpus(wanted: int, there: Sequence[str], taken: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The lowest free ones; where there are too few, also those that the fewest runs have.

    Args:
        wanted: how many, :data:`ALL` for all.
        there: the numbers of those that may be given.
        taken: what each run that is not over has.
    """
    if wanted == ALL:
        return tuple(there)
    load = Counter(gpu for gpus in taken for gpu in gpus)
    chosen = set(sorted(there, key=lambda gpu: (load[gpu], there.index(gpu)))[:wanted])
    return tuple(gpu for gpu in there if gpu in chosen)
