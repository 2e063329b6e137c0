"""What is known of a failed run besides how it ended and what it printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..submission.job import CODE_FOLDER, JOB_ROOT
from .record import RunRecord

_JOB_CODE = f"{JOB_ROOT}/run/{CODE_FOLDER}"
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib(?:32|64)?/(?:python|pypy)\d[\d.]*/|\.zip/|^<|^$")


@dataclass(frozen=True)
class Circumstances:
    """Under which circumstances a run failed.

    Attributes:
        script: the script that was started, "" for a command.
        from_cell: whether it was a cell of the notebook.
        arguments: its arguments.
        names: paths of the files in the run's snapshot.
        code_folder: the job's working folder on this machine.
        home: our home folder, which has what we add to jobs, and environments.
        environment: specification of its environment.
        image: the image it ran in, "" when it had none.
        target: its compute target.
        isolated: False when the job saw this machine's files and network.
        network_mode: as the target says, None for the engine's own.
        gpus: how many it asked for.
        shm_bytes: size of its ``/dev/shm``, None when it has this machine's.
        memory_bytes: its limit, None for none.
        peak_memory_bytes: most memory it held, None when nobody knows.
        host_memory_bytes: what this machine has.
        is_here: whether a path exists on this machine.
    """

    script: str = ""
    from_cell: bool = False
    arguments: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    code_folder: str = ""
    home: str = "/amltrain"
    environment: Mapping[str, Any] = field(default_factory=dict)
    image: str = ""
    target: str = "local"
    isolated: bool = True
    network_mode: str | None = None
    gpus: int = 0
    shm_bytes: int | None = None
    memory_bytes: int | None = None
    peak_memory_bytes: int | None = None
    host_memory_bytes: int = 0
    is_here: Callable[[str], bool] = lambda path: False

    def snapshot_path(self, file: str) -> str:
        """The path in the job's working folder of a file that a traceback names, "" when it is not in there."""
        for root in (_JOB_CODE, self.code_folder):
            if root and file.startswith(f"{root}/"):
                return file[len(root) + 1 :]
        # Python before 3.9 names a script as it was started.
        return file.removeprefix("./") if not file.startswith(("/", "<")) else ""

    def is_library(self, file: str) -> bool:
        """Whether a file that a traceback names is Python's, an installed package's or ours."""
        if _LIBRARY.search(file) or file.startswith(f"{JOB_ROOT}/job/"):
            return True
        return file.startswith(f"{self.home}/") and not self.snapshot_path(file)


def circumstances(
    record: RunRecord, code_folder: Path, home: Path, names: frozenset[str], **seen: Any
) -> Circumstances:
    """Those of a run.

    Args:
        seen: what its record does not tell: ``isolated``, ``host_memory_bytes``, ``peak_memory_bytes``, ``is_here``.
    """
    asked = record.definition
    resources = asked.get("resources") or {}
    isolated = bool(seen.get("isolated", True))
    return Circumstances(
        script=asked.get("script") or "",
        from_cell=bool(record.snapshot.get("from_cell")),
        arguments=tuple(asked.get("arguments") or ()),
        names=names,
        code_folder=str(code_folder),
        home=str(home),
        environment=asked.get("environment") or {},
        image=str(record.image.get("name") or ""),
        target=record.target,
        network_mode=asked.get("network_mode"),
        gpus=int(resources.get("gpus") or 0),
        shm_bytes=resources.get("shm_bytes") if isolated else None,
        memory_bytes=resources.get("memory_bytes") if isolated else None,
        **seen,
    )
