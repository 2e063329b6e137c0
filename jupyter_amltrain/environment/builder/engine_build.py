"""Dockerfile and context → image, through the engine's build API, with live output and the failing step named.

BuildKit is used without a client session: a plain tar body and ``version=2``. Base images must be on the engine before.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from ...engines.protocol import Preparation
from ...errors import CanceledException, EngineException
from ..api import EngineApi
from ..output.build import BuildOutput
from .context import write_context
from .options import BuildSecret


@dataclass(frozen=True)
class Build:
    """One build, as a value.

    Attributes:
        title: what is built, for messages.
        dockerfile: the text the builder gets.
        shown: the text as the person knows it, whose lines messages name; "" when they never saw it.
        folder: build context, None for none.
        paths: the files of it to send.
        added: more files, by name: their bytes, or the path of a file of this host.
        tag: name of the result.
        labels: labels of the result.
        arguments: build arguments.
        platform: such as ``linux/arm64``, None for the engine's own.
        no_cache: build every step, whatever the builder remembers of earlier builds.
        secrets: what RUN steps may mount, with the values.
        ssh: SSH agents or keys that they may use, as ``docker build --ssh`` takes them.
    """

    title: str
    dockerfile: str
    tag: str
    shown: str = ""
    folder: str | None = None
    paths: Sequence[str] = ()
    added: Mapping[str, bytes | str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict, repr=False)
    platform: str | None = None
    no_cache: bool = False
    secrets: Sequence[tuple[BuildSecret, bytes]] = field(default=(), repr=False)
    ssh: Sequence[str] = ()


def choose_builder(api: EngineApi) -> str:
    """``buildkit`` where the engine has it, else ``classic``; ``AMLTRAIN_BUILDER`` decides otherwise."""
    asked = os.environ.get("AMLTRAIN_BUILDER", "")
    if asked in ("buildkit", "classic"):
        return asked
    _, version = api.get("/version")
    names = [str(part.get("Name", "")) for part in (version or {}).get("Components") or ()]
    is_podman = any("podman" in name.lower() for name in names)
    return "classic" if is_podman or (version or {}).get("Os") == "windows" else "buildkit"


def build_network(api: EngineApi) -> str:
    """Network of RUN steps: ``AMLTRAIN_BUILD_NETWORK``, else the engine's default; the host's where it has none."""
    asked = os.environ.get("AMLTRAIN_BUILD_NETWORK")
    if asked:
        return asked
    status, networks = api.get("/networks")
    drivers = {network.get("Driver") for network in networks or ()} if status == 200 else {"bridge"}
    return "" if "bridge" in drivers else "host"


def build_image(api: EngineApi, build: Build, log: Preparation, *, builder: str, network: str) -> str:
    """Build it and return the image's id; the tag is given by the engine when, and only when, all steps succeeded.

    Raises:
        ImageBuildException: a step failed; its instruction, line and last lines are named.
        CanceledException: the user gave up; the engine drops the build.
    """
    build_id = uuid.uuid4().hex
    params = {
        "t": build.tag,
        "rm": "1",
        "forcerm": "1",
        "labels": json.dumps(dict(build.labels)),
        "buildargs": json.dumps(dict(build.arguments)),
        "buildid": build_id,
    }
    if builder == "buildkit":
        params["version"] = "2"
    if build.no_cache:
        params["nocache"] = "1"
    if network:
        params["networkmode"] = network
    if build.platform:
        params["platform"] = build.platform
    output = BuildOutput(build, log)
    log.phase(f"building {build.title}")
    with context_body(build) as body:
        try:
            stream = api.stream(
                "/build",
                params=params,
                headers={"Content-Type": "application/x-tar"},
                body=body,
                canceled=log.canceled,
            )
            with contextlib.closing(stream):
                for item in stream:
                    output.take(item)
        except CanceledException:
            output.canceled()
            if builder == "buildkit":
                api.post("/build/cancel", params={"id": build_id})
            raise
    return output.result()


@contextlib.contextmanager
def context_body(build: Build) -> Iterator[IO[bytes]]:
    """A build's Dockerfile and context as an open tar file, gone afterwards."""
    with tempfile.TemporaryFile(prefix="amltrain-context-") as body:
        added = {"Dockerfile": build.dockerfile.encode(), **build.added}
        try:
            write_context(body, build.folder, [path for path in build.paths if path not in added], added)
            body.seek(0)
        except OSError as error:
            raise EngineException(
                f"The build context of {build.title} cannot be copied to {tempfile.gettempdir()}: {error}.",
                inner_exception=error,
            ) from error
        yield body
