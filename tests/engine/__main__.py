"""The test engine by hand: ``PYTHONPATH=tests python -m engine start|stop|images|clean|exec COMMAND``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from .images import base_archive
from .parts import MissingPart
from .shared import SharedEngine, cache_folder, docker_host


def main() -> str | int | None:
    """Do what the command line asks; the result is an exit status or an error message."""
    parser = argparse.ArgumentParser(prog="engine", description="The private Docker engine of the test suite.")
    actions = {
        "start": "start it, with its images, and print the line to export",
        "stop": "stop it; its data stays",
        "images": "make the archive of the base image",
        "clean": "stop it and delete its data",
        "exec": "run a command with DOCKER_HOST set, starting and stopping the engine for it",
    }
    parser.add_argument("action", choices=actions, help="; ".join(f"{name}: {text}" for name, text in actions.items()))
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command of exec")
    arguments = parser.parse_args()
    action = arguments.action
    try:
        if action == "images":
            print(base_archive(cache_folder()))
            return None
        if action == "exec":
            with docker_host() as url:
                return subprocess.run(arguments.command, env={**os.environ, "DOCKER_HOST": url}).returncode
        engine = SharedEngine()
        {"start": engine.start, "stop": engine.stop, "clean": engine.clean}[action]()
        if action == "start":
            print(f"export DOCKER_HOST={engine.daemon.url}")
    except (MissingPart, RuntimeError) as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
