"""What a Dockerfile's build is given besides files: arguments, secrets, an SSH agent. Pure but for what it reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import UserErrorException
from .instructions import declared_arguments, directives, mounts, without_syntax_line

SECRET_PREFIX = "build-secret-"
"""Begins the keys under which values of secrets are handed on, see ``Environment._secrets()``."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?")
_PRIVATE_NAME = re.compile(r"(?:^|_)(TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIALS?|(API|ACCESS|PRIVATE)_?KEY)S?$", re.I)
# Builders know these without an ARG line.
_PREDEFINED = re.compile(r"(?:HTTP|HTTPS|FTP|NO|ALL)_PROXY|SOURCE_DATE_EPOCH|BUILDKIT_\w+", re.I)
_MOST_BYTES = 500 * 1024


@dataclass(frozen=True)
class BuildSecret:
    """A secret that RUN steps may mount, never a value: which file or environment variable of this machine has it."""

    id: str
    env: str = ""
    src: str = ""

    @property
    def text(self) -> str:
        """As ``docker build --secret`` writes it."""
        return f"id={self.id},{f'src={self.src}' if self.src else f'env={self.env}'}"


def read_build_argument(text: str, environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Name and value of ``NAME=VALUE``; of a mere ``NAME``, the value that the environment variable has.

    Raises:
        UserErrorException: it is neither.
    """
    environ = os.environ if environ is None else environ
    name, equals, value = text.partition("=")
    if not _NAME.fullmatch(name):
        raise UserErrorException(f"--build-arg takes NAME=VALUE, not {text!r:.80}.")
    if not equals and name not in environ:
        raise UserErrorException(
            f"--build-arg {name} without a value takes that of the environment variable {name}, which is not set in"
            f" this kernel. Set it (%env {name}=…), or write --build-arg {name}=VALUE."
        )
    return name, value if equals else environ[name]


def read_secret(text: str) -> BuildSecret:
    """``id=NAME,env=VARIABLE`` or ``id=NAME,src=PATH``; ``id=NAME`` alone means the variable of that name.

    Raises:
        UserErrorException: it is none of these.
    """
    options = dict(part.partition("=")[::2] for part in text.split(","))
    name, kind = options.pop("id", ""), options.pop("type", "")
    source = options.pop("src", "") or options.pop("source", "")
    env = options.pop("env", "") or ("" if source or kind == "file" else name)
    if not _NAME.fullmatch(name) or options or kind not in ("", "env", "file") or bool(env) == bool(source):
        raise UserErrorException(
            "A secret is given as id=NAME,env=VARIABLE or as id=NAME,src=PATH, and its value nowhere in the notebook."
        )
    return BuildSecret(name, env, os.path.abspath(os.path.expanduser(source)) if source else "")


def read_platform(text: str) -> tuple[str, str]:
    """Operating system and architecture of ``linux/arm64``.

    Raises:
        UserErrorException: it is no platform.
    """
    if not _PLATFORM.fullmatch(text):
        raise UserErrorException(f"--platform takes a system and an architecture, such as linux/arm64, not {text!r}.")
    system, _, architecture = text.partition("/")
    return system, architecture


def secret_value(secret: BuildSecret, secrets: Mapping[str, str] | None = None) -> bytes:
    """What a secret is, of those handed on, else from its file or variable here.

    Raises:
        UserErrorException: it is nowhere.
    """
    given = (secrets or {}).get(SECRET_PREFIX + secret.id)
    if given is not None:
        return given.encode()
    if secret.src:
        try:
            with open(secret.src, "rb") as file:
                value = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise UserErrorException(
                f"The secret '{secret.id}' is to be in the file {secret.src}, which cannot be read: {error.strerror}."
            ) from error
        if len(value) > _MOST_BYTES:
            raise UserErrorException(f"The secret '{secret.id}', {secret.src}, is larger than 500 KiB.")
        return value
    if not os.environ.get(secret.env):
        raise UserErrorException(
            f"The secret '{secret.id}' is to be in the environment variable {secret.env}, which is not set. To set it"
            f" without writing it into the notebook: `import getpass, os; os.environ['{secret.env}'] ="
            " getpass.getpass()`."
        )
    return os.environ[secret.env].encode()


def session_reason(dockerfile: str) -> str:
    """Why a build of this Dockerfile needs a client that stays and answers, in words; "" when it needs none."""
    for kind in ("secret", "ssh"):
        for line, _ in mounts(dockerfile, kind):
            return f"line {line} has RUN --mount=type={kind}"
    text, _ = without_syntax_line(dockerfile)
    frontend = directives(text).get("syntax")
    return f"its line '# syntax={frontend}' names a frontend to fetch" if frontend else ""


def check_build_options(spec: Mapping[str, Any]) -> list[str]:
    """Notes about what an environment's Dockerfile and the options of its build do not agree in.

    Raises:
        UserErrorException: there are secrets for an environment without a Dockerfile, or one that is required is not
            given.
    """
    dockerfile = spec.get("dockerfile") or ""
    arguments: Mapping[str, str] = spec.get("build_arguments") or {}
    secrets = [read_secret(text) for text in spec.get("build_secrets") or ()]
    ssh: Sequence[str] = spec.get("build_ssh") or ()
    if not dockerfile:
        given = [name for name, value in (("arguments", arguments), ("secrets", secrets), ("ssh", ssh)) if value]
        if given:
            raise UserErrorException(f"Build {given[0]} are for a Dockerfile, and this environment has none.")
        return []
    notes = _argument_notes(dockerfile, arguments)
    mounted = {str(options.get("id") or _target_name(options)): options for _, options in mounts(dockerfile, "secret")}
    for secret in secrets:
        if secret.id not in mounted:
            notes.append(f"No RUN step mounts the secret '{secret.id}': --mount=type=secret,id={secret.id}.")
    for name, options in mounted.items():
        if name in {secret.id for secret in secrets}:
            continue
        if options.get("required") == "true":
            raise UserErrorException(
                f"The Dockerfile requires the secret '{name}', which is not given: --secret id={name},env=VARIABLE."
            )
        notes.append(f"The secret '{name}' is not given (--secret id={name},env=VARIABLE): its steps see none.")
    if ssh and not mounts(dockerfile, "ssh"):
        notes.append("No RUN step uses the SSH agent: --mount=type=ssh.")
    return notes


def _target_name(options: Mapping[str, str]) -> str:
    target = options.get("target") or options.get("dst") or options.get("destination") or ""
    return os.path.basename(target)


def _argument_notes(dockerfile: str, arguments: Mapping[str, str]) -> list[str]:
    declared = declared_arguments(dockerfile)
    notes = [
        f"The Dockerfile has no 'ARG {name}', so the build argument {name} means nothing."
        for name in arguments
        if name not in declared and not _PREDEFINED.fullmatch(name)
    ]
    private = [name for name in arguments if _PRIVATE_NAME.search(name)]
    if private:
        notes.append(
            f"{' and '.join(private)} {'look' if len(private) > 1 else 'looks'} like a secret, and build arguments can"
            " be read in the history of the image and in the environment's definition. --secret"
            f" id={private[0]},env={private[0]} gives it to single steps and leaves nothing."
        )
    return notes


def masked(text: str, values: Iterable[bytes]) -> str:
    """The text without the values of secrets, those of several lines also line by line."""
    for value in values:
        for part in sorted({value.decode("utf-8", "replace").strip(), *_lines(value)}, key=len, reverse=True):
            if len(part) >= 4:
                text = text.replace(part, "***")
    return text


def _lines(value: bytes) -> list[str]:
    return [line.strip() for line in value.decode("utf-8", "replace").splitlines() if len(line.strip()) >= 8]
