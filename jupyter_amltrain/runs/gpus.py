"""Hands out the GPUs of this machine to the runs of all workspaces of the home folder.

What a run has stands in its workspace's database, so a supervisor that takes over a run finds it again, and it is free
as soon as the run is over, however it ended. One file lock for the home folder keeps two runs from choosing at once.
"""

from __future__ import annotations

from contextlib import suppress

from ..compute.gpus import choose_gpus, gpus_to_give
from ..errors import StoreException
from ..file_lock import locked
from ..home import home_folder, made_folder
from ..workspace_settings import all_settings, folder_of_settings
from .store import Store


def claim_gpus(store: Store, run_id: str, wanted: int) -> tuple[tuple[str, ...], str]:
    """The numbers of the GPUs that a run has from now on, and a note about it; () leaves it to the engine.

    Asked again for the same run, the answer is the same.

    Raises:
        ComputeTargetException: AMLTRAIN_GPUS is no list of numbers.
        StoreException: it cannot be written down.
    """
    there = gpus_to_give() if wanted else ()
    if not there:
        return (), ""
    with locked(made_folder(home_folder() / "locks") / "gpus.lock"):
        taken = _taken()
        chosen = taken.pop(run_id, ()) or choose_gpus(wanted, there, taken.values())
        store.give_gpus(run_id, chosen)
    shared_with = [other for other, gpus in taken.items() if {*gpus} & {*chosen}]
    note = f"GPU {', '.join(chosen)} of this machine"
    if shared_with:
        note += f", shared with the run {shared_with[0]}: there are not enough for every run"
    return chosen, note


def free_gpus() -> tuple[int, int]:
    """How many GPUs of this machine no run has, and how many there are.

    Raises:
        ComputeTargetException: AMLTRAIN_GPUS is no list of numbers.
    """
    there = {*gpus_to_give()}
    taken = {gpu for gpus in _taken().values() for gpu in gpus} if there else set()
    return len(there - taken), len(there)


def _taken() -> dict[str, tuple[str, ...]]:
    """Run → its GPUs, of all runs of the home folder that are not over."""
    taken: dict[str, tuple[str, ...]] = {}
    for settings in all_settings():
        with suppress(StoreException):  # another workspace that is damaged is no reason to fail
            taken |= Store(folder_of_settings(settings)).gpus_in_use()
    return taken
