"""Credentials inside index addresses: taken out before anything is stored or shown, put back for the build.

``https://user:${TOKEN}@host/simple``, pip's way of naming environment variables, is no secret: it is stored and
shown as it stands, and the variables are read for the build.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..errors import AuthenticationException

_SECRET_NAME = re.compile(r"secret|password|passwd|token|(^|_)(api)?_?key$|credential", re.IGNORECASE)

# The password is a variable's, or there is no password and the user is.
_BY_NAME = r"(?:(?:\$\{[A-Z0-9_]+\}|[^/@\s:$]+):)?\$\{[A-Z0-9_]+\}"
# user:password@ in any address, and the token of a conda channel, as in https://host/t/TOKEN/channel.
_CREDENTIALS = re.compile(
    rf"(?<=://)(?!{_BY_NAME}@)[^/\s?#]+(?=@)|(?<=/t/)(?:[\w-]{{8,}}|\{{amltrain-secret-\d+\}})(?=/)"
)
_VARIABLES = re.compile(rf"(?<=://){_BY_NAME}(?=@)|(?<=/t/)\$\{{[A-Z0-9_]+\}}(?=/)")
_PLACEHOLDER = re.compile(r"\{amltrain-secret-(\d+)\}")
SECRET_PREFIX = "url-"


def mask_url_credentials(value: Any) -> Any:
    """``value`` (text, or lists and dictionaries of it) with ``user:password@`` in addresses shown as ``***@``."""
    return _map_text(value, lambda text: _CREDENTIALS.sub("***", text))


def without_url_credentials(address: str) -> str:
    """An address as it is without anybody's credentials."""
    return re.sub(r"(?<=://)[^/\s?#]+@|/t/(?:[\w-]{8,}|\$?\{[\w-]+\})(?=/)", "", address)


def take_url_credentials(value: Any) -> tuple[Any, dict[str, str]]:
    """``value`` with placeholders for the credentials in its addresses, and what they stand for."""
    taken: dict[str, str] = {}

    def replaced(found: re.Match[str]) -> str:
        if _PLACEHOLDER.fullmatch(found.group()):
            return found.group()
        number = next((key for key, secret in taken.items() if secret == found.group()), f"{SECRET_PREFIX}{len(taken)}")
        taken[number] = found.group()
        return f"{{amltrain-secret-{number[len(SECRET_PREFIX) :]}}}"

    return _map_text(value, lambda text: _CREDENTIALS.sub(replaced, text)), taken


def put_url_credentials(value: Any, secrets: Mapping[str, str]) -> Any:
    """The inverse of :func:`take_url_credentials`; a placeholder without its secret stays."""
    return _map_text(
        value,
        lambda text: _PLACEHOLDER.sub(lambda found: secrets.get(SECRET_PREFIX + found[1], found.group()), text),
    )


def private_text(text: str, secrets: Mapping[str, str]) -> str:
    """The text of an installer's requirements with all credentials in it, also those that are in variables.

    Raises:
        AuthenticationException: a variable is not set, or credentials were given to another process.
    """
    whole = with_credentials(text, secrets)
    return _VARIABLES.sub(lambda found: re.sub(r"\$\{(\w+)\}", _variable, found.group()), whole)


def with_credentials(text: str, secrets: Mapping[str, str]) -> str:
    """The text with the credentials that were taken out of it.

    Raises:
        AuthenticationException: they were given to another process and are not kept.
    """
    whole: str = put_url_credentials(text, secrets)
    lost = re.search(rf"\S*(?::/|/t)/{_PLACEHOLDER.pattern}[@/](\S+)", whole)
    if lost:
        raise AuthenticationException(
            f"The user and password in the address of {lost[2]} are needed, and they are kept only by the notebook in"
            " which they were written. Make the environment again there; or write them as"
            " https://NAME:${TOKEN}@…, where TOKEN is an environment variable."
        )
    return whole


def _variable(found: re.Match[str]) -> str:
    value = os.environ.get(found[1])
    if not value:
        raise AuthenticationException(
            f"The address of a package index names the environment variable {found[1]}, which is not set. To set it"
            f" without writing it into the notebook: `import getpass, os; os.environ['{found[1]}'] ="
            " getpass.getpass()`."
        )
    return quote(value, safe="")


def _map_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _map_text(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map_text(item, change) for item in value]
    return value


def is_secret_name(name: str) -> bool:
    """Whether a variable or option of this name is likely to hold a secret, so that its value is not shown."""
    return _SECRET_NAME.search(name.lstrip("-").replace("-", "_")) is not None
