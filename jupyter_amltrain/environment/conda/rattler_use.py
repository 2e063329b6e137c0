"""What solving and installing share of py-rattler: that it is there, how it reaches the network, and being canceled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from ...engines.protocol import Preparation
from ...errors import CanceledException, UserErrorException
from .channels import CondaSettings
from .pypi import HINT

if TYPE_CHECKING:
    from rattler import Client

_LOOK_EVERY_S = 0.1
_LET_GO_S = 0.5
_RETRIES = 3

Result = TypeVar("Result")


def require_rattler(packages: tuple[str, ...]) -> None:
    """Refuse conda packages where py-rattler is not installed.

    Raises:
        UserErrorException: it is not.
    """
    if find_spec("rattler") is None:
        raise UserErrorException(
            f"The environment asks for conda packages ({', '.join(packages)}), which need py-rattler:"
            f" pip install 'jupyter_amltrain[conda]'. Or {HINT}."
        )


def run_canceled(work: Callable[[], Awaitable[Result]], log: Preparation) -> Result:
    """The result of a coroutine that is run in a thread of its own, since the caller may be inside an event loop.

    Raises:
        CanceledException: ``log`` said that the user gave up.
    """
    results: list[Result] = []
    errors: list[BaseException] = []
    started = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        started.set()
        results.append(await work())

    def target() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            errors.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=target, name="amltrain-conda", daemon=True)
    thread.start()
    started.wait()
    try:
        while thread.is_alive():
            if log.canceled():
                raise CanceledException("Canceled while conda packages were being prepared.")
            thread.join(_LOOK_EVERY_S)
    finally:
        if thread.is_alive() and running:
            loop, task = running[0]
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(task.cancel)
            thread.join(_LET_GO_S)
    if errors:
        raise errors[0]
    return results[0]


@contextlib.contextmanager
def network_client(settings: CondaSettings) -> Iterator[Client]:
    """A client with the proxies, certificates and credentials of this host: of conda, else of pip and the system."""
    from rattler import Client, Config

    lines = ["tls-no-verify = true"] if settings.ssl_verify is False else []
    with contextlib.ExitStack() as stack:
        bundle = os.path.expanduser(settings.ssl_verify) if isinstance(settings.ssl_verify, str) else ""
        given = b"" if bundle else settings.host.ca_bundle
        if given:
            file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="amltrain-certificates-"))
            file.write(given)
            file.flush()
            bundle = file.name
        if bundle and bundle != "truststore":
            # A variable is the only way to name a file to the library underneath, which reads it at the first request.
            stack.enter_context(_variable("SSL_CERT_FILE", bundle))
        if bundle:
            lines.append('tls-root-certs = "system"')
        lines += _proxy_lines(settings)
        yield Client.from_config(Config.from_toml("\n".join(lines)), max_retries=_RETRIES)


def _proxy_lines(settings: CondaSettings) -> list[str]:
    host = settings.host.proxies
    proxies = settings.proxies or {scheme: host.get(f"{scheme}_proxy", "") for scheme in ("https", "http")}
    named = [(scheme, proxies[scheme]) for scheme in ("https", "http") if proxies.get(scheme)]
    if not named:
        return []
    direct = [word.strip() for word in host.get("no_proxy", "").split(",") if word.strip()]
    lines = [f"{scheme} = {json.dumps(address)}" for scheme, address in named]
    return ["[proxy-config]", *lines, f"non-proxy-hosts = {json.dumps(direct)}"]


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
