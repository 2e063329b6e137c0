"""What all configuration objects share: the typo guard, type checks at assignment and the JSON form for a notebook."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any, ClassVar

from ..absent import Recreated
from ..errors import UserErrorException


class ConfigElement(Recreated):
    """A configuration object that refuses unknown attributes once it is made (azureml-v1.md section 3.1).

    A child names its public attributes in ``_fields``, the types they take in ``_types`` (None is always taken), and
    ends its constructor with ``self._initialized = True``.
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    _types: ClassVar[dict[str, type | tuple[type, ...]]] = {}
    _secret_fields: ClassVar[tuple[str, ...]] = ()
    _initialized = False

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and not hasattr(self, name):
            nearest = get_close_matches(name, self._fields, n=1, cutoff=0.6)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else f"; it has {', '.join(self._fields)}."
            raise AttributeError(f"{type(self).__name__} has no attribute '{name}'{hint}")
        wanted = self._types.get(name)
        if wanted is not None and value is not None and not isinstance(value, wanted):
            kinds = wanted if isinstance(wanted, tuple) else (wanted,)
            raise UserErrorException(
                f"{type(self).__name__}.{name} takes {' or '.join(kind.__name__ for kind in kinds)},"
                f" not {type(value).__name__}{'' if name in self._secret_fields else f' ({value!r})'}."
            )
        super().__setattr__(name, value)

    def _to_plain(self) -> dict[str, Any]:
        """JSON form with the SDK's camelCase keys; secrets are masked."""
        plain = {}
        for name in self._fields:
            value = getattr(self, name)
            if name in self._secret_fields and value:
                value = "***"
            plain[_camel_case(name)] = value._to_plain() if hasattr(value, "_to_plain") else value
        return plain

    def __repr__(self) -> str:
        return json.dumps(self._to_plain(), indent=4, sort_keys=True, default=str)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
