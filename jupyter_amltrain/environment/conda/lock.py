"""The exact conda packages that a specification became, kept in the home folder until it is solved anew."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import StoreException
from ...home import advice_for, home_folder, made_folder
from ..secrets import without_url_credentials

if TYPE_CHECKING:
    from rattler import RepoDataRecord

_ENVIRONMENT = "default"


@dataclass(frozen=True)
class CondaRequest:
    """What is solved: everything that decides what a lock may say.

    Attributes:
        specs: match specifications, such as ``numpy >=1.26``.
        channels: addresses, the preferred first; credentials included.
        platform: such as ``linux-64``.
        virtual: virtual packages by name, such as ``__glibc`` with its version.
    """

    specs: tuple[str, ...]
    channels: tuple[str, ...]
    platform: str
    virtual: Mapping[str, str]

    @property
    def key(self) -> str:
        """Digest by which the lock of an equal request is found. The kernel's version does not count: it changes with
        every update of the machine."""
        virtual = {name: version for name, version in self.virtual.items() if name != "__linux"}
        channels = [without_url_credentials(channel) for channel in self.channels]
        parts = [sorted(set(self.specs)), channels, self.platform, sorted(virtual.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class CondaLock:
    """Packages in the order in which they are installed, without credentials.

    Attributes:
        platform: such as ``linux-64``.
        records: what the channels say of each package.
    """

    platform: str
    records: tuple[RepoDataRecord, ...]

    @property
    def text(self) -> str:
        """The lock in conda's explicit form, which ``conda create --file`` takes: exact addresses with checksums."""
        lines = sorted(f"{record.url}{_checksum(record)}" for record in self.records)
        return "\n".join([f"# platform: {self.platform}", "@EXPLICIT", *lines]) + "\n"

    @property
    def digest(self) -> str:
        """Digest of the text: two environments with the same one have the same conda packages."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"


def _checksum(record: RepoDataRecord) -> str:
    if record.sha256:
        return f"#sha256:{record.sha256.hex()}"
    return f"#{record.md5.hex()}" if record.md5 else ""


def stored_lock(request: CondaRequest) -> CondaLock | None:
    """The lock that was kept for an equal request; None when there is none, or it cannot be read."""
    path = _lock_file(request)
    if not path.exists():
        return None
    from rattler import LockFile
    from rattler.exceptions import ParseCondaLockError

    try:
        environment = LockFile.from_path(path).default_environment()
        found = environment.conda_repodata_records_for_platform(environment.platforms()[0]) if environment else None
    except (ParseCondaLockError, OSError, IndexError):  # cut short, or of another time: solve again
        return None
    return CondaLock(request.platform, tuple(found)) if found else None


def store_lock(request: CondaRequest, lock: CondaLock) -> None:
    """Keep a lock for later requests that are equal, whole or not at all.

    Raises:
        StoreException: it cannot be written.
    """
    from rattler import LockFile
    from rattler.lock import LockChannel, LockPlatform

    platform = LockPlatform(lock.platform)
    file = LockFile([platform])
    file.set_channels(_ENVIRONMENT, [LockChannel(without_url_credentials(channel)) for channel in request.channels])
    for record in lock.records:
        file.add_conda_package(_ENVIRONMENT, platform, record)
    path = _lock_file(request)
    try:
        with tempfile.TemporaryDirectory(dir=made_folder(path.parent)) as folder:
            for suffix in (".yml", ".txt"):
                partial = Path(folder, f"lock{suffix}")
                if suffix == ".yml":
                    file.to_path(partial)
                else:
                    partial.write_text(lock.text, encoding="utf-8")
                partial.replace(path.with_suffix(suffix))
    except OSError as error:
        raise StoreException(
            f"The conda lock cannot be kept in {path.parent}: {error.strerror}. {advice_for(error)}",
            inner_exception=error,
        ) from error


def with_credentials(records: Iterable[RepoDataRecord], channels: Sequence[str]) -> list[RepoDataRecord]:
    """Copies of records whose addresses have the credentials of their channel again, for the download alone."""
    from rattler import RepoDataRecord

    private = {
        f"{clean}/": f"{channel.rstrip('/')}/"
        for channel in channels
        if (clean := without_url_credentials(channel).rstrip("/")) != channel.rstrip("/")
    }
    made = []
    for record in records:
        start = next((clean for clean in private if record.url.startswith(clean)), None)
        url = private[start] + record.url[len(start) :] if start else record.url
        made.append(RepoDataRecord(record, record.file_name, url, record.channel) if start else record)
    return made


def conda_folder() -> Path:
    """Where packages and channel indexes are kept; whoever needs space may delete it."""
    return made_folder(home_folder() / "conda")


def _lock_file(request: CondaRequest) -> Path:
    return made_folder(home_folder() / "conda-locks") / f"{request.key}.yml"
