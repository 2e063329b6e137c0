"""An engine used from a process of its own, the way a supervisor uses it: ``python other_process.py VERB ENGINE FILE``.

start   starts the job in FILE and prints its handle
stop    stops the handle in FILE
read    streams the handle in FILE after what lies in its folder already, appending to the files there
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jupyter_amltrain.engines.registry import get_engine
from jupyter_amltrain.submission.job import Job, Mount, Resources

SOURCES = ("0/stdout", "0/stderr")


def file_of(source: str) -> str:
    """Name of the file that ``read`` keeps a source in."""
    return source.replace("/", ".")


def main(verb: str, engine_name: str, file: Path) -> None:
    """Do what the module's text says."""
    engine = get_engine(engine_name)
    given = json.loads(file.read_text())
    if verb == "start":
        print(json.dumps(engine.start(job_from_json(given))))
    elif verb == "stop":
        engine.stop(given, grace_s=10)
    else:
        kept = {source: file.with_name(file_of(source)) for source in SOURCES}
        after = {source: path.stat().st_size for source, path in kept.items() if path.exists()}
        for chunk in engine.stream(given, after):
            with kept[chunk.source].open("ab") as target:
                target.write(chunk.data)


def job_from_json(value: dict[str, object]) -> Job:
    """The job that ``dataclasses.asdict`` made plain."""
    plain = dict(value)
    plain["command"] = tuple(value["command"])  # type: ignore[arg-type]
    plain["mounts"] = tuple(Mount(**mount) for mount in value["mounts"])  # type: ignore[attr-defined]
    plain["resources"] = Resources(**value["resources"])  # type: ignore[arg-type]
    return Job(**plain)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
