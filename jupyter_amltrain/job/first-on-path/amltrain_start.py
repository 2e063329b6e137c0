"""What every Python that a job starts does first: programs of ``command=[…]``, ranks of ``torchrun``, subprocesses.

The launcher does for its script what :func:`begin` does. This folder is the first of PYTHONPATH, so that no
``sitecustomize`` of the user or of the image hides ours; theirs has its turn afterwards, wherever it lies. Where a
script puts a folder with one of its own in front, our ``usercustomize`` is the second chance.
"""

import os
import sys


def join(name):  # type: (str) -> None  # so that even Python 2 can read this
    """Begin, leave no trace on the search path, and import the module that would have been found without ours."""
    own = os.path.dirname(os.path.abspath(__file__))
    places = [os.path.abspath(entry) for entry in sys.path]
    after = sys.path[places.index(own) + 1 :] if own in places else []
    sys.path[:] = [entry for entry, place in zip(sys.path, places) if place != own]
    begin()
    go_on(name, after)


def begin():  # type: () -> None
    """Have metrics of training frameworks logged."""
    if os.environ.get("AMLTRAIN_AUTOLOG", "1") == "0" or not os.environ.get("AMLTRAIN_RUN_ID"):
        return
    try:
        from amltrain_job.automatic import log_automatically

        log_automatically()
    except Exception:  # noqa: BLE001 - whoever is started comes first
        pass


def go_on(name, path):  # type: (str, list[str]) -> None
    """Import the next module of that name, only from what comes after ours: one in front of it had its turn."""
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec(name, path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
