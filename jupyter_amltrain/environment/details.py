"""What ``Environment.build`` and ``get_image_details`` return (azureml-v1.md section 3.7), and the work behind them."""

from __future__ import annotations

import codecs
import contextlib
import copy
import json
import re
import sys
import threading
import traceback
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..absent import Recreated
from ..engines.protocol import FLATTEN, REBUILD, OnlyAsking
from ..errors import (
    AzureMLException,
    CanceledException,
    ImageNotFoundException,
    NameNotFoundException,
    StoreException,
    UserErrorException,
)
from .curated import curated_environment
from .registry.container_registry import DOCKER_HUB, image_reference, registry_of

if TYPE_CHECKING:
    from ..engines.protocol import Image, Preparation, Step
    from ..workspace import Workspace
    from .spec import Environment

BUILDS_FOLDER = "builds"
KEPT_LOGS = 100
_SILENCE_S = 2.0
_GIVE_UP_S = 10.0


class DockerImageDetails(dict[str, Any]):
    """What is known of an environment's image: a dictionary with the service's keys, the same as attributes.

    It never holds the password of a registry, and its text forms show the first three letters of a user name.
    """

    @property
    def image_exist(self) -> bool:
        """Whether the engine has the image."""
        return bool(self.get("imageExistsInRegistry"))

    @property
    def repository(self) -> str | None:
        """Name of the image without its registry, None while there is no image."""
        return self._in("dockerImage", "name")

    @property
    def registry(self) -> str | None:
        """Address of the registry; None for an image that was built here, and for one from Docker Hub."""
        return self._in("dockerImage", "registry", "address")

    @property
    def image(self) -> str | None:
        """Full name of the image, None while there is none."""
        return "/".join(part for part in (self.registry, self.repository) if part) or None

    @property
    def pushed(self) -> dict[str, str]:
        """Names that the image was given at registries by ``push``, the newest first, with its digest there."""
        return dict(self.get("pushed") or {})

    @property
    def interpreter_path(self) -> str | None:
        """The Python that jobs are started with."""
        return self._in("pythonEnvironment", "interpreterPath")

    @property
    def environment_path(self) -> str | None:
        """Folder of the virtual environment, on an engine without images."""
        return self._in("pythonEnvironment", "condaEnvironmentPath")

    @property
    def dockerfile(self) -> str | None:
        """Text of the environment's Dockerfile, None when it has none."""
        return self._in("ingredients", "dockerfile")

    def _in(self, *keys: str) -> str | None:
        value: Any = self
        for key in keys:
            value = (value or {}).get(key)
        return None if value is None else str(value)

    def _shown(self) -> dict[str, Any]:
        shown = copy.deepcopy(dict(self))
        registry = (shown.get("dockerImage") or {}).get("registry") or {}
        if registry.get("username"):
            registry["username"] = registry["username"][:3] + "***"
        if registry.get("password"):
            registry["password"] = "***"
        return shown

    def __repr__(self) -> str:
        return repr(self._shown())

    def __str__(self) -> str:
        return str(self._shown())


