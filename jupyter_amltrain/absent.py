"""Names of the SDK's classes that are not here: asking for one is an AttributeError that says why, on class and object.

A class that re-creates one of the SDK's derives from :class:`Recreated` and lists in ``_absent`` what it leaves out.
``tests/azureml_alias`` keeps the lists complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

NOT_YET = "it is not available yet"
INTERNAL = "it is internal to the Azure ML SDK"


def why_absent(kind: type, name: str) -> str:
    """What to tell somebody who asked a class or its object for a name that is not there."""
    for base in kind.__mro__:
        reason = base.__dict__.get("_absent", {}).get(name)
        if reason:
            return f"{kind.__name__}.{name} cannot be used here: {reason}."
    known = [] if name.startswith("_") else [item for item in dir(kind) if not item.startswith("_")]
    nearest = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"{kind.__name__} has no attribute '{name}'" + (f"; did you mean '{nearest[0]}'?" if nearest else "")


class _Explaining(type):
    if not TYPE_CHECKING:  # with it a type checker would take any name for an attribute

        def __getattr__(cls, name: str) -> Any:
            raise AttributeError(why_absent(cls, name))


class Recreated(metaclass=_Explaining):
    """A class of the SDK, made anew."""

    _absent: ClassVar[Mapping[str, str]] = {}
    """Public names of the SDK's class that are not here → why, in words that follow "cannot be used here:"."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(why_absent(type(self), name))
