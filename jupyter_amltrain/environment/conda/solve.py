"""A conda specification → the exact packages that satisfy it, solved by py-rattler on this host."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...engines.protocol import Preparation, Step
from ...errors import ImageBuildException, UserErrorException
from ..packages.requirements import Packages
from ..secrets import mask_url_credentials, private_text, without_url_credentials
from .channels import CondaSettings, channel_addresses, short_name
from .lock import CondaLock, CondaRequest, conda_folder, store_lock, stored_lock
from .pypi import HINT
from .rattler_use import network_client, require_rattler, run_canceled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rattler import Channel, Gateway, RepoDataRecord

ARCHSPEC = "__archspec"
CUDA = "__cuda"

_EXPLANATION_LINES = 25
_NO_CANDIDATES = re.compile(r"No candidates were found for (\S+)(.*?)\.\s*$")
_CHANNEL_IN_SPEC = re.compile(r"([^\s\[]+)::(.+)")


def check_specs(packages: Packages) -> None:
    """Refuse conda packages that cannot be had at all: what is no match specification, and any without py-rattler.

    Raises:
        UserErrorException: the item is named, with the reason; or py-rattler is not installed.
    """
    if not packages.conda:
        return
    require_rattler(packages.conda)
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    for spec in (*packages.conda, *packages.conda_tools):
        try:
            MatchSpec(spec)
        except InvalidMatchSpecError as error:
            raise UserErrorException(
                f"'{mask_url_credentials(spec)}' is no conda package: {str(error).splitlines()[0]}. Write a name and"
                " a version, such as numpy=1.26 or numpy>=1.26,<2.",
                inner_exception=error,
            ) from error


def plan_request(
    packages: Packages,
    settings: CondaSettings,
    platform: str,
    virtual: Mapping[str, str],
    secrets: Mapping[str, str],
    extra: Iterable[str] = (),
) -> CondaRequest:
    """What to solve for an environment: its conda packages, and a Python in any case, since jobs are run by one.

    Raises:
        AuthenticationException: the credentials of a channel are not here.
    """
    named = [private_text(item, secrets) for item in (*packages.conda, *packages.conda_tools, *extra)]
    channels = list(channel_addresses([private_text(item, secrets) for item in packages.channels], settings))
    specs = []
    for item in named:
        own = _CHANNEL_IN_SPEC.fullmatch(item)
        if own:
            (address, *_) = channel_addresses([own[1]], settings)
            channels += [] if address in channels else [address]
            item = f"{without_url_credentials(address)}::{own[2]}"
        specs.append(item)
    if not any(re.fullmatch(r"(.*::)?python(?![\w.-]).*", item) for item in specs):
        specs.append("python")
    return CondaRequest(tuple(specs), tuple(channels), platform, virtual)


def locked(request: CondaRequest, settings: CondaSettings, log: Preparation, renew: bool = False) -> CondaLock:
    """The lock that is kept for a request, else what it is solved to now, which is kept from then on.

    Raises:
        EngineException: as :func:`solve`.
    """
    lock = None if renew else stored_lock(request)
    if lock:
        say = f"The conda packages were locked before ({lock.digest[:19]}); nothing is solved:"
    else:
        lock = solve(request, settings, log)
        store_lock(request, lock)
        say = f"Solved and locked {len(lock.records)} conda packages ({lock.digest[:19]}):"
    log.write(f"{say}\n{_table(lock)}".encode())
    return lock


def solve(request: CondaRequest, settings: CondaSettings, log: Preparation) -> CondaLock:
    """The lock for a request, from what the channels have now; a channel earlier in the list goes before later ones.

    Raises:
        UserErrorException: no channel has a package, or what is asked for cannot go together; the message says why.
        ImageBuildException: a channel cannot be reached or read.
        CanceledException: the user gave up.
    """
    from rattler import Channel, Gateway, GenericVirtualPackage, MatchSpec, PackageName, Subdir, Version
    from rattler import solve as rattler_solve
    from rattler.exceptions import FetchRepoDataError, GatewayError, InvalidChannelError, SolverError
    from rattler.package import BuildString

    channels = [short_name(without_url_credentials(channel)) for channel in request.channels]
    log.phase(f"solving conda packages from {', '.join(channels)}")
    step = Step("conda-solve", f"solve conda packages from {', '.join(channels)}")
    log.step(step)

    async def work() -> list[RepoDataRecord]:
        sources = [Channel(channel) for channel in request.channels]
        gateway = Gateway(cache_dir=indexes, client=client)
        try:
            return await rattler_solve(
                sources,
                [MatchSpec(spec) for spec in request.specs],
                gateway=gateway,
                platforms=[Subdir(request.platform), Subdir("noarch")],
                virtual_packages=virtual,
                channel_relations="disabled",
            )
        except SolverError as error:
            nearest = await _nearest(str(error), gateway, sources, request.platform)
            raise UserErrorException(_explained(str(error), request, nearest), inner_exception=error) from error

    try:
        virtual = [
            # conda names the processor in the build, and everything else in the version.
            GenericVirtualPackage(
                PackageName(name),
                Version("1" if name == ARCHSPEC else version),
                BuildString(version if name == ARCHSPEC else "0"),
            )
            for name, version in request.virtual.items()
        ]
        with network_client(settings) as client, _index_folder(request) as indexes:
            records = run_canceled(work, log)
    except (GatewayError, FetchRepoDataError, InvalidChannelError) as error:
        log.step(Step(step.key, step.name, "failed"))
        raise ImageBuildException(_unreachable(str(error)), inner_exception=error) from error
    log.step(Step(step.key, step.name, "done"))
    for record in records:
        record.url, record.channel = without_url_credentials(record.url), without_url_credentials(record.channel)
    return CondaLock(request.platform, tuple(records))


@contextlib.contextmanager
def _index_folder(request: CondaRequest) -> Iterator[Path]:
    """Where channel indexes are kept; not kept when an address has credentials in it, which would be kept with it."""
    if all(channel == without_url_credentials(channel) for channel in request.channels):
        yield conda_folder() / "indexes"
    else:
        with tempfile.TemporaryDirectory(prefix="amltrain-indexes-") as folder:
            yield Path(folder)


def _table(lock: CondaLock) -> str:
    """The packages of a lock, one a line, for the build log."""
    rows = sorted(
        (r.name.normalized, str(r.version), str(r.build), short_name(r.channel or ""), r.size or 0)
        for r in lock.records
    )
    widths = [max(len(str(row[column])) for row in rows) for column in range(4)]
    lines = (
        "  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


async def _nearest(message: str, gateway: Gateway, channels: Sequence[Channel], platform: str) -> list[str]:
    """Names in the channels that look like the one that no channel has."""
    from rattler import Subdir

    missing = _NO_CANDIDATES.search(message.strip())
    if not missing:
        return []
    names = [name.normalized for name in await gateway.names(channels, [Subdir(platform), Subdir("noarch")])]
    return [missing[1]] if missing[1] in names else difflib.get_close_matches(missing[1], names, 3)


def _explained(message: str, request: CondaRequest, nearest: Sequence[str]) -> str:
    """Why a request cannot be solved, for the person who made it."""
    channels = ", ".join(short_name(without_url_credentials(channel)) for channel in request.channels)
    where = f"the channel{'' if len(request.channels) == 1 else 's'} {channels} for {request.platform}"
    missing = _NO_CANDIDATES.search(message.strip())
    if missing and missing[1] in nearest:
        return f"{missing[1]} is in {where}, but not in a version that fits '{missing[1]}{missing[2]}'."
    if missing:
        hint = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
        return (
            f"There is no conda package {missing[1]} in {where}.{hint} A package that only PyPI has goes below 'pip:'."
        )
    text = mask_url_credentials(message.partition("because of: ")[2] or message)
    lines = [line.rstrip() for line in str(text).splitlines() if line.strip()]
    if len(lines) > _EXPLANATION_LINES:
        lines = [*lines[:_EXPLANATION_LINES], "…"]
    return "\n".join([f"These conda packages cannot be installed together from {where}:", *lines])


def _unreachable(message: str) -> str:
    """What went wrong with a channel, as one sentence; the last cause says most."""
    lines = [line.strip() for line in str(mask_url_credentials(message)).splitlines() if line.strip()]
    address = re.search(r"https?://[^\s)]+", "\n".join(lines))
    last = lines[-1].removeprefix("Caused by: ") if lines else "no reason was given"
    first = address[0] if address else lines[0] if lines else last
    reason = first if last == first else last if first in last else f"{first}: {last}"
    return (
        f"A conda channel cannot be read: {reason}. Correct the channel's name, or check the network, the proxy and"
        " certificate settings (.condarc, HTTPS_PROXY, SSL_CERT_FILE) and the credentials."
        f" Where no channel can be reached, {HINT}."
    )


def this_platform() -> str:
    """What conda calls this machine, such as ``linux-64``."""
    from rattler import Subdir

    return str(Subdir.current())


def virtual_packages_here() -> dict[str, str]:
    """What conda packages may ask of this machine: its kernel, C library, processor and CUDA driver."""
    from rattler import VirtualPackage
    from rattler.exceptions import DetectVirtualPackageError, VirtualPackageOverrideError

    try:
        found = [package.into_generic() for package in VirtualPackage.detect()]
    except (DetectVirtualPackageError, VirtualPackageOverrideError):
        return {}
    return {
        package.name.normalized: str(package.build_string if package.name.normalized == ARCHSPEC else package.version)
        for package in found
    }


def cuda_here() -> dict[str, str]:
    """The CUDA version that this machine's driver can do, as conda packages ask for it; {} without a GPU."""
    return {name: version for name, version in virtual_packages_here().items() if name == CUDA}


def with_overrides(virtual: Mapping[str, str]) -> dict[str, str]:
    """Virtual packages with what ``CONDA_OVERRIDE_…`` says of them; an empty value takes one away."""
    found = dict(virtual)
    for name in (CUDA, "__glibc", "__linux", ARCHSPEC):
        given = os.environ.get(f"CONDA_OVERRIDE_{name.strip('_').upper()}")
        if given is not None:
            found[name] = given.strip()
    return {name: version for name, version in found.items() if version}