class ImageBuildDetails(Recreated):
    """A build that goes on in the background for as long as this process lives.

    Attributes:
        log_url: where the log is, as a ``file:`` address.
        build_id: name of the build, which is that of its log.
    """

    _absent = {"environment_client": "there is no service"}

    def __init__(self, prepare: Callable[[Preparation], Image], log_file: Path) -> None:
        self._log_file = log_file
        self._log = _Log(log_file)
        self.log_url = log_file.as_uri()
        self.build_id = log_file.stem
        self._status = "Running"
        self._error: BaseException | None = None
        self._worker = threading.Thread(target=self._work, args=(prepare,), name="amltrain-build", daemon=True)
        self._worker.start()

    @property
    def status(self) -> str:
        """``Running``, ``Succeeded``, ``Failed`` or ``Canceled``."""
        return self._status

    def get_log(self) -> str:
        """The output of the build so far; that of one that failed ends with why."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    def wait_for_completion(self, show_output: bool = True) -> ImageBuildDetails:
        """Wait until the build is over, printing its status and output unless ``show_output`` is False.

        A build that fails raises nothing here, as in the SDK: ``status`` says so. Interrupting the wait leaves the
        build going.
        """
        if show_output:
            if self._status == "Running":
                print("Image Build Status: Running\n")
            self._log.follow(_show)
            self._worker.join()
            print(f"Image Build Status: {self._status}\n")
        else:
            self._worker.join()
        return self

    def _watch(self) -> None:
        """Show the output until the build is over; interrupting it ends the build.

        Raises:
            CanceledException: it was interrupted.
            EngineException: the build failed.
        """
        try:
            self._log.follow(_show)
            self._worker.join()
        except KeyboardInterrupt:
            self._log.stop.set()
            self._worker.join(_GIVE_UP_S)
            raise CanceledException(
                f"Stopped while {self._log.now or 'it was being prepared'}; nothing was kept."
            ) from None
        if self._error:
            raise self._error

    def _work(self, prepare: Callable[[Preparation], Image]) -> None:
        status = "Failed"
        try:
            image = prepare(self._log)
            self._log.write(f"{image.name} {'is ready' if image.built else 'was there already'}.\n".encode())
            status = "Succeeded"
        except BaseException as error:  # noqa: BLE001 - the status and the log tell it, _watch raises it
            self._error = error
            status = "Canceled" if isinstance(error, CanceledException) else status
            why = error.message if isinstance(error, AzureMLException) else traceback.format_exc()
            with contextlib.suppress(StoreException):
                self._log.write(f"{why.rstrip()}\n".encode())
        finally:
            self._status = status
            self._log.close()


class _Log:
    """The ``Preparation`` that a build talks to: its output goes to a file, which others follow."""

    def __init__(self, path: Path) -> None:
        self.now = ""
        self.stop = threading.Event()
        self._path = path
        self._changed = threading.Condition()
        self._written = 0
        self._over = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            make_room_for_log(path.parent)
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise self._cannot(error) from error

    def write(self, data: bytes) -> None:
        with self._changed:
            try:
                self._file.write(data)
            except OSError as error:
                raise self._cannot(error) from error
            self._written = self._file.tell()
            self._changed.notify_all()

    def phase(self, text: str) -> None:
        self.now = text

    def step(self, step: Step) -> None:
        pass  # the log has the steps in words

    def canceled(self) -> bool:
        return self.stop.is_set()

    def close(self) -> None:
        with self._changed:
            self._over = True
            self._file.close()
            self._changed.notify_all()

    def follow(self, show: Callable[[str], object]) -> None:
        """Give everything written to ``show`` until the log is closed; in silences, what is being waited for."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        told, over = "", False
        with self._path.open("rb") as file:
            while not over:
                shown = file.tell()
                with self._changed:
                    news = self._changed.wait_for(lambda: self._over or self._written > shown, _SILENCE_S)  # noqa: B023
                    over = self._over
                if news:
                    show(decoder.decode(file.read(), final=over))
                elif self.now != told:
                    told = self.now
                    show(f"… {told}\n")

    def _cannot(self, error: OSError) -> StoreException:
        return StoreException(f"The build log {self._path} cannot be written: {error.strerror}.", inner_exception=error)


def start_build(
    environment: Environment, workspace: Workspace, engine_name: str | None = None, renew: str = ""
) -> ImageBuildDetails:
    """Begin to prepare an environment on an engine, by default the usual one; the log goes below the workspace.

    Raises:
        StoreException: the log cannot be written.
    """
    spec, secrets = workspace._spec_of(environment), environment._secrets()
    engine = workspace._engine(engine_name)
    return ImageBuildDetails(
        lambda log: engine.prepare(spec, log, secrets, renew),
        build_log_path(environment, workspace),
    )


def build_log_path(environment: Environment, workspace: Workspace) -> Path:
    """A new file for the log of a build."""
    name = f"{_slug(environment.name)}-{environment.version or 'local'}-{uuid.uuid4().hex[:8]}.txt"
    return workspace.folder / BUILDS_FOLDER / name


def newest_build_log(name: str, workspace: Workspace) -> Path:
    """The log that builds of an environment wrote last, also of one that was killed.

    Raises:
        NameNotFoundException: nothing was built under that name, or its logs are gone.
    """
    logs = _newest_first(workspace.folder / BUILDS_FOLDER)
    named = {path: path.name.rsplit("-", 2)[0] for path in logs}
    for path in logs:
        if named[path] == _slug(name):
            return path
    raise NameNotFoundException("build log", name, {*named.values()})


