"""Reading the text files that people write: whatever their editor made of line ends and marks, or in words why not."""

from __future__ import annotations

import os

from ..errors import UserErrorException


def read_text(path: str | os.PathLike[str], what: str) -> str:
    """The text of a UTF-8 file, with plain line ends and without a byte order mark.

    Args:
        what: what the file is, for messages, such as ``The Dockerfile``.

    Raises:
        UserErrorException: it cannot be read, or is not text; then the line is named.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UserErrorException(
            f"{what} {os.path.abspath(path)} cannot be read: {error.strerror}.", inner_exception=error
        ) from error
    return decoded(content, f"{what} {os.path.abspath(path)}")


def decoded(content: bytes, what: str) -> str:
    """Bytes as text, as :func:`read_text` does it."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserErrorException(
            f"{what} is not UTF-8 text (line {line}, byte 0x{content[error.start]:02x}); save it as UTF-8.",
            inner_exception=error,
        ) from error
    return plain_text(text)


def plain_text(text: str) -> str:
    """Text with plain line ends and without a byte order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
