r"""What a record looks like: how a job tells its run something through its own output.

A record is one JSON object in an ECMA-48 APC string, which terminals do not display::

    ESC _ amltrain;{"w":"41-9f3c1a","q":7,"r":0,"t":1700000000.25,"k":"metric","v":[["loss",0.4,12]]} ESC \ LF

The JSON is printable ASCII (``\u`` escapes for the rest), so it holds neither ESC nor a line end. A space behind it
says that the line end behind the envelope is part of the record: an engine's log gives back whole lines only, and that
log is what a supervisor reads who takes the run over from a killed one. An envelope has at most 4096 bytes and is
written with one ``write``, which a pipe takes in one piece (PIPE_BUF): records of many processes never mix, and a
record may stand in the middle of a line. Keys of every record:

====  =================================================================================================
``w``  writer: process id and a random part, another one in every process
``q``  sequence number of this writer, from 0, without gaps
``r``  rank of the process in a distributed job
``t``  unix time in seconds
``k``  kind, see below
``i``  id of the child run that it is about; without it, it is about the run itself
====  =================================================================================================

=============  ========================================================================================
kind           more keys
=============  ========================================================================================
``metric``     ``v``: points ``[name, value]``, ``[name, value, step]``, ``[name, value, step, time]`` or
               ``[name, value, step, time, source]``; a value that is a list is one point of ``log_list``;
               a source says who logged it in place of the script, such as ``fastai``
``row``        ``n``: name, ``v``: column to value
``table``      ``n``: name, ``v``: column to list of values
``file``       ``n``: name, ``v``: name of a file of the run, ``s``: ``image``, ``confusion_matrix``, …
``tags``       ``v``: name to text or null
``params``     ``v``: name to text, of what the script says it was set to
``untag``      ``v``: names of tags to remove
``about``      ``v``: ``display_name`` and ``description``, or one of them
``child``      ``v``: ``id``, ``name`` and ``tags`` of a new child run, which runs from now on
``state``      ``v``: ``status`` of a child run that is over, ``error`` with ``code`` and ``message``
``ask``        ``a``: id of the question, ``v``: what is asked, see ``asking.py``
``lost``       ``v``: how many records this writer had to drop, because nobody read them
=============  ========================================================================================

A value is a number, text, true, false or null; a float that JSON has no number for is ``{"f":"nan"}``, ``{"f":"inf"}``
or ``{"f":"-inf"}``. Readers ignore keys and kinds they do not know. A record that is too long for one envelope travels
as parts ``{"w":…,"q":…,"r":…,"p":[index,count],"d":"…"}``: the texts ``d`` joined in order are its JSON.

A program in another language needs ``t``, ``k`` and what the kind asks for, and writes to its stdout, or appends to the
file ``$AMLTRAIN_RECORDS`` where that leads elsewhere (docs/metrics.md).
"""

import json
import os
from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator

START = "\x1b_amltrain;"
END = " \x1b\\\n"
MAX_ENVELOPE_BYTES = 4096
ROOM = MAX_ENVELOPE_BYTES - len(START) - len(END)

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def to_json(value: "Any") -> str:
    """JSON of plain values that may stand in an envelope."""
    return _encode(value).replace("\x7f", "\\u007f")


def envelopes(record: "Dict[str, Any]") -> "Iterator[str]":
    """The record as it stands on the wire: one envelope, or several with its parts."""
    return pack(to_json(record), {key: record[key] for key in "wqr"})


def pack(body: str, head: "Dict[str, Any]") -> "Iterator[str]":
    """JSON of a record in envelopes; ``head`` has its keys ``w``, ``q`` and ``r``."""
    if len(body) <= ROOM:
        yield START + body + END
        return
    # Quotes and backslashes take two characters when the text becomes a JSON string: never more than double.
    size = (ROOM - 120) // 2
    texts = [body[i : i + size] for i in range(0, len(body), size)]
    for index, text in enumerate(texts):
        yield START + _encode(dict(head, p=[index, len(texts)], d=text)) + END


def open_stdout() -> int:
    """A descriptor of the job's real stdout, or the nearest thing there is; -1 when there is nothing.

    ``launch.py`` keeps a copy of it and says in the environment where, so that it does not matter what the script did
    to ``sys.stdout`` and to descriptor 1. A process whose parent closed that copy opens it again through ``/proc``.
    """
    wanted = os.environ.get("AMLTRAIN_RECORD_ID", "")
    number = os.environ.get("AMLTRAIN_RECORD_FD", "")
    if wanted and number.isdigit():
        if _identity(int(number)) == wanted:
            return int(number)
        path = "/proc/%s/fd/%s" % (os.environ.get("AMLTRAIN_RECORD_PID", "self"), number)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            fd = -1
        if fd >= 0 and _identity(fd) == wanted:
            os.set_blocking(fd, True)
            return fd
        if fd >= 0:
            os.close(fd)
    return 1 if _identity(1) else -1


def _identity(fd: int) -> str:
    try:
        stat = os.fstat(fd)
    except OSError:
        return ""
    return "%d:%d" % (stat.st_dev, stat.st_ino)


def current_rank() -> int:
    """Rank of this process in a distributed job, as the usual launchers say it; 0 without one."""
    for name in ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return 0


def plain_value(value: "Any") -> "Any":
    """The value as a record can carry it: numbers, text, and anything with ``item()`` such as a 0-d array or tensor.

    Other numbers (fractions, decimals, NumPy's long doubles) become floats, what pandas has for a missing value None.

    Raises:
        TypeError: it is none of these.
    """
    if not isinstance(value, (str, int, float, type(None))):
        value = _unpacked(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        value = int(value)
        if -(2**63) <= value < 2**63:
            return value
        try:
            value = float(value)
        except OverflowError:
            value = float("inf" if value > 0 else "-inf")
    if isinstance(value, float):
        value = float(value)
        return value if isfinite(value) else {"f": repr(value)}
    raise TypeError("%s is neither a number nor text" % type(value).__name__)


def _unpacked(value: "Any") -> "Any":
    if callable(getattr(value, "item", None)):
        try:
            value = value.item()
        except (TypeError, ValueError, RuntimeError):
            raise TypeError("%s holds more than one value" % type(value).__name__) from None
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "__float__") and not isinstance(value, (str, int, float)):
        try:
            return float(value)
        except ValueError:
            raise TypeError("%s is no number" % type(value).__name__) from None
    return value
