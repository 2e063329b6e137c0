"""Copies files out of places and into them; a copy is there when it is whole."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ..errors import StoreException, UserErrorException
from ..home import advice_for
from .places import File, Place, filesystem, is_local, is_web, local_path, remote_errors, version_of


def fetch(file: File, destination: str) -> None:
    """Write a file's content to a path of this machine; it is there when it is whole.

    Raises:
        UserErrorException: it cannot be read.
        StoreException: the copy cannot be written.
    """
    with written(destination) as partial:
        if is_local(file.place):
            _copy_local(file.path, partial)
        else:
            with opened(file) as remote:
                remote.save(partial)


@contextmanager
def written(destination: str) -> Iterator[str]:
    """Where to write what is to be at ``destination`` afterwards.

    Raises:
        StoreException: it cannot be written.
    """
    partial = f"{destination}.{os.getpid()}.partial"
    try:
        os.makedirs(os.path.dirname(destination), exist_ok=True)
        yield partial
        os.replace(partial, destination)
    except OSError as error:
        raise not_written(destination, error) from error
    finally:
        with suppress(OSError):
            os.unlink(partial)


def not_written(path: object, error: OSError) -> StoreException:
    """What to say of a file of ours that the disk does not take."""
    return StoreException(f"{path} cannot be written: {error.strerror}. {advice_for(error)}", inner_exception=error)


def _copy_local(source: str, target: str) -> None:
    try:
        shutil.copyfile(source, target)
        shutil.copystat(source, target)
    except OSError as error:
        if error.filename != source:
            raise
        raise UserErrorException(f"{source} cannot be read: {error.strerror}.", inner_exception=error) from error
    os.chmod(target, os.stat(target).st_mode | 0o200)


# --- from behind an address ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Remote:
    """A file behind an address, about to be read.

    Attributes:
        version: see :func:`version_of`.
        save: writes it to a path.
        is_same: whether it still has that version after :attr:`save`.
    """

    version: str
    save: Callable[[str], None]
    is_same: Callable[[], bool]


@contextmanager
def opened(file: File) -> Iterator[Remote]:
    """A file that lies behind an address, to read once.

    Raises:
        UserErrorException: it cannot be read.
    """
    if is_web(file.path):
        with _answer(file.path) as answer:
            told = {"etag": "ETag", "modified": "Last-Modified", "size": "Content-Length"}
            version = version_of({fact: answer.headers.get(header) for fact, header in told.items()})
            yield Remote(version, lambda path: _save_answer(answer, path), lambda: True)
    else:
        with remote_errors(file.place, "read"):
            system, _ = filesystem(file.place)
        yield Remote(file.version, lambda path: _save_remote(system, file, path), lambda: _is_same(system, file))


@contextmanager
def _answer(address: str) -> Iterator[Any]:
    import requests

    with _web_errors(address):
        answer = requests.get(address, stream=True, timeout=30)
        answer.raise_for_status()
    with answer:
        yield answer


@contextmanager
def _web_errors(address: str) -> Iterator[None]:
    import requests

    try:
        yield
    except requests.RequestException as error:
        raise UserErrorException(f"{address} could not be downloaded: {error}", inner_exception=error) from error


def _save_answer(answer: Any, path: str) -> None:
    with _web_errors(answer.url), open(path, "wb") as target:
        for block in answer.iter_content(1 << 20):
            target.write(block)


def _save_remote(system: Any, file: File, path: str) -> None:
    with remote_errors(file.place, "read"):
        system.get_file(file.path, path)


def _is_same(system: Any, file: File) -> bool:
    with remote_errors(file.place, "read"):
        system.invalidate_cache()
        return version_of(system.info(file.path)) == file.version


def put(source: str, place: Place, path: str) -> None:
    """Copy a file of this machine into a place, in the place of one that is there.

    Raises:
        UserErrorException: the source cannot be read, or the place cannot be written.
    """
    if is_local(place):
        target = local_path(place, path)
        partial = f"{target}.{os.getpid()}.partial"
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, partial)
            os.replace(partial, target)
        except OSError as error:
            raise UserErrorException(
                f"{source} could not be copied to {target}: {error.filename or target}: {error.strerror}.",
                inner_exception=error,
            ) from error
        finally:
            with suppress(OSError):
                os.unlink(partial)
        return
    with remote_errors(place, "written"):
        system, base = filesystem(place)
        target = posixpath.join(base, path)
        system.makedirs(posixpath.dirname(target), exist_ok=True)
        system.put_file(source, target)
