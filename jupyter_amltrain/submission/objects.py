"""The content-addressed store below a workspace: every content once, under its SHA-256.

``objects/ab/cdef…`` appears by a rename when it is whole, so an object that is there can be trusted whatever was
killed meanwhile, and any number of snapshots may be taken at once. Nothing in it is ever changed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from ..errors import StoreException
from ..file_lock import locked, locked_if_free
from ..home import advice_for, made_folder

WHOLE_BYTES = 1024**2
"""Files up to this size are read into memory and written only when they are new; larger ones are streamed."""

Buffer = bytes | memoryview

_CHUNK_BYTES = 1024**2
_COPY_BYTES = 1024**3
_STALE_S = 3600.0
_LOCK = "lock"
_NOT_SUPPORTED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}


class ObjectStore:
    """The objects of one workspace.

    Args:
        folder: where they are; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self._temporary = os.path.join(self.folder, "tmp")
        self._made: set[str] = set()
        with store_errors(self.folder):
            os.makedirs(self._temporary, mode=0o700, exist_ok=True)

    def path(self, sha256: str) -> str:
        """Where the object of that digest is or would be."""
        return os.path.join(self.folder, sha256[:2], sha256[2:])

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Whether the object is there, in its full size."""
        try:
            return os.stat(self.path(sha256)).st_size == size_bytes
        except OSError:
            return False

    def put(self, content: Buffer) -> str:
        """Keep some bytes and return their digest."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.has(sha256, len(content)):
            with self._new_object() as (file, temporary):
                with store_errors(self.folder):
                    _write(file, content)
                self._keep(temporary, sha256)
        return sha256

    def put_stream(self, chunks: Iterator[Buffer]) -> tuple[str, int]:
        """Keep a content too large for memory, return digest and size; errors of ``chunks`` pass through unchanged."""
        digest, size = hashlib.sha256(), 0
        with self._new_object() as (file, temporary):
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                with store_errors(self.folder):
                    _write(file, chunk)
            sha256 = digest.hexdigest()
            self._keep(temporary, sha256)
        return sha256, size

    def copy_out(self, sha256: str, size_bytes: int, destination: str, executable: bool) -> None:
        """Write an object's content to a new file of its own, sharing blocks where the file system can.

        Raises:
            StoreException: the object is missing or damaged, or the destination cannot be written.
        """
        with store_errors(destination):
            try:
                source = os.open(self.path(sha256), os.O_RDONLY)
            except FileNotFoundError:
                raise StoreException(
                    f"the snapshot cannot be restored: its content {sha256[:12]} is missing from '{self.folder}'. "
                    "Submit again to take a new snapshot."
                ) from None
            try:
                mode = 0o777 if executable else 0o666  # the umask takes its share
                target = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                try:
                    copied = _copy(source, target)
                finally:
                    os.close(target)
            finally:
                os.close(source)
        if copied != size_bytes:
            raise StoreException(
                f"the snapshot cannot be restored: its content {sha256[:12]} in '{self.folder}' is damaged "
                f"({copied} of {size_bytes} bytes). Submit again to take a new snapshot."
            )

    def write_file(self, destination: str, content: bytes) -> None:
        """Write a small file on the same file system, whole or not at all, replacing what was there."""
        with self._new_object() as (file, temporary), store_errors(self.folder):
            _write(file, content)
            os.makedirs(os.path.dirname(destination), mode=0o700, exist_ok=True)
            os.replace(temporary, destination)

    def sweep(self) -> None:
        """Remove what processes that were killed in the middle of a write left behind an hour ago or more."""
        with store_errors(self.folder), os.scandir(self._temporary) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < time.time() - _STALE_S:
                        os.unlink(entry.path)

    @contextmanager
    def _new_object(self) -> Iterator[tuple[int, str]]:
        temporary = os.path.join(self._temporary, os.urandom(12).hex())
        with store_errors(self.folder):
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        finished = False
        try:
            yield file, temporary
            finished = True
        finally:
            os.close(file)
            if not finished:
                os.unlink(temporary)

    def _keep(self, temporary: str, sha256: str) -> None:
        destination = self.path(sha256)
        with store_errors(self.folder):
            if sha256[:2] not in self._made:
                os.makedirs(os.path.dirname(destination), mode=0o700, exist_ok=True)
                self._made.add(sha256[:2])
            os.replace(temporary, destination)


def taking_snapshot(folder: Path) -> AbstractContextManager[object]:
    """Keep the store from being tidied up until what is put into it is referred to; any number may do so at once.

    Waits while it is being tidied up, which takes seconds at most.

    Raises:
        StoreException: the store cannot be written.
    """
    return locked(made_folder(folder) / _LOCK, shared=True)


def tidying_up(folder: Path, patience_s: float) -> AbstractContextManager[bool]:
    """Have the store alone: no snapshot is being taken. False when there was always one for ``patience_s`` seconds.

    Raises:
        StoreException: the store cannot be written.
    """
    return locked_if_free(folder / _LOCK, patience_s)


@contextmanager
def store_errors(place: str) -> Iterator[None]:
    """Turn the operating system's refusal to write into a :class:`StoreException` that says what to do."""
    try:
        yield
    except OSError as error:
        raise StoreException(f"cannot write to '{place}': {error.strerror or error}. {advice_for(error)}") from error


def _write(file: int, content: Buffer) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _copy(source: int, target: int) -> int:
    """Copy everything inside the kernel where it can, which shares blocks on file systems that know how."""
    copied = 0
    try:
        while hasattr(os, "copy_file_range"):  # not on macOS
            count = os.copy_file_range(source, target, _COPY_BYTES)
            if count == 0:
                return copied
            copied += count
    except OSError as error:
        if copied or error.errno not in _NOT_SUPPORTED:
            raise
    while chunk := os.read(source, _CHUNK_BYTES):
        _write(target, chunk)
        copied += len(chunk)
    return copied
