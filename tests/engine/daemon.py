"""A private engine daemon in one folder: started, stopped and killed by pid, never touching another on the machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .parts import SEARCH_PATH, program

if TYPE_CHECKING:
    import docker

START_S = 60
STOP_S = 60
LONGEST_SOCKET_PATH = 107


class Daemon(ABC):
    """A server process that listens on ``folder/engine.sock`` and speaks the Docker API."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "engine.sock"
        self.pid_file = folder / "engine.pid"
        self.log_file = folder / "engine.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What to set DOCKER_HOST to."""
        return f"unix://{self.socket}"

    @abstractmethod
    def command(self) -> list[str]:
        """The server's command line, made after the folder; it names the socket."""

    def environment(self) -> dict[str, str]:
        """Variables of the server process."""
        return {**os.environ, "PATH": SEARCH_PATH}

    @contextmanager
    def client(self, timeout_s: int = 60) -> Iterator[docker.DockerClient]:
        """A docker-py client of this engine."""
        import docker

        with closing(docker.DockerClient(base_url=self.url, timeout=timeout_s)) as client:
            yield client

    def start(self) -> None:
        """Start the server and wait until it answers; a server that runs already stays."""
        if self.pid() is not None:
            self._wait_until_it_answers()
            return
        if len(str(self.socket).encode()) > LONGEST_SOCKET_PATH:
            raise RuntimeError(f"{self.socket} is too long for a socket: set AMLTRAIN_TEST_ENGINE_DIR to a short path.")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        command = self.command()
        with self.log_file.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{self._child.pid}\n")
        self._wait_until_it_answers()

    def stop(self) -> None:
        """End the server in good order, and with it what runs in it. Not running is not an error."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def remove_containers(self) -> None:
        """Remove every container, running or not."""
        from docker.errors import NotFound

        with self.client() as client:
            for container in client.containers.list(all=True, ignore_removed=True):
                with suppress(NotFound):
                    container.remove(force=True, v=True)

    def destroy(self) -> None:
        """Stop the server and delete its folder; also after :meth:`kill`, whose containers still run."""
        if self.folder.exists():
            self.start()
            self.remove_containers()
            self.stop()
            remove_folder(self.folder)

    def pid(self) -> int | None:
        """Pid of the running server; None when there is none or the pid has become another process's."""
        if self._child is not None:
            if self._child.poll() is None:
                return self._child.pid
            self._child = None
        return running_pid(self.pid_file, named=self.socket)

    def _wait_until_it_answers(self) -> None:
        from docker.errors import DockerException

        deadline = time.monotonic() + START_S
        while True:
            try:
                with self.client(timeout_s=5) as client:
                    client.ping()
                return
            except (DockerException, OSError) as error:
                if self.pid() is None or time.monotonic() > deadline:
                    raise RuntimeError(f"The engine in {self.folder} does not answer.\n{self._log_tail()}") from error
            time.sleep(0.05)

    def _end(self, signal_number: signal.Signals) -> None:
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal_number)
        deadline = time.monotonic() + STOP_S
        while self.pid() == pid:
            if time.monotonic() > deadline:
                raise RuntimeError(f"The engine in {self.folder} (pid {pid}) does not end.\n{self._log_tail()}")
            time.sleep(0.02)

    def _log_tail(self) -> str:
        try:
            return self.log_file.read_text(errors="replace")[-3000:]
        except OSError:
            return ""


class DockerDaemon(Daemon):
    """A dockerd that leaves the machine's network and other daemons alone.

    Its containers have the network modes ``host`` and ``none``.

    Args:
        folder: socket, data root, exec root, pid and log file lie here.
        options: further command line options.
        gpu_stub: pretend to have NVIDIA's runtime hook, so that GPU requests are accepted; no GPU appears.
    """

    def __init__(self, folder: Path, options: tuple[str, ...] = (), *, gpu_stub: bool = False) -> None:
        super().__init__(folder)
        self.options = options
        self.gpu_stub = gpu_stub

    def command(self) -> list[str]:
        """The daemon's command line."""
        own_pid_file = self.folder / "dockerd.pid"
        # dockerd takes any process that has the pid of an old file, a zombie too, for itself or for its containerd.
        # start() has seen that dockerd does not run.
        own_pid_file.unlink(missing_ok=True)
        containerd = self.folder / "exec" / "containerd"
        if running_pid(containerd / "containerd.pid", named=containerd) is None:
            (containerd / "containerd.pid").unlink(missing_ok=True)
        # Without a limit the build cache of a day of tests takes tens of gigabytes.
        settings = self.folder / "daemon.json"
        settings.write_text('{"builder": {"gc": {"enabled": true, "defaultKeepStorage": "10GB"}}}')
        return [
            program("dockerd"),
            f"--config-file={settings}",
            f"--host={self.url}",
            f"--exec-root={self.folder / 'exec'}",
            f"--data-root={self.folder / 'data'}",
            f"--pidfile={own_pid_file}",
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            *self.options,
        ]

    def environment(self) -> dict[str, str]:
        """Variables of the daemon; its PATH decides whether it finds a GPU hook."""
        variables = super().environment()
        if self.gpu_stub:
            hook = self.folder / "bin" / "nvidia-container-runtime-hook"
            hook.parent.mkdir(exist_ok=True)
            hook.write_text("#!/bin/sh\nexit 0\n")
            hook.chmod(0o755)
            variables["PATH"] = f"{hook.parent}{os.pathsep}{variables['PATH']}"
        return variables


class PodmanService(Daemon):
    """Podman's Docker-compatible service as root, with storage of its own."""

    def command(self) -> list[str]:
        """The service's command line."""
        return [*self.podman(), "system", "service", "--time=0", self.url]

    def podman(self) -> list[str]:
        """The podman command with the options that name this storage."""
        return [
            program("podman"),
            f"--root={self.folder / 'root'}",
            f"--runroot={self.folder / 'run'}",
            "--storage-driver=overlay",
            f"--runtime={shutil.which('runc', path=SEARCH_PATH) or 'crun'}",
            "--cgroup-manager=cgroupfs",
            "--events-backend=file",
        ]

    def environment(self) -> dict[str, str]:
        """Variables of the service, and of :meth:`podman` commands beside it."""
        settings = self.folder / "containers.conf"
        # Podman raises these limits by default, which a machine without CAP_SYS_RESOURCE refuses.
        settings.write_text('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
        return {**super().environment(), "CONTAINERS_CONF": str(settings)}


def running_pid(pid_file: Path, named: Path) -> int | None:
    """The pid in ``pid_file`` when it is that of a live process whose command line has the path ``named``."""
    try:
        pid = int(pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(named) in command else None


def short_folder() -> Path:
    """A new folder for one daemon, with a path short enough for a socket."""
    return Path(tempfile.mkdtemp(prefix="amltrain-engine-", dir="/tmp"))


def remove_folder(folder: Path) -> None:
    """Delete an engine's folder, with the mounts that a killed engine has left in it."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if Path(m).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=True)
    shutil.rmtree(folder)
