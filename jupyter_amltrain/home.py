"""Where everything is kept: one home folder, one folder per workspace in it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from .errors import StoreException


def home_folder() -> Path:
    """The folder that holds all workspaces, see :func:`home_path`; it is created when missing.

    Raises:
        StoreException: the folder cannot be made.
    """
    return made_folder(home_path())


def home_path() -> Path:
    """``AMLTRAIN_HOME``, else ``amltrain`` in Jupyter's data folder."""
    configured = os.environ.get("AMLTRAIN_HOME")
    if configured:
        return Path(configured).expanduser().absolute()
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "amltrain"


def made_folder(folder: Path) -> Path:
    """``folder``, made when missing and readable by this user alone.

    Raises:
        StoreException: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        why = "a file is in its place" if isinstance(error, (FileExistsError, NotADirectoryError)) else error.strerror
        raise StoreException(
            f"The folder {folder} cannot be made: {why}. {advice_for(error)}",
            inner_exception=error,
        ) from error
    return folder


def advice_for(error: OSError) -> str:
    """What to do about a home folder that cannot be written, as a sentence."""
    # shutil.Error has no errno, only the text of what went wrong.
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or os.strerror(errno.ENOSPC) in str(error):
        return "Free some space there, or set AMLTRAIN_HOME to a folder on a larger disk."
    return "Make it writable, or set AMLTRAIN_HOME to a folder that is."


def workspace_folder(name: str, subscription_id: str, resource_group: str) -> Path:
    """The folder of one workspace; names are compared without case, as Azure does."""
    key = "/".join((subscription_id, resource_group, name)).lower()
    return home_folder() / "workspaces" / f"{name.lower()}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def home_id() -> str:
    """A random name of this home folder, kept in it: tells what it made on an engine from what other people made there.

    Raises:
        StoreException: the folder cannot be written.
    """
    path = home_folder() / "id"
    try:
        with suppress(FileNotFoundError):
            return path.read_text(encoding="ascii")
        partial = path.with_name(f"id.{uuid.uuid4().hex}")
        partial.write_text(uuid.uuid4().hex, encoding="ascii")
        with suppress(FileExistsError):  # another process was first
            os.link(partial, path)
        partial.unlink()
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise StoreException(
            f"The home folder cannot be given a name: {path}: {error.strerror}. {advice_for(error)}",
            inner_exception=error,
        ) from error


def bytecode_folder(image_id: str) -> Path:
    """Where the jobs of one image keep the modules they compiled, so that only the first of them has to."""
    return made_folder(home_folder() / "bytecode" / image_id.rpartition(":")[2][:32])


def certificates_file(content: bytes) -> Path:
    """Certificates in the home folder, from where engines can mount them; one file per content.

    Raises:
        StoreException: it cannot be written.
    """
    folder = made_folder(home_folder() / "cache")
    path = folder / f"ca-{hashlib.sha256(content).hexdigest()[:16]}.crt"
    if not path.exists():
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            partial.write_bytes(content)
            partial.chmod(0o644)
            partial.rename(path)
        except OSError as error:
            raise StoreException(f"{path} cannot be written. {advice_for(error)}", inner_exception=error) from error
    return path


def job_code_folder() -> Path:
    """A copy of ``jupyter_amltrain/job`` in the home folder, from where engines can mount it; made once per content.

    The package itself may lie where an engine cannot see it (Docker Desktop shares only some folders).

    Raises:
        StoreException: the folder cannot be written.
    """
    source = Path(__file__).parent / "job"
    files = sorted(path for path in source.rglob("*.py") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(source)).encode() + b"\0" + path.read_bytes() + b"\0")
    folder = home_folder() / "job" / digest.hexdigest()[:16]
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.{os.getpid()}")
        try:
            shutil.copytree(source, partial, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            for path in (partial, *partial.rglob("*")):
                # The job may run as another user than the one who made the copy.
                path.chmod(0o755 if path.is_dir() else 0o644)
            partial.rename(folder)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            if not folder.is_dir():  # else another process was first
                raise StoreException(
                    f"The job's launcher cannot be copied to {folder}. {advice_for(error)}", inner_exception=error
                ) from error
    return folder
