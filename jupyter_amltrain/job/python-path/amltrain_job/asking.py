"""Questions of a job to whoever takes care of its run: what the run's history has, and what only it can do.

A question is a record like any other, so it comes after everything that was logged before it; the answer is a file in
the run's folder, which both sides see. A question is repeated until it is answered: whoever answers may have been
killed and replaced meanwhile. So questions are such that asking twice does no harm.
"""

import json
import os
import time

from . import errors
from .channel import channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANSWERS = "answers"
_REPEAT_S = 2.0
_PATIENCE_S = 60.0


def ask(folder: str, what: str, **more: "Any") -> "Any":
    """The answer to a question; ``folder`` is the folder of the run.

    Raises:
        AzureMLException: the answer is no, with the reason; or nobody answers.
    """
    number = "%d-%s" % (os.getpid(), os.urandom(6).hex())
    path = os.path.join(folder, ANSWERS, number)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    began, pause, asked = time.monotonic(), 0.002, 0.0
    while not os.path.exists(path):
        now = time.monotonic()
        if now - began > _PATIENCE_S:
            raise errors.AzureMLException(
                "The run's history did not answer '%s' in %d s. What was logged is kept all the same."
                % (what, now - began)
            )
        if now >= asked:
            channel.write("ask", a=number, v=dict(more, what=what))
            channel.close(1.0)
            asked = now + _REPEAT_S
        time.sleep(pause)
        pause = min(0.02, pause * 1.5)
    with open(path, encoding="utf-8") as file:
        answer = json.load(file)
    os.unlink(path)
    if "error" in answer:
        kind = getattr(errors, str(answer.get("type")), errors.AzureMLException)
        raise kind(answer["error"])
    return answer["value"]
