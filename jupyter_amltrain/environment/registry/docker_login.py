"""Which credentials a registry is shown: those given, else what ``docker login`` left on this machine.

Docker's configuration holds logins, or names helpers that have them. It is read anew each time, since somebody may log
in while the notebook is open.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import RegistryException
from .container_registry import DOCKER_HUB, canonical_registry
from .references import follow_reference, is_reference

_HUB_KEY = "https://index.docker.io/v1/"
"""The name under which Docker keeps the credentials of Docker Hub."""

_TOKEN_USER = "<token>"
_HELPER_TIMEOUT_S = 30


@dataclass(frozen=True)
class Login:
    """What a registry is shown.

    Attributes:
        credentials: as the engine takes them, None for none.
        shown: the user, for messages; "" when there is none.
        given: whether they are the environment's, not those of ``docker login``.
    """

    credentials: Mapping[str, str] | None = field(default=None, repr=False)
    shown: str = ""
    given: bool = False


def login_for(registry: str, given: Mapping[str, str] | None, stored: Callable[[str], dict[str, str] | None]) -> Login:
    """The login to use: what was given for the registry, its reference followed, else what ``stored`` knows.

    Raises:
        AuthenticationException: there is no password where the reference leads.
        RegistryException: Docker's configuration or a credential helper is broken.
    """
    username, password = (given or {}).get("username", ""), (given or {}).get("password", "")
    if is_reference(password):
        username, password = follow_reference(password, username, registry)
    if not password:
        found = stored(registry)
        if found and (not username or found.get("username", username) == username):
            return Login(found, found.get("username") or _TOKEN_USER)
    credentials = {"username": username, "password": password} if username or password else None
    return Login(credentials, username, given=bool(credentials))


def stored_credentials(registry: str) -> dict[str, str] | None:
    """The credentials for a registry: ``username`` and ``password``, or ``identitytoken``; None when there are none.

    Raises:
        RegistryException: the configuration or a credential helper is broken.
    """
    path = docker_config_file()
    config = _read(path)
    key = _HUB_KEY if registry == DOCKER_HUB else registry
    helpers = config.get("credHelpers") or {}
    helper = helpers.get(key) or helpers.get(registry) or config.get("credsStore")
    found = _ask_helper(str(helper), key) if helper else None
    return found or _from_auths(config.get("auths") or {}, registry, path)


def docker_config_file() -> Path:
    """Docker's configuration, which need not exist."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def check_docker_config() -> None:
    """Name the entry of Docker's configuration that makes docker-py stumble over it.

    Raises:
        RegistryException: always.
    """
    path = docker_config_file()
    auths = _read(path).get("auths") or {}
    for name in auths:
        _from_auths({name: auths[name]}, canonical_registry(name), path)
    raise _broken(path, "its logins are not as Docker writes them")


def _broken(path: Path, why: str) -> RegistryException:
    return RegistryException(
        f"Docker's configuration {path} cannot be used: {why}. Repair it; or move it away and run `docker login` again"
        " for the registries that you use."
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _broken(path, error.strerror or "it cannot be read") from error
    except ValueError as error:
        # Not `from error`: a decoding error carries the text, passwords and all.
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "encoding"
        raise _broken(path, f"it is not JSON ({where})") from None
    if not isinstance(config, dict) or not all(
        isinstance(config.get(name) or {}, dict) for name in ("auths", "credHelpers")
    ):
        raise _broken(path, "it does not hold what Docker writes there")
    return config


def _from_auths(auths: Mapping[str, Any], registry: str, path: Path) -> dict[str, str] | None:
    matching = [entry for name, entry in auths.items() if canonical_registry(name) == registry]
    for entry in matching:
        if not isinstance(entry, dict):
            raise _broken(path, f"its entry for {registry} is not an object")
        if entry.get("identitytoken"):
            return {"identitytoken": str(entry["identitytoken"])}
        if entry.get("auth"):
            try:
                user, colon, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
            except ValueError:
                colon = ""
            if not colon:
                raise _broken(path, f"the 'auth' of its entry for {registry} is no encoded user and password")
            return {"username": user, "password": password.rstrip("\0")}
        if entry.get("username") and entry.get("password"):
            return {"username": str(entry["username"]), "password": str(entry["password"])}
    return None


def _ask_helper(name: str, key: str) -> dict[str, str] | None:
    """What a credential helper has for a registry. What it answers is not shown, not even when it cannot be read."""
    program = shutil.which(f"docker-credential-{name}")
    if program is None:
        raise _helper_error(name, key, "is not installed, or not on the PATH of this notebook")
    try:
        done = subprocess.run(
            [program, "get"], input=key.encode(), capture_output=True, timeout=_HELPER_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise _helper_error(
            name, key, f"did not answer in {_HELPER_TIMEOUT_S} s; does it wait to be unlocked?"
        ) from None
    except OSError as error:
        raise _helper_error(name, key, f"cannot be run ({error.strerror})") from error
    if done.returncode:
        said = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
        if said and "credentials not found" in said[0].lower():
            return None
        raise _helper_error(name, key, f"failed: {said[0] if said else f'exit code {done.returncode}'}")
    try:
        answer = json.loads(done.stdout)
        user, secret = str(answer.get("Username") or ""), str(answer.get("Secret") or "")
    except (ValueError, AttributeError):
        raise _helper_error(name, key, "did not answer in the form that Docker knows") from None
    if not secret:
        return None
    return {"identitytoken": secret} if user == _TOKEN_USER else {"username": user, "password": secret}


def _helper_error(name: str, key: str, why: str) -> RegistryException:
    return RegistryException(
        f"Docker's configuration says to ask the credential helper docker-credential-{name} for {key}, and it {why}."
        f" Repair it, or take '{name}' out of {docker_config_file()}; or give the credentials with the environment, in"
        " docker.base_image_registry."
    )
