"""Imported by every Python that a job starts: programs of ``command=[…]``, ranks of ``torchrun``, subprocesses.

The launcher does for its script what stands here first. A ``sitecustomize`` of the image has its turn afterwards.
"""

import os
import sys


def begin():  # type: ignore[no-untyped-def]  # so that even Python 2 can read this
    """Have metrics of training frameworks logged."""
    if os.environ.get("AMLTRAIN_AUTOLOG", "1") == "0" or not os.environ.get("AMLTRAIN_RUN_ID"):
        return
    try:
        from amltrain_job.automatic import log_automatically

        log_automatically()
    except Exception:  # noqa: BLE001 - whoever is started comes first
        pass


def go_on():  # type: ignore[no-untyped-def]
    """Import the module that would have been found without this one."""
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    own = os.path.dirname(os.path.abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if os.path.abspath(entry) != own])
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


begin()  # type: ignore[no-untyped-call]
go_on()  # type: ignore[no-untyped-call]
