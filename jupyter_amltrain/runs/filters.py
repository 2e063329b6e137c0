"""Which runs somebody means: filters of ``Run.list`` and ``get_children``, and the family of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import UserErrorException

if TYPE_CHECKING:
    from .record import RunRecord
    from .store import Store

Tags = Mapping[str, Any]
Filter = str | Mapping[str, Any] | None


def children(
    store: Store,
    run_id: str,
    *,
    recursive: bool = False,
    tags: Filter = None,
    properties: Filter = None,
    type: str | None = None,
    status: str | None = None,
) -> Iterator[RunRecord]:
    """The runs below a run that fit all filters, newest first; with ``recursive`` also those below them."""
    for record in store.runs(parent=run_id):
        if fits(store, record, tags=tags, properties=properties, type=type, status=status):
            yield record
        if recursive:
            yield from children(
                store, record.id, recursive=True, tags=tags, properties=properties, type=type, status=status
            )


def fits(
    store: Store,
    record: RunRecord,
    *,
    tags: Filter = None,
    properties: Filter = None,
    type: str | None = None,
    status: str | None = None,
) -> bool:
    """Whether a run fits all filters: a name that must be there, or names with the values they must have."""
    if type is not None and (record.type or "").lower() != type.lower():
        return False
    if status is not None and record.status != status:
        return False
    return _has(tags, store.tags, record.id) and _has(properties, store.properties, record.id)


def _has(wanted: Filter, read: Callable[[str], Tags], run_id: str) -> bool:
    if not wanted:
        return True
    found = read(run_id)
    if isinstance(wanted, str):
        return wanted in found
    return all(key in found and found[key] == value for key, value in texts_of("filters", wanted).items())


def texts_of(kind: str, pairs: Tags) -> dict[str, Any]:
    """Names with values as text; None stays None.

    Raises:
        UserErrorException: it is no mapping, or a name is not text.
    """
    if not isinstance(pairs, Mapping):
        raise UserErrorException(f"{kind} are a dictionary such as {{'model': 'resnet34'}}, not {pairs!r:.80}.")
    for key in pairs:
        if not isinstance(key, str) or not key:
            raise UserErrorException(f"The name of each of the {kind} is text, not {key!r}.")
    return {key: None if value is None else str(value) for key, value in pairs.items()}