def make_room_for_log(folder: Path) -> None:
    """Remove the oldest build logs of a folder, so that with one more there are :data:`KEPT_LOGS` of them."""
    for path in _newest_first(folder)[KEPT_LOGS - 1 :]:
        with contextlib.suppress(OSError):
            path.unlink()


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:64] or "environment"


def _newest_first(folder: Path) -> list[Path]:
    written: list[tuple[float, Path]] = []
    for path in folder.glob("*.txt"):
        with contextlib.suppress(OSError):  # another process removed it
            written.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(written, reverse=True)]


def build_and_watch(environment: Environment, workspace: Workspace, advanced: Mapping[str, Any]) -> None:
    """What ``Environment.build_local`` does; ``advanced`` are the keyword arguments that the SDK documents in prose."""
    unknown = sorted({*advanced} - {"useDocker", "pushImageToWorkspaceAcr", "rebuild", "flatten"})
    if unknown:
        raise UserErrorException(
            f"build_local has no argument '{unknown[0]}'; there are platform, useDocker, pushImageToWorkspaceAcr,"
            " rebuild and flatten."
        )
    if advanced.get("pushImageToWorkspaceAcr"):
        raise UserErrorException(
            "The workspace has no registry to push the image to. Leave out pushImageToWorkspaceAcr, and push the image"
            " with push(workspace, 'registry.example.com/team/NAME')."
        )
    wanted = advanced.get("useDocker")
    renew = REBUILD if advanced.get("rebuild") else FLATTEN if advanced.get("flatten") else ""
    start_build(environment, workspace, None if wanted is None else "docker" if wanted else "local", renew)._watch()


def image_details(environment: Environment, workspace: Workspace) -> DockerImageDetails:
    """What the usual engine has for an environment, without making it."""
    try:
        image = workspace._engine().prepare(workspace._spec_of(environment), OnlyAsking(), environment._secrets())
    except (CanceledException, ImageNotFoundException):
        image = None
    docker = environment.docker
    address, name = _address_and_name(image.name) if image else (None, None)
    known = docker.base_image_registry
    details = DockerImageDetails(
        imageExistsInRegistry=image is not None,
        dockerImage={
            "name": name,
            "digest": image.digest if image else None,
            "sizeBytes": image.size_bytes if image else None,
            "registry": {
                "address": address,
                "username": known.username,
                "password": "***" if known.password else None,
            },
        },
        pythonEnvironment={
            "interpreterPath": image.interpreter if image else None,
            "condaEnvironmentPath": image.reference if image and Path(image.reference).is_absolute() else None,
        },
        ingredients={"dockerfile": docker.base_dockerfile} if docker.base_dockerfile else None,
    )
    pushed = workspace.store.pushed(environment.name, environment.version) if environment.version else {}
    if pushed:
        details["pushed"] = pushed
    return details


def check_registered(environment: Environment, workspace: Workspace) -> None:
    """Refuse an environment that the workspace does not know as it is.

    Raises:
        UserErrorException: it is not registered, or has changed since.
    """
    version = environment.version
    known: Any = None
    curated = curated_environment(environment.name, version)
    if curated is not None and curated._to_spec() == environment._to_spec():
        return
    if version is None or version.isdecimal():
        known = workspace.store.get_environment(environment.name, version)
    if known is None:
        asked = f" with version {version}" if version else ""
        raise UserErrorException(
            f"Environment '{environment.name}' is not registered{asked}; call register(workspace) and use what it"
            " returns."
        )
    number = known.pop("version")
    if known != json.loads(json.dumps(environment._to_spec())):
        raise UserErrorException(
            f"Environment '{environment.name}' has changed since its version {number} was registered; call"
            " register(workspace) again and use what it returns."
        )


def _address_and_name(image: str) -> tuple[str | None, str]:
    address = registry_of(image)
    first, _, rest = image_reference(image).partition("/")
    return (None, image) if address == DOCKER_HUB or not rest else (first, rest)


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
