"""Makes ``from azureml.core import …`` resolve to this package where the real SDK is not installed."""

from __future__ import annotations

import sys


def install() -> None:
    """Serve ``azureml`` from here wherever nothing else does; done by ``import jupyter_amltrain``.

    The finder stands behind all others, so that an installed ``azureml-core`` always wins.
    """
    from .finder import Finder

    if not any(getattr(finder, "serves", "") == Finder.serves for finder in sys.meta_path):
        sys.meta_path.append(Finder())
