"""The embedded engine: jobs are processes of this machine, environments are virtual environments made by uv.

``engine`` is the face, ``process`` starts, follows and ends jobs (with ``jupyter_amltrain/job/keeper.py`` as their
parent), ``virtualenv`` makes environments, ``pip_settings`` hands the user's pip configuration to uv.
"""

from .engine import LocalEngine

__all__ = ["LocalEngine"]
