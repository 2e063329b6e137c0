"""The test engine by hand: ``PYTHONPATH=tests python -m engine start|stop|images|clean``."""

from __future__ import annotations

import argparse
import sys

from .images import base_archive
from .parts import MissingPart
from .shared import SharedEngine, cache_folder


def main() -> str | None:
    """Do what the command line asks; the result is an error message."""
    parser = argparse.ArgumentParser(prog="engine", description="The private Docker engine of the test suite.")
    actions = {
        "start": "start it, with its images, and print the line to export",
        "stop": "stop it; its data stays",
        "images": "make the archive of the base image",
        "clean": "stop it and delete its data",
    }
    parser.add_argument("action", choices=actions, help="; ".join(f"{name}: {text}" for name, text in actions.items()))
    action = parser.parse_args().action
    try:
        if action == "images":
            print(base_archive(cache_folder()))
            return None
        engine = SharedEngine()
        {"start": engine.start, "stop": engine.stop, "clean": engine.clean}[action]()
        if action == "start":
            print(f"export DOCKER_HOST={engine.daemon.url}")
    except (MissingPart, RuntimeError) as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
