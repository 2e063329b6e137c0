"""Where a password is, in place of the password: ``env:NAME``, ``keyring:SERVICE`` or ``keyring:SERVICE/USER``.

A reference is no secret. It is stored with an environment, so that a process started later finds the password itself,
and it is followed when a registry has to be asked, not before.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
from typing import Any

from ...errors import AuthenticationException, UserErrorException

_KINDS = ("env", "keyring")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_reference(password: str | None) -> bool:
    """Whether this says where a password is, rather than being one."""
    return bool(password) and str(password).startswith(tuple(f"{kind}:" for kind in _KINDS))


def check_reference(reference: str) -> None:
    """Refuse what begins like a reference and leads nowhere. The message does not repeat it: it may be a password.

    Raises:
        UserErrorException: there is no name behind ``env:`` or ``keyring:``.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and not _VARIABLE.fullmatch(name):
        raise UserErrorException(
            "A password that begins with 'env:' is read from the environment variable that follows, such as"
            " env:REGISTRY_PASSWORD, and what follows here cannot be the name of one."
        )
    if kind == "keyring" and not name.strip("/ "):
        raise UserErrorException(
            "A password that begins with 'keyring:' is read from the keyring; say which entry, such as"
            " keyring:registry.example.com, or keyring:registry.example.com/USER."
        )


def follow_reference(reference: str, username: str, registry: str) -> tuple[str, str]:
    """The user and the password that a reference leads to; ``username`` wins over one that the keyring knows.

    Raises:
        AuthenticationException: there is nothing where it leads.
    """
    check_reference(reference)
    kind, _, name = reference.partition(":")
    if kind == "env":
        return username, _variable(name, reference, registry)
    return _entry(name, username, reference, registry)


def _variable(name: str, reference: str, registry: str) -> str:
    password = os.environ.get(name)
    if password:
        return password
    raise AuthenticationException(
        f"The password for {registry} is to be in the environment variable {name} ({_said(reference)}), and that is"
        f" {'not set' if password is None else 'empty'}. To set it without writing it into the notebook:"
        f" `import getpass, os; os.environ['{name}'] = getpass.getpass()`."
    )


def _entry(name: str, username: str, reference: str, registry: str) -> tuple[str, str]:
    service, _, user = name.rpartition("/")
    # A service may have a slash in its name, as https://registry.example.com has.
    places = [(service, user), (name, username)] if service and user else [(name, username)]
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError as error:
        raise AuthenticationException(
            f"The password for {registry} is to be in the keyring ({_said(reference)}), and the package that reads"
            " keyrings is not installed: `pip install keyring`. Without it, use env:NAME with an environment variable.",
            inner_exception=error,
        ) from error
    try:
        for place, owner in places:
            found = keyring.get_credential(place, owner or None)
            if found is not None and found.password:
                return username or found.username or "", found.password
    except Exception as error:  # backends raise what they like
        raise AuthenticationException(
            f"The keyring cannot be read ({str(error).partition('. ')[0]}), and the password for {registry} is to be in"
            f" it ({_said(reference)}). Unlock it, choose another with PYTHON_KEYRING_BACKEND, or use env:NAME with an"
            " environment variable.",
            inner_exception=error,
        ) from error
    place, owner = places[0]
    raise AuthenticationException(
        f"The keyring has no entry '{place}'{f' of the user {owner!r}' if owner else ''}, where the password for"
        f" {registry} is to be ({_said(reference)}). Put it there, in a terminal: `keyring set {shlex.quote(place)}"
        f" {shlex.quote(owner) if owner else 'USER'}`."
    )


def _said(reference: str) -> str:
    return f"docker.base_image_registry.password is '{reference}'"
