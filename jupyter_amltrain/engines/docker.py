"""Jobs as containers of a Docker engine, or of Podman through its Docker-compatible socket.

One container per run, named and labelled after it. How its output is had: :mod:`.container_output`.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..environment.inspection.preflight import REFUSE, Finding, gpu_finding, refuse
from ..errors import (
    EngineException,
    EngineUnavailableException,
    GpuUnavailableException,
    ImageNotFoundException,
    UserErrorException,
)
from ..file_lock import locked
from ..submission.job import WORK_FOLDER, Job, Resources
from .by_hand import docker_command
from .connection import Api, Connection
from .container_output import ContainerOutput
from .containers import container_request, network_settings
from .exits import explain_exit, explain_memory
from .probes import ensure_shared, gpu_facts, is_gpu_refusal, sweep_probes
from .protocol import (
    Chunk,
    Discarded,
    EnvironmentSpec,
    Exit,
    Handle,
    Image,
    Mark,
    Preparation,
    PushedImage,
    Stored,
    Usage,
)

_START_LOCK = "start.lock"
_RETRY_STOP_S = 0.01
_CREATED_WITHIN_S = 30.0
_REMOVED_WITHIN_S = 30.0


class DockerEngine:
    """The ``docker`` engine. Where it is: ``DOCKER_HOST``, the docker context, else the usual sockets."""

    name = "docker"
    isolated = True
    host_paths = False

    def __init__(self, url: str | None = None) -> None:
        self._connection = Connection(url)
        self._output = ContainerOutput(self._connection, lambda handle: self.poll(handle) is not None)

    # --- before a job --------------------------------------------------------------------------------------------

    def check(
        self, environment: EnvironmentSpec, resources: Resources, secrets: Mapping[str, str] | None = None
    ) -> list[str]:
        """See :meth:`Engine.check`."""
        from ..environment.image import check_environment, engine_view

        self._connection.refuse_silence()
        with self._connection.docker() as docker:
            notes = list(check_environment(docker, environment, secrets))
            client = docker.api
            if resources.gpus:
                facts = gpu_facts(client, engine_view(docker))
                notes += refuse([gpu_finding(resources.gpus, resources.gpu_policy, facts)])
        return notes

    def examine(
        self, environment: EnvironmentSpec, resources: Resources, secrets: Mapping[str, str] | None = None
    ) -> list[Finding]:
        """Everything :meth:`check` looks at, and what it found, refused or not; an engine that is silent is one."""
        from ..environment.image import engine_view, examine_environment

        try:
            self._connection.refuse_silence()
            with self._connection.docker() as docker:
                found = examine_environment(docker, environment, secrets)
                facts = gpu_facts(docker.api, engine_view(docker))
        except EngineUnavailableException as error:
            return [Finding("engine", REFUSE, error.message.rstrip("."))]
        return [*found, gpu_finding(resources.gpus, resources.gpu_policy, facts)]

    def prepare(
        self,
        environment: EnvironmentSpec,
        log: Preparation,
        secrets: Mapping[str, str] | None = None,
        renew: str = "",
    ) -> Image:
        """See :meth:`Engine.prepare`."""
        from ..environment.image import prepare_image

        with self._connection.docker() as docker:
            return prepare_image(docker, environment, log, secrets, renew)

    def push(
        self,
        image: str,
        target: str,
        log: Preparation,
        registry: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> PushedImage:
        """See :meth:`ImagePusher.push`."""
        from ..environment.image import push_to_registry

        with self._connection.docker() as docker:
            return push_to_registry(docker, image, target, log, registry, secrets)

    # --- the job's life ------------------------------------------------------------------------------------------

    def start(self, job: Job) -> Handle:
        """See :meth:`Engine.start`."""
        url = self._connection.where()
        with self._connection.client(url) as client:
            # Asking first whether it is there would cost every start a round trip for the sake of the rare second one.
            facts = self._connection.facts(client)
            settings, note = network_settings(job, facts, _own_variables(client, job) if job.defaults else ())
            notes = [note] if note else []
            # Who starts a container that has ended in the meantime would run the job again.
            with locked(Path(job.run_folder) / _START_LOCK):
                is_new = self._create(client, job, settings) == "created"
                notes += self._begin(client, job, settings) if is_new else []
        # Whatever DOCKER_HOST or the docker context says later, the job is on this engine.
        handle: Handle = {"container": job.name, "engine_url": url, "notes": notes}
        request = container_request(job, facts, getpass.getuser(), settings=settings)
        handle["by_hand"] = docker_command(request, settings)
        if job.resources.memory_bytes:
            handle["memory_bytes"] = job.resources.memory_bytes
        return handle

    def _create(self, client: Api, job: Job, settings: Mapping[str, str], gpus: bool = True) -> str:
        """Create the container unless it is there already; its state, ``created`` when it was not started yet."""
        from docker import errors

        facts = self._connection.facts(client)
        if facts.home_needed:
            (Path(job.run_folder) / WORK_FOLDER / "home").mkdir(parents=True, exist_ok=True)
        request = container_request(job, facts, getpass.getuser(), gpus=gpus, settings=settings)
        try:
            if job.mounts:
                ensure_shared(client, facts.engine_id, job.image)
            self._create_from(client, request, job.name)
        except errors.ImageNotFound as error:
            raise ImageNotFoundException(
                f"The image {job.image} is not on the engine any more. Submit again to build or pull it."
            ) from error
        except errors.APIError as error:
            if error.status_code != 409 and "already in use" not in str(error.explanation):  # Podman says 500
                raise
            return self._state_of_existing(client, job)
        return "created"

    def _create_from(self, client: Api, request: dict[str, Any], name: str) -> None:
        from docker import errors

        try:
            client.create_container_from_config(request, name=name)
        except errors.APIError as error:
            if "container-init" not in str(error.explanation):
                raise
            # Podman without catatonit, which Debian only recommends: the job is then process 1 itself.
            request["HostConfig"]["Init"] = False
            client.create_container_from_config(request, name=name)

    def _state_of_existing(self, client: Api, job: Job) -> str:
        """The state of the container that has the name already; the engine shows it only when it is whole."""
        from docker import errors

        deadline = time.monotonic() + _CREATED_WITHIN_S
        while True:
            try:
                return str(client.inspect_container(job.name)["State"]["Status"])
            except errors.NotFound:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_STOP_S)

    def _begin(self, client: Api, job: Job, settings: Mapping[str, str]) -> list[str]:
        """Attach, then start, so that not one byte is missed. Returns notes for the control log."""
        from docker import errors

        with ExitStack() as undo:
            self._output.attach(client, job.name)
            undo.callback(self._output.drop, job.name)
            try:
                client.start(job.name)
                undo.pop_all()
                return []
            except errors.APIError as error:
                refused = error
        if self._state_of_existing(client, job) != "created":
            return []  # it runs, or ran: another process was first
        return self._begin_otherwise(client, job, settings, refused)

    def _begin_otherwise(self, client: Api, job: Job, settings: Mapping[str, str], error: Exception) -> list[str]:
        """After a refused start: the same without GPUs where that was the reason and is allowed, else say why."""
        text = str(getattr(error, "explanation", None) or error)
        client.remove_container(job.name, force=True, v=True)
        if is_gpu_refusal(text):
            if job.resources.gpu_policy != "prefer":
                raise GpuUnavailableException(_NO_GPU) from error
            self._create(client, job, settings, gpus=False)
            return [*self._begin(client, job, settings), "no GPU: the run uses the CPU"]
        if "not found" in text or "no such file" in text:
            raise UserErrorException(explain_exit(127, job.command[0], text, "image")) from error
        if "denied" in text:
            raise UserErrorException(explain_exit(126, job.command[0], text)) from error
        raise EngineException(explain_exit(125, detail=text)) from error

    def poll(self, handle: Handle) -> Exit | None:
        """See :meth:`Engine.poll`."""
        from docker import errors

        with self._connection.client(handle.get("engine_url")) as client:
            try:
                state = client.inspect_container(handle["container"])["State"]
            except errors.NotFound:
                return Exit(
                    None,
                    "Its container was removed from outside (docker rm, or a prune). What it had written is kept;"
                    " submit again to run it anew.",
                    infrastructure=True,
                )
        if state["Status"] in {"created", "running", "paused", "restarting", "initialized", "configured"}:
            return None
        code = int(state["ExitCode"])
        limit = handle.get("memory_bytes")
        if state.get("OOMKilled"):
            return Exit(137, explain_memory(limit), peak_memory_bytes=limit)
        return Exit(code, explain_exit(code, place="image"))

    def stream(self, handle: Handle, after: Mark | None = None) -> Iterator[Chunk]:
        """See :meth:`Engine.stream`."""
        return self._output.stream(handle, after)

    def usage(self, handle: Handle) -> Usage | None:
        """See :meth:`Engine.usage`."""
        from docker import errors

        from .usage import usage_of_statistics, with_disk

        with self._connection.client(handle.get("engine_url")) as client:
            try:
                response = client._get(
                    client._url("/containers/{0}/stats", handle["container"]), params={"stream": 0, "one-shot": 1}
                )
                client._raise_for_status(response)
                # Podman says nothing at all of a container that has ended.
                usage = usage_of_statistics(response.json(), time.time()) if response.content.strip() else None
                return usage and with_disk(usage, lambda: client.inspect_container(handle["container"]))
            except errors.NotFound:
                return None
            except errors.APIError as error:
                if error.status_code not in {409, 500}:  # Podman, of a container that does not run
                    raise
                return None

    def stop(self, handle: Handle, grace_s: float) -> None:
        """See :meth:`Engine.stop`."""
        from docker import errors

        ladder = (("SIGINT", grace_s * 0.7), ("SIGTERM", grace_s * 0.3), ("SIGKILL", 10.0))
        with self._connection.client(handle.get("engine_url")) as client:
            for signal, patience_s in ladder:
                try:
                    client.kill(handle["container"], signal)
                except errors.NotFound:
                    return
                except errors.APIError as error:
                    if error.status_code not in {409, 500}:  # not running (Podman says 500 for some states)
                        raise
                if self._ended_within(handle, patience_s):
                    return

    def _ended_within(self, handle: Handle, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.poll(handle) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_RETRY_STOP_S)
        return True

    def remove(self, handle: Handle) -> None:
        """See :meth:`Engine.remove`."""
        from docker import errors

        self._output.drop(handle["container"])
        deadline = time.monotonic() + _REMOVED_WITHIN_S
        with self._connection.client(handle.get("engine_url")) as client:
            while True:
                try:
                    client.remove_container(handle["container"], force=True, v=True)
                except errors.NotFound:
                    return
                except errors.APIError as error:
                    # Docker says 409 while it removes already; Podman 500 while it still tidies up after the end.
                    if error.status_code not in {409, 500} or time.monotonic() > deadline:
                        raise
                else:
                    return
                time.sleep(_RETRY_STOP_S)

    # --- what it keeps -------------------------------------------------------------------------------------------

    def stored(self, environments: Mapping[str, EnvironmentSpec]) -> tuple[Stored, ...]:
        """See :meth:`Engine.stored`."""
        from .stored import list_stored

        with self._connection.docker() as docker:
            return list_stored(docker, environments)

    def discard(self, things: Sequence[Stored]) -> Discarded:
        """See :meth:`Engine.discard`."""
        from .stored import discard_stored

        with self._connection.docker() as docker:
            return discard_stored(docker, things)

    def warm_up(self) -> None:
        """Ask the engine now what every start would ask; a process forked later knows it. Never fails."""
        try:
            self._connection.forget()
            with self._connection.client(timeout_s=2) as client:
                self._connection.facts(client)
                sweep_probes(client)
        except EngineException:
            return


_NO_GPU = (
    "A GPU was asked for and the engine has none to give. On a machine with an NVIDIA GPU install"
    " nvidia-container-toolkit and restart Docker; to run on the CPU instead, set AMLTRAIN_GPU=prefer, or choose a"
    " target whose VM size has no GPU."
)


def _own_variables(client: Api, job: Job) -> list[str]:
    """Names of the variables that the job's image sets; none when it is gone, which the creation tells."""
    from docker import errors

    try:
        config = client.inspect_image(job.image).get("Config") or {}
    except errors.NotFound:
        return []
    return [str(item).partition("=")[0] for item in config.get("Env") or ()]
