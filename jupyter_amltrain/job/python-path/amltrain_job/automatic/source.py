"""What the hooks of all frameworks share: sending values, not too many of them, and never getting in the way."""

import sys
from functools import wraps
from time import monotonic, time

from ..channel import channel
from ..logged import _name
from ..wire import plain_value, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Set

SHORTEST_S = 0.1
MOST_OF_A_DURATION = 2000

_told: "Set[str]" = set()


def tell(framework: str, error: BaseException) -> None:
    """Say once in the log that a framework's metrics are missing; the script is not to suffer for it."""
    if framework not in _told:
        _told.add(framework)
        sys.stderr.write(
            "jupyter_amltrain: what %s reports is not logged automatically (%s: %s). The script goes on; log the"
            " metrics with Run.log, or set AMLTRAIN_AUTOLOG=0.\n" % (framework, type(error).__name__, error)
        )


class Source:
    """One framework whose values are logged in place of the script."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_off = False
        self._source = to_json(name)

    def log(self, values: "Dict[str, Any]", step: "Optional[float]" = None) -> None:
        """Send those of the values that are numbers, all with one write."""
        at = _number(step) or "null"
        numbers = [(name, _number(value)) for name, value in values.items()]
        now = time()
        points = [
            "[%s,%s,%s,%.4f,%s]" % (_name(name), number, at, now, self._source)
            for name, number in numbers
            if number is not None
        ]
        if points:
            channel.point(",".join(points), None)

    def quietly(self, hook: "Callable[..., None]") -> "Callable[..., None]":
        """The hook, as it can stand in somebody else's training: the first error of it is told and is the last one."""

        @wraps(hook)
        def guarded(*arguments: "Any", **named: "Any") -> None:
            if self.is_off:
                return
            try:
                hook(*arguments, **named)
            except Exception as error:  # noqa: BLE001
                self.is_off = True
                tell(self.name, error)

        return guarded


class Pace:
    """Which of very many points are sent: ten a second in the first minutes, fewer the longer it goes on."""

    def __init__(self) -> None:
        self._began = 0.0
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether it is time for a point; then the next one is due later."""
        now = monotonic()
        if now < self._due:
            return False
        self._began = self._began or now
        self._due = now + max(SHORTEST_S, (now - self._began) / MOST_OF_A_DURATION)
        return True


def _number(value: "Any") -> "Optional[str]":
    """The JSON of a number, also of one in a tensor or array; None for anything else."""
    try:
        plain = plain_value(value)
    except TypeError:
        return None
    if plain is None or isinstance(plain, (str, bool)):
        return None
    return to_json(plain) if isinstance(plain, dict) else repr(plain)
