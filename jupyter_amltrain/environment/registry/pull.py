"""Base images: is it there, does the registry have it, get it. Every refusal is its own sentence."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...engines.protocol import Preparation
from ...errors import (
    CanceledException,
    EngineException,
    EngineUnavailableException,
    ImageNotFoundException,
    RegistryException,
)
from ..api import EngineApi, auth_header
from ..inspection.engine_view import EngineView
from ..output.pull import PullOutput
from ..output.remedies import remedy
from .container_registry import credentials_for, is_image_id, registry_of, split_reference, why_unreachable
from .docker_login import Login, login_for

CHECK_TIMEOUT_S = 10.0

_REFUSED = re.compile(r"unauthorized|denied|no basic auth|authentication required|incorrect username|forbidden", re.I)
_ADDRESSED = re.compile(r'^(?:Get|Head|Post|Put|Patch) "[^"]*": ')
_MISSING = re.compile(r"manifest unknown|not found|name unknown|does not exist|no such image|not exist", re.I)


class BaseImage:
    """A base image on the way from its reference to its content.

    Args:
        reference: full, with tag or digest.
        registry: that of the environment's specification: ``address``, ``username``, and maybe where the password is.
        secrets: may hold ``username`` and ``password``, which belong to its address.
        platform: such as ``linux/arm64``, None for the engine's own.
        hint: one more sentence for when it cannot be had.
    """

    def __init__(
        self,
        api: EngineApi,
        reference: str,
        registry: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        *,
        platform: str | None = None,
        hint: str = "",
    ) -> None:
        self.reference = reference
        self._platform = platform
        self._hint = hint
        self._api = api
        self._given, self.note = credentials_for(reference, registry, secrets)
        self._login = Login()
        self._known: dict[str, Any] | None = None

    def local(self) -> dict[str, Any] | None:
        """What the engine knows of it, None when it is not there; asked until it is, since every submit asks."""
        if self._known is None:
            self._known = self._api.inspect_image(self.reference)
        return self._known

    def ask_registry(self) -> str:
        """Ask the registry whether it would hand it out, without pulling; a note when it cannot be asked.

        Raises:
            ImageNotFoundException: the registry does not have it.
            RegistryException: the registry refuses, or cannot be reached.
        """
        if is_image_id(self.reference):
            raise self._missing("an image id is known to no registry")
        try:
            status, answer = self._api.get(
                "/distribution/{0}/json", self.reference, headers=self._auth(), timeout_s=CHECK_TIMEOUT_S
            )
        except EngineUnavailableException as error:
            if "timed out" not in error.message.lower():
                raise
            raise self.error(f"no answer in {CHECK_TIMEOUT_S:.0f} s (timed out)") from error
        if status == 200:
            return ""
        message = str((answer or {}).get("message", answer))
        if status == 404 and message.lower() in ("not found", "page not found", "404 page not found"):
            return self._begin_pull()
        raise self.error(message)

    def _begin_pull(self) -> str:
        """For engines that cannot ask a registry, as Podman: begin a pull and drop it when the first layer comes."""
        end = time.monotonic() + CHECK_TIMEOUT_S
        with contextlib.suppress(CanceledException):
            for item in self._pulled(lambda: time.monotonic() > end):
                if item.get("id"):
                    break
        return f"{self.reference} is not on this engine; it will be pulled when the run starts."

    def _pulled(self, canceled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        repository, tag = split_reference(self.reference)
        platform = {"platform": self._platform} if self._platform else {}
        stream = self._api.stream(
            "/images/create",
            params={"fromImage": repository, "tag": tag, **platform},
            headers=self._auth(),
            canceled=canceled,
        )
        with contextlib.closing(stream):
            for item in stream:
                if "error" in item:
                    raise self.error(str(item["error"]))
                yield item

    def pull(self, log: Preparation) -> dict[str, Any]:
        """Pull it, with progress, and return what the engine then knows of it.

        Raises:
            ImageNotFoundException: the registry does not have it.
            RegistryException: the registry refuses, or cannot be reached.
            CanceledException: the user gave up.
        """
        if is_image_id(self.reference):
            raise self._missing("an image id is known to no registry")
        free_bytes = EngineView.ask(self._api).free_bytes()
        PullOutput(self.reference, log, free_bytes=free_bytes).take_all(lambda: self._pulled(log.canceled))
        self._known = None
        found = self.local()
        if found is None:
            raise EngineException(f"The engine pulled {self.reference} but does not have it; try again.")
        return found

    def error(self, message: str) -> EngineException:
        """What the engine's message about this image means for a person."""
        message = _ADDRESSED.sub("", message)
        registry = registry_of(self.reference)
        if "invalid reference format" in message:
            return ImageNotFoundException(
                f"'{self.reference}' cannot be the name of an image ({message}). A name is like python:3.11-slim or"
                f" registry.example.com/team/fastai:2, in lower case and without blanks. {self._hint}".rstrip()
            )
        if "no space left" in message.lower():
            return EngineException(f"The image {self.reference} cannot be stored: {message}. {remedy(message, ())}")
        if _REFUSED.search(message):
            return self._refused(registry, message)
        unreachable = why_unreachable(registry, message)
        if _MISSING.search(message) and not unreachable:
            return self._missing(f"{registry} does not have it")
        if unreachable:
            return RegistryException(
                f"The image {self.reference} is not on this engine and its registry {registry} cannot be reached:"
                f" {unreachable} (The engine said: {message}.) Without the registry: {self._ways_without()}"
            )
        return RegistryException(f"The image {self.reference} cannot be had from {registry}: {message}. {self._ways()}")

    def _refused(self, registry: str, message: str) -> EngineException:
        missing = [name for name in ("username", "password") if self._given and not self._given[name]]
        if missing == ["password"]:
            return RegistryException(
                f"The registry {registry} wants a password for {self.reference}, and"
                " docker.base_image_registry.password is empty. A password is not kept with an environment; 'env:NAME'"
                " or 'keyring:SERVICE' in its place, which say where it is, are."
            )
        if missing and not self._login.shown:
            return RegistryException(
                f"The registry {registry} wants a username and a password for {self.reference}, and"
                f" docker.base_image_registry.{missing[0]} is empty."
            )
        if self._given:
            return RegistryException(
                f"The registry {registry} refuses the user '{self._login.shown}' for {self.reference}: {message}."
                " Correct docker.base_image_registry.username and .password; or this user may not read that image."
            )
        if registry == "docker.io" and "does not exist" in message:
            return self._missing("docker.io does not have it, or it is private")
        if self._login.shown:
            return RegistryException(
                f"The registry {registry} refuses the user '{self._login.shown}', who is logged in to it in Docker's"
                f" configuration, for {self.reference}: {message}. Run `docker login {registry}` again, or set"
                " docker.base_image_registry.address, .username and .password."
            )
        left_aside = f" {self.note}" if self.note else ""
        return RegistryException(
            f"The registry {registry} wants credentials for {self.reference}: {message}.{left_aside} Set"
            " docker.base_image_registry.address, .username and .password, or run `docker login"
            f" {registry}`."
        )

    def _missing(self, why: str) -> ImageNotFoundException:
        return ImageNotFoundException(f"There is no image {self.reference} on this engine, and {why}. {self._ways()}")

    def _ways(self) -> str:
        return f"Get it with `docker pull`, {self._ways_without()}"

    def _ways_without(self) -> str:
        ways = (
            "import it with `docker load -i FILE.tar`, or give an image that you have this name: `docker tag IMAGE"
            f" {self.reference}`."
        )
        return f"{ways} {self._hint}".rstrip()

    def _auth(self) -> dict[str, str]:
        """The header with the credentials: those given, else what ``docker login`` left for the registry."""
        self._login = login_for(registry_of(self.reference), self._given, self._api.credentials)
        return {"X-Registry-Auth": auth_header(self._login.credentials)} if self._login.credentials else {}
