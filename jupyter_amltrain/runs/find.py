"""Finding a run by what a person types: its id, one end of it, or ``last``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import NameNotFoundException, UserErrorException

if TYPE_CHECKING:
    from .record import RunRecord
    from .store import Store

LAST = "last"
_NAMED = 5


def find_run(store: Store, text: str) -> RunRecord:
    """The run whose id is ``text`` or begins or ends with it; ``last`` is the one submitted last.

    Raises:
        NameNotFoundException: there is none; the message suggests the nearest id.
        UserErrorException: several runs fit, or there are none at all.
    """
    if text == LAST:
        newest = store.runs(limit=1)
        if not newest:
            raise UserErrorException("There is no run yet; %aml_submit SCRIPT starts one.")
        return newest[0]
    runs = store.runs(children=True)
    fitting = [run for run in runs if run.id == text] or [run for run in runs if run.id.endswith(text)]
    fitting = fitting or [run for run in runs if run.id.startswith(text)]
    if not fitting:
        raise NameNotFoundException("run", text, [run.id for run in runs])
    if len(fitting) > 1:
        named = ", ".join(run.id for run in fitting[:_NAMED])
        more = f" and {len(fitting) - _NAMED} more" if len(fitting) > _NAMED else ""
        raise UserErrorException(
            f"'{text}' fits {len(fitting)} runs: {named}{more}. Write more of the id, or '{LAST}'."
        )
    return fitting[0]
