"""Run a notebook headless, show its output as it arrives, and keep the executed copy in ``build/demo``."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from jupyter_amltrain import Workspace
from jupyter_amltrain.engines.registry import default_engine_name, docker_problem, docker_url

BUILD = Path(__file__).parents[1] / "build" / "demo"


class EchoingClient(NotebookClient):
    """Executes a notebook and writes what its cells print to our standard output at once."""

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Take an output message of a cell."""
        content = msg["content"]
        text = content.get("text") or content.get("data", {}).get("text/plain")
        if text is None and "traceback" in content:
            text = "\n".join(content["traceback"])
        if text:
            sys.stdout.write(text if msg["msg_type"] == "stream" else f"{text}\n")
            sys.stdout.flush()
        return super().output(outs, msg, display_id, cell_index)


def announce_cell(cell: nbformat.NotebookNode, cell_index: int) -> None:
    """Write the first line of a cell that is about to run."""
    lines = cell.source.strip().splitlines() or [""]
    print(f"\n[{cell_index}] {lines[0]}{' …' if len(lines) > 1 else ''}", flush=True)


def engine_sentence() -> str:
    """Where the runs of the notebook will run, and why there."""
    engine = default_engine_name()
    if engine == "docker":
        return f"Runs go to the Docker engine at {docker_url()}."
    if engine == "local" and not os.environ.get("AMLTRAIN_ENGINE"):
        return f"Runs go to the embedded local engine, not isolated from this machine. {docker_problem()}"
    return f"Runs go to the engine '{engine}', as AMLTRAIN_ENGINE says."


def summary(since: float) -> Iterator[str]:
    """A line for each run that was submitted after the time ``since``, with its newest metrics."""
    for workspaces in Workspace.list().values():
        for workspace in workspaces:
            for record in workspace.store.runs():
                if record.created < since:
                    continue
                took = f" in {record.ended - record.started:.1f} s" if record.started and record.ended else ""
                yield f"{record.id}: {record.status}{took} on '{record.engine}' {record.reason}".rstrip()
                for name, value in workspace.get_run(record.id).get_metrics().items():
                    yield f"    {name} = {value[-1] if isinstance(value, list) else value}"


def main() -> int:
    """Run the notebook named on the command line; 1 when one of its cells failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    path = parser.parse_args().notebook.resolve()
    BUILD.mkdir(parents=True, exist_ok=True)
    executed = BUILD / path.name
    home = os.environ.setdefault("AMLTRAIN_HOME", str(BUILD / "home"))

    print(engine_sentence())
    notebook = nbformat.read(path, as_version=4)
    client = EchoingClient(
        notebook,
        timeout=None,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=announce_cell,
    )
    since = time.time()
    failed = False
    try:
        client.execute()
    except CellExecutionError:
        failed = True
    finally:
        nbformat.write(notebook, executed)

    print("\n" + "\n".join(summary(since)))
    print(f"Executed notebook: {executed}")
    jupyter = Path(sys.executable).with_name("jupyter")
    print(f"Open it: AMLTRAIN_HOME={shlex.quote(home)} {jupyter} lab {shlex.quote(str(executed))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
