"""An image to a registry: under which name, with which credentials, with what is said when it is refused."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from ...engines.protocol import Preparation, PushedImage, Step
from ...errors import CanceledException, EngineException, RegistryException, UserErrorException
from ...submission.manifest import human_size
from ..api import EngineApi, auth_header
from ..output.steps import Steps
from .container_registry import DOCKER_HUB, credentials_for, registry_of, split_reference, why_unreachable
from .docker_login import Login, login_for, stored_credentials

if TYPE_CHECKING:
    from ...workspace import Workspace
    from ..spec import Environment
    from .container_registry import ContainerRegistry

_REPOSITORY = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_REFUSED = re.compile(r"unauthorized|denied|no basic auth|authentication required|incorrect username|forbidden", re.I)
_READ_ONLY = re.compile(r"unsupported|405|read.?only", re.I)
_ADDRESSED = re.compile(r'^(?:Get|Head|Post|Put|Patch) "[^"]*": ')
_STEP = "push"
_THROUGH = ("Pushed", "Layer already exists", "Mounted from")
_SAY_EVERY_S = 5.0


def push_target(repository: str | None, *, name: str, version: str | None, address: str | None) -> str:
    """Full name, with tag, under which an environment's image is pushed.

    Without a repository it is the environment's name at ``address``, without a tag the environment's version.

    >>> push_target("registry.example.com/team/torch", name="torch", version="3", address=None)
    'registry.example.com/team/torch:3'
    >>> push_target(None, name="Torch GPU", version="3", address="https://registry.example.com/team/")
    'registry.example.com/team/torch-gpu:3'

    Raises:
        UserErrorException: it cannot be the name of an image, or nothing says to which registry.
    """
    if not repository:
        if not address:
            raise UserErrorException(
                "Say where to push the image to, such as registry.example.com/team/torch; or set"
                " docker.base_image_registry.address, where it then gets the environment's name."
            )
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "environment"
        repository = f"{address.rstrip('/')}/{slug}"
    whole = repository.strip().partition("://")[2] or repository.strip()
    place, colon, tag = whole.rpartition(":")
    if not colon or "/" in tag:
        place, tag = whole, version or "latest"
    is_registry = "/" not in place and ("." in place or place == "localhost")
    if is_registry or not _REPOSITORY.fullmatch(place) or not _TAG.fullmatch(tag):
        raise UserErrorException(
            f"'{repository}' cannot be the name of an image at a registry. It is like registry.example.com/team/torch"
            " or registry.example.com/team/torch:3; behind the registry in lower case, without blanks."
        )
    return f"{place}:{tag}"


def push_image(
    api: EngineApi,
    image: str,
    target: str,
    log: Preparation,
    registry: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> PushedImage:
    """Push an image of the engine to a registry, under a name that :func:`push_target` gave.

    On the engine it has that name only meanwhile, unless it had it before: a name that nobody asked for would keep the
    image from being deleted with its environment.

    Args:
        registry: ``address`` and ``username``, and maybe where the password is; for another registry they are not used.
        secrets: may hold the ``password``.

    Raises:
        RegistryException: the registry refuses, or cannot be reached.
        CanceledException: the user gave up.
    """
    given, note = credentials_for(target, registry, secrets)
    if note:
        log.write(f"{note.replace(' comes from ', ' goes to ')}\n".encode())
    login = login_for(registry_of(target), given, api.credentials)
    log.phase(f"pushing {target}")
    log.write(f"Pushing {target} to {registry_of(target)}\n".encode())
    with _Named(api, image, target):
        repository, tag = split_reference(target)
        stream = api.stream(
            f"/images/{repository}/push",
            params={"tag": tag},
            headers={"X-Registry-Auth": auth_header(login.credentials or {})},
            canceled=log.canceled,
        )
        view, state = _PushOutput(target, log), "failed"
        digest = ""
        try:
            with contextlib.closing(stream):
                for item in stream:
                    if "error" in item:
                        raise _error(str(item["error"]), target, login)
                    digest = _digest(item) or digest
                    view.take(item)
            state = "done"
        except (CanceledException, KeyboardInterrupt):
            state = "canceled"
            raise
        finally:
            view.end(state)
        if not digest:
            raise EngineException(f"The engine pushed {target} without saying how it ended; try again.")
    log.write(f"{target} is at the registry: {digest}\n".encode())
    return PushedImage(target, digest)


def push_environment(
    environment: Environment, workspace: Workspace, repository: str | None, registry: ContainerRegistry | None
) -> PushedImage:
    """What ``Environment.push`` does: make the image if it is not there, push it, keep where it is."""
    from ..details import build_and_watch, check_registered

    check_registered(environment, workspace)
    known = environment.docker.base_image_registry
    address = (registry and registry.address) or known.address
    target = push_target(repository, name=environment.name, version=environment.version, address=address)
    chosen = copy(registry or known)
    if registry and not registry.address:
        chosen.address = registry_of(target)  # given for this push, so meant for where it goes
    pusher = check_push(workspace, target, chosen)
    build_and_watch(environment, workspace, {})
    image = pusher.prepare(environment._to_spec(), _Printed(), environment._secrets())
    pushed = push_watched(pusher, image.reference, target, chosen)
    keep_pushed(workspace, environment, pushed)
    return pushed


def push_watched(
    pusher: Any, image: str, target: str, registry: ContainerRegistry, *, quiet: bool = False
) -> PushedImage:
    """Push in the caller's thread, printing how it goes unless ``quiet``; the stop button ends it.

    Raises:
        CanceledException: it was interrupted.
    """
    try:
        pushed: PushedImage = pusher.push(image, target, _Printed(quiet), registry._to_spec(), registry._secrets())
    except KeyboardInterrupt:
        raise CanceledException(f"Stopped while pushing {target}; the registry has no such image from this.") from None
    return pushed


def keep_pushed(workspace: Workspace, environment: Environment, pushed: PushedImage) -> None:
    """Remember with a version of an environment where its image is, for engines that pull it from there."""
    workspace.store.save_pushed(environment.name, str(environment.version), pushed.reference, pushed.digest)


def check_push(workspace: Workspace, target: str, registry: ContainerRegistry) -> Any:
    """The engine to push with; before anything is built, refuse what could not be pushed afterwards.

    Raises:
        UserErrorException: the engine has no images, or there is no password where the registry's says it is.
    """
    engine = workspace._engine()
    if not hasattr(engine, "push"):
        raise UserErrorException(
            f"The {engine.name} engine makes no images, so there is none to push. Start Docker, and set AMLTRAIN_ENGINE"
            " to docker or to nothing."
        )
    given, _ = credentials_for(target, registry._to_spec(), registry._secrets())
    login_for(registry_of(target), given, stored_credentials)
    return engine


class _Named:
    """One more name for an image, taken back afterwards; an image that had it before has it again after a failure."""

    def __init__(self, api: EngineApi, image: str, name: str) -> None:
        self._api = api
        self._image = image
        self._name = name

    def __enter__(self) -> None:
        self._before = self._api.inspect_image(self._name)
        repository, tag = split_reference(self._name)
        status, answer = self._api.post("/images/{0}/tag", self._image, params={"repo": repository, "tag": tag})
        if status >= 400:
            raise EngineException(f"The engine does not give the image the name {self._name}: {answer['message']}.")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._before:
            if kind is not None:
                self._api.tag(str(self._before["Id"]), self._name)
        elif len((self._api.inspect_image(self._name) or {}).get("RepoTags") or ()) > 1:
            # Removing its last name would remove the image.
            self._api.delete("/images/{0}", self._name, params={"noprune": "1"})


class _PushOutput:
    """Turns what the engine says while it pushes into one step, a phase, and a line for each layer that is through."""

    def __init__(self, target: str, log: Preparation) -> None:
        self._target = target
        self._log = log
        self._steps = Steps(log, f"push {target}")
        self._steps.begin(_STEP, f"push {target}")
        self._states: dict[str, str] = {}
        self._bytes: dict[str, tuple[int, int]] = {}

    def take(self, item: Mapping[str, Any]) -> None:
        """One object of the answer."""
        layer, status = str(item.get("id") or ""), str(item.get("status", item.get("stream", ""))).strip()
        if not layer:
            return
        progress = item.get("progressDetail") or {}
        if progress.get("current"):
            self._bytes[layer] = (int(progress["current"]), int(progress.get("total") or progress["current"]))
        if status.startswith(_THROUGH):
            total = self._bytes.get(layer, (0, 0))[1]
            self._bytes[layer] = (total, total)
        if self._states.get(layer) != status and status.startswith((*_THROUGH, "Retrying")):
            line = f"{layer}: {status}"
            self._steps.line(_STEP, line)
            self._log.write(f"{line}\n".encode())
        self._states[layer] = status
        through = sum(state.startswith(_THROUGH) for state in self._states.values())
        current, total = (sum(numbers) for numbers in zip((0, 0), *self._bytes.values(), strict=True))
        detail = f"{through} of {len(self._states)} layers"
        self._steps.progress(_STEP, current, total, detail)
        size = f", {human_size(current)} of {human_size(total)}" if total else ""
        self._steps.phase(f"pushing {self._target}: {detail}{size}")

    def end(self, state: str) -> None:
        """It is over."""
        self._steps.end(_STEP, state)


class _Printed:
    """The ``Preparation`` of a person who watches a cell: lines as they come, and now and then what is going on."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._said = time.monotonic()

    def write(self, data: bytes) -> None:
        if self._quiet:
            return
        self._said = time.monotonic()
        sys.stdout.write(data.decode("utf-8", "replace"))
        sys.stdout.flush()

    def phase(self, text: str) -> None:
        if time.monotonic() - self._said > _SAY_EVERY_S:
            self.write(f"… {text}\n".encode())

    def step(self, step: Step) -> None:
        pass  # the lines have the steps in words

    def canceled(self) -> bool:
        return False


