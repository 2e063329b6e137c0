"""What the engine says while it pulls an image → the build log, one step with layers and bytes; and trying again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...engines.protocol import Preparation
from ...errors import CanceledException, EngineException
from ...submission.manifest import human_size
from ..registry.container_registry import registry_of
from .steps import Steps

PAUSES_S = (1.0, 3.0, 8.0)
"""How long to wait before each further try."""

UNPACKED = 3
"""How much room layers take in all, as a multiple of what is downloaded: themselves, and what comes out of them."""

_LOOK_S = 0.1
_STEP = "pull"
_THROUGH = ("Pull complete", "Already exists")
# What passes by itself. A refused connection, an unknown name and a certificate do not.
_PASSING = re.compile(
    r"connection reset|broken pipe|unexpected EOF|: EOF|i/o timeout|timeout exceeded|timed out|handshake timeout"
    r"|temporary failure|server misbehaving|use of closed network connection|too many requests|toomanyrequests"
    r"|status(?: code)?:? (?:429|5\d\d)|50[0234] [A-Z]",
    re.IGNORECASE,
)


def may_pass(message: str) -> bool:
    """Whether what went wrong with a registry is likely gone at the next try."""
    return _PASSING.search(message) is not None


class PullOutput:
    """The pull of one image, seen from outside.

    Args:
        pauses_s: how long to wait before each further try.
        free_bytes: room where the engine keeps images, None when it is not known.
    """

    def __init__(
        self,
        reference: str,
        log: Preparation,
        pauses_s: tuple[float, ...] = PAUSES_S,
        *,
        free_bytes: int | None = None,
    ) -> None:
        self._reference = reference
        self._log = log
        self._pauses_s = pauses_s
        self._free_bytes = free_bytes
        self._steps = Steps(log, f"pull {reference}")
        self._states: dict[str, str] = {}
        self._bytes: dict[str, tuple[int, int]] = {}

    def take_all(self, pull: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        """Pull until it is there, trying again when the network fails for a moment; layers that came are kept.

        Raises:
            CanceledException: the person gave up.
            EngineException: what ``pull`` raised at the last try.
        """
        self._steps.begin(_STEP, f"pull {self._reference}")
        self._log.phase(f"pulling {self._reference}")
        self._write(f"Pulling {self._reference} from {registry_of(self._reference)}")
        for pause_s in (*self._pauses_s, None):
            try:
                for item in pull():
                    self._take(item)
                self._steps.end(_STEP)
                return
            except CanceledException:
                self._steps.end(_STEP, "canceled")
                raise
            except EngineException as error:
                if pause_s is None or not may_pass(error.message):
                    self._steps.end(_STEP, "failed")
                    raise
                self._wait(pause_s, error.message)

    def _take(self, item: Mapping[str, Any]) -> None:
        layer, status = str(item.get("id") or ""), str(item.get("status", item.get("stream", ""))).strip()
        if not layer:
            if status:
                self._write(status)
            return
        if status.startswith("Pulling from"):
            return
        progress = item.get("progressDetail") or {}
        known, total = self._bytes.get(layer, (0, 0))
        if status == "Downloading" and progress.get("total"):
            self._bytes[layer] = (int(progress.get("current") or 0), int(progress["total"]))
        elif status in ("Verifying Checksum", "Download complete", "Extracting", *_THROUGH):
            self._bytes[layer] = (total or known, total)
        changed = self._states.get(layer) != status
        self._states[layer] = status
        if changed and status in _THROUGH:
            self._write(f"{layer}: {status}")
        self._tell()

    def _tell(self) -> None:
        through = sum(state in _THROUGH for state in self._states.values())
        detail = f"{through} of {len(self._states)} layers"
        if through < len(self._states) and "Extracting" in self._states.values():
            detail += ", extracting"
        current, total = (
            (sum(numbers) for numbers in zip(*self._bytes.values(), strict=True)) if self._bytes else (0, 0)
        )
        self._steps.progress(_STEP, current, total, detail)
        self._look_for_room(total)
        size = f", {human_size(current)} of {human_size(total)}" if total else ""
        self._steps.phase(f"pulling {self._reference}: {detail}{size}")

    def _look_for_room(self, total: int) -> None:
        """Say, once, that the layers known so far are likely too large: an engine that finds out has no room left."""
        if self._free_bytes is not None and total * UNPACKED > self._free_bytes:
            self._write(
                f"The layers of {self._reference} are {human_size(total)} or more, about {human_size(total * UNPACKED)}"
                f" once unpacked, and {human_size(self._free_bytes)} are free where the engine keeps images: it may not"
                " fit. Free some: %aml_env --prune, docker image prune, docker builder prune."
            )
            self._free_bytes = None

    def _wait(self, pause_s: float, message: str) -> None:
        self._write(f"The network failed while pulling {self._reference}; trying again in {pause_s:.0f} s. {message}")
        self._log.phase(f"pulling {self._reference}: waiting to try again")
        end = time.monotonic() + pause_s
        while time.monotonic() < end:
            if self._log.canceled():
                self._steps.end(_STEP, "canceled")
                raise CanceledException(f"Canceled while {self._reference} was being pulled.")
            time.sleep(_LOOK_S)

    def _write(self, line: str) -> None:
        self._steps.line(_STEP, line)
        self._log.write(f"{line}\n".encode())
