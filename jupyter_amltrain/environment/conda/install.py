"""Locked conda packages → a folder with everything linked, as it is to lie at its place. Runs on this host.

py-rattler downloads into a cache in the home folder and links from there; files that have the prefix in them, text or
binary, get the one they will have later. Nothing of the packages is run here.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ...engines.protocol import Preparation, Step
from ...errors import ImageBuildException
from ..secrets import mask_url_credentials, without_url_credentials
from .channels import CondaSettings
from .lock import CondaLock, CondaRequest, conda_folder, with_credentials
from .rattler_use import network_client, run_canceled

if TYPE_CHECKING:
    from rattler import PackageRecord

LOCK_NAME = "conda-lock.txt"
"""File of a prefix that holds its lock in the explicit form."""

_TELL_EVERY_S = 0.2
_OF_THIS_HOST = ("extracted_package_dir", "package_tarball_full_path", "link")


class _Progress:
    """Turns what py-rattler tells while it downloads and links into one step of the preparation."""

    def __init__(self, lock: CondaLock, log: Preparation) -> None:
        self._log = log
        self._name = f"install {len(lock.records)} conda packages"
        self._sizes = {record.name.normalized: record.size or 0 for record in lock.records}
        self._entries: list[str] = []
        self._partial: dict[int, int] = {}
        self._done = 0
        self._began = self._told = time.monotonic()

    def tell(self, state: str = "running") -> None:
        """Say how it stands now, unless that was said a moment ago."""
        now = time.monotonic()
        if state == "running" and now - self._told < _TELL_EVERY_S:
            return
        self._told = now
        total = sum(self._sizes.values())
        done = total if state == "done" else min(self._done + sum(self._partial.values()), total)
        self._log.step(Step("conda-install", self._name, state, now - self._began, done, total))
        if state == "running":
            self._log.phase(f"installing conda packages: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        self._entries.append(package_name)
        return len(self._entries) - 1

    def on_download_start(self, cache_entry: int) -> int:
        return cache_entry

    def on_download_progress(self, download: int, progress: int, total: int | None) -> None:
        self._partial[download] = progress
        self.tell()

    def on_populate_cache_complete(self, cache_entry: int) -> None:
        self._partial.pop(cache_entry, None)
        self._done += self._sizes.get(self._entries[cache_entry], 0)
        self.tell()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):  # what else it tells
            return lambda *_: 0
        raise AttributeError(name)


def install(
    lock: CondaLock,
    request: CondaRequest,
    settings: CondaSettings,
    folder: Path,
    log: Preparation,
    prefix: str | None = None,
) -> None:
    """Link the packages of a lock in ``folder``, made for use at ``prefix`` (by default in the folder itself).

    Raises:
        ImageBuildException: a package cannot be fetched, or is not the one that was locked.
        CanceledException: the user gave up.
    """
    from rattler import Subdir
    from rattler import install as rattler_install
    from rattler.exceptions import InstallerError, IoError, LinkError, TransactionError

    progress = _Progress(lock, log)
    _check_local_files(lock)

    async def work() -> None:
        await rattler_install(
            with_credentials(lock.records, request.channels),
            folder,
            cache_dir=conda_folder() / "packages",
            installed_packages=[],
            platform=Subdir(lock.platform),
            execute_link_scripts=False,
            show_progress=False,
            client=client,
            reporter=progress,
            alternative_target_prefix=prefix,
        )

    progress.tell("running")
    try:
        with network_client(settings) as client:
            run_canceled(work, log)
    except (InstallerError, TransactionError, LinkError, IoError) as error:
        progress.tell("failed")
        raise ImageBuildException(_failed(str(error)), inner_exception=error) from error
    progress.tell("done")
    _clean_metadata(folder / "conda-meta")
    (folder / "CACHEDIR.TAG").unlink(missing_ok=True)
    (folder / LOCK_NAME).write_text(lock.text, encoding="utf-8")


def _check_local_files(lock: CondaLock) -> None:
    """Compare packages of channels in folders with what was locked: py-rattler does that for downloads only."""
    for record in lock.records:
        address = urlsplit(record.url)
        if address.scheme != "file" or not record.sha256:
            continue
        path = Path(unquote(address.path))
        try:
            with path.open("rb") as file:
                digest = hashlib.sha256()
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
        except OSError as error:
            raise ImageBuildException(_failed(f"{path}: {error.strerror}"), inner_exception=error) from error
        if digest.digest() != record.sha256:
            raise ImageBuildException(
                _failed(f"{path} has the SHA-256 {digest.hexdigest()}, and {record.sha256.hex()} was locked")
            )


def readable_paths(folder: Path) -> list[str]:
    """All paths below a folder, sorted; what only its owner could read or enter is opened to everybody, since jobs may
    run as anybody."""
    found = []
    folder.chmod(0o755)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            mode = os.lstat(path).st_mode
            found.append(os.path.relpath(path, folder))
            if not stat.S_ISLNK(mode):
                wanted = mode | 0o444 | (0o111 if mode & 0o100 else 0)
                if wanted != mode:
                    os.chmod(path, stat.S_IMODE(wanted))
    return sorted(found)


def fixed_variables(folder: Path) -> dict[str, str]:
    """The variables that packages set by a file (``etc/conda/env_vars.d``) whenever their environment is used."""
    found: dict[str, str] = {}
    for path in sorted((folder / "etc/conda/env_vars.d").glob("*.json")):
        try:
            variables = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:  # conda itself passes over it
            continue
        if isinstance(variables, dict):
            found.update({str(name): str(value) for name, value in variables.items()})
    return found


def activation_scripts(folder: Path) -> list[str]:
    """The scripts that a shell would run when the environment is activated, which nobody does in an image."""
    return sorted(path.name for path in (folder / "etc/conda/activate.d").glob("*.sh"))


def link_scripts(lock: CondaLock, folder: Path) -> list[PackageRecord]:
    """The packages that have a script to be run when they are linked, dependencies first."""
    from rattler import PackageRecord

    ordered = PackageRecord.sort_topologically(list(lock.records))
    return [record for record in ordered if (folder / _script_of(record)).exists()]


def link_program(scripts: Sequence[PackageRecord], prefix: str) -> str:
    """A shell script that runs the post-link scripts of packages as conda does; "" when there are none."""
    lines = [
        f"PKG_NAME={record.name.normalized} PKG_VERSION={record.version} PKG_BUILDNUM={record.build_number}"
        f' "$shell" {prefix}/{_script_of(record)} || exit'
        for record in scripts
    ]
    start = ["shell=$(command -v bash || echo sh)", f"export PREFIX={prefix} PATH={prefix}/bin:$PATH"]
    return "\n".join([*start, *lines]) + "\n" if lines else ""


def _script_of(record: PackageRecord) -> str:
    return f"bin/.{record.name.normalized}-post-link.sh"


def _clean_metadata(folder: Path) -> None:
    """Take out of conda's own records where things lay on this host, and with which credentials they were fetched."""
    for path in folder.glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        for name in _OF_THIS_HOST:
            record.pop(name, None)
        for name in ("url", "channel"):
            if record.get(name):
                record[name] = without_url_credentials(record[name])
        path.write_text(json.dumps(record), encoding="utf-8")


def _failed(message: str) -> str:
    lines = [line.strip() for line in str(mask_url_credentials(message)).splitlines() if line.strip()]
    reason = ": ".join(dict.fromkeys(line.removeprefix("Caused by: ") for line in lines)) or "no reason was given"
    if "cannot be longer than the placeholder" in reason:
        return (
            f"The conda packages cannot be installed: {reason}. The path of the folder is too long for them: set"
            " AMLTRAIN_HOME to a shorter one, or use a target on Docker."
        )
    return (
        f"The conda packages cannot be installed: {reason}. When a package has changed in its channel, or gone from it,"
        " since it was locked, --rebuild solves anew."
    )