def _digest(item: Mapping[str, Any]) -> str:
    aux = item.get("aux")
    if isinstance(aux, Mapping) and aux.get("Digest"):
        return str(aux["Digest"])
    said = re.search(r"digest: (sha256:[0-9a-f]{64})", str(item.get("status", "")))  # all that Podman says
    return said[1] if said else ""


def _error(message: str, target: str, login: Login) -> EngineException:
    registry = registry_of(target)
    message = _ADDRESSED.sub("", message).strip()
    unreachable = why_unreachable(registry, message)
    if unreachable:
        return RegistryException(
            f"{target} is not pushed, because its registry {registry} cannot be reached: {unreachable} (The engine"
            f" said: {message}.) The image stays on this engine."
        )
    if _REFUSED.search(message):
        return RegistryException(_refusal(message, target, registry, login))
    if _READ_ONLY.search(message):
        return RegistryException(
            f"The registry {registry} takes no images; it may be read-only, a mirror or a cache. Push to another one."
            " The image stays on this engine."
        )
    return RegistryException(f"{target} is not pushed; {registry} says: {message}. The image stays on this engine.")


def _refusal(message: str, target: str, registry: str, login: Login) -> str:
    again = f"run `docker login{'' if registry == DOCKER_HUB else f' {registry}'}`"
    if not login.shown:
        return (
            f"The registry {registry} takes no image from somebody it does not know ({message}). To push {target},"
            f" {again}, or set docker.base_image_registry.address, .username and .password."
        )
    if login.given and not (login.credentials or {}).get("password"):
        return f"The registry {registry} wants a password of '{login.shown}', and none was given to push {target}."
    correct = "correct docker.base_image_registry.username and .password" if login.given else f"{again} again"
    return (
        f"The registry {registry} does not let the user '{login.shown}' push {target}: {message}. Either the password"
        f" is wrong ({correct}), or this user may not write to that repository."
    )
