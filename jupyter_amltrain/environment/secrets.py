"""Credentials inside index addresses: taken out before anything is stored or shown, put back for the build."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_PLACEHOLDER = re.compile(r"\{amltrain-secret-(\d+)\}")
SECRET_PREFIX = "url-"


def mask_url_credentials(value: Any) -> Any:
    """``value`` (text, or lists and dictionaries of it) with ``user:password@`` in addresses shown as ``***@``."""
    return _map_text(value, lambda text: _CREDENTIALS.sub("***", text))


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


def _map_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _map_text(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map_text(item, change) for item in value]
    return value
