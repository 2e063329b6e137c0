"""The system programs that the test engines are made of, installed from Debian's packages when they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = {
    "dockerd": ("docker.io", "iptables"),
    "mmdebstrap": ("mmdebstrap",),
    "apt-get": ("apt",),
    "podman": ("podman", "runc", "catatonit"),
    "chromium": ("chromium",),
    "docker-registry": ("docker-registry",),
    "htpasswd": ("apache2-utils",),
    "openssl": ("openssl",),
    "zstd": ("zstd",),
    "ssh-agent": ("openssh-client",),
    "gcc": ("gcc", "libc6-dev"),
}

_PLUGIN_FOLDERS = ("/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "~/.docker/cli-plugins")

# Daemons lie in folders that are not on everybody's PATH.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


class MissingPart(RuntimeError):
    """A program that the tests need is missing and cannot be installed; the message says what to do."""


def program(name: str) -> str:
    """Path of a program of :data:`PACKAGES`, which is installed when it is missing."""
    return shutil.which(name, path=SEARCH_PATH) or _installed(name)


def _installed(name: str) -> str:
    packages = PACKAGES[name]
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise MissingPart(f"The tests need '{name}' and this is not a Debian machine: install it and try again.")
    if os.geteuid() != 0:
        raise MissingPart(f"The tests need '{name}' and only root can install it: run 'sudo {command}' and try again.")
    print(f"test engine: installing {', '.join(packages)}", flush=True)
    _apt_get("update")
    _apt_get("install", "-y", "--no-install-recommends", *packages)
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        raise MissingPart(f"'{command}' succeeded but there is still no '{name}' on this machine.")
    return found


def buildx(cache: Path) -> Path:
    """Docker's plug-in buildx: this machine's, else Debian's, of the release behind this one where it has none."""
    for folder in (*_PLUGIN_FOLDERS, cache):
        found = Path(folder).expanduser() / "docker-buildx"
        if found.is_file():
            return found
    program("apt-get")
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    mirrors = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    if not mirrors:
        raise MissingPart("The tests need docker-buildx, and this machine knows no Debian mirror: install the plug-in.")
    with tempfile.TemporaryDirectory(prefix="amltrain-apt-") as name:
        folder = Path(name)
        (folder / "lists" / "partial").mkdir(parents=True)
        keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (folder / "sources.list").write_text(f"deb [signed-by={keys}] {mirrors[0]} trixie main\n")
        options = {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder,
            "APT::Sandbox::User": "root",
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        print("test engine: fetching docker-buildx", flush=True)
        _apt_get(*words, "update")
        _apt_get(*words, "download", "docker-buildx", cwd=folder)
        subprocess.run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(folder / "files")], check=True)
        ready = cache / f"docker-buildx.{os.getpid()}"
        shutil.copy(next((folder / "files").rglob("cli-plugins/docker-buildx")), ready)
        return ready.replace(cache / "docker-buildx")


def _apt_get(*arguments: str, cwd: Path | None = None) -> None:
    done = subprocess.run(
        ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise MissingPart(f"'apt-get {' '.join(arguments)}' failed:\n{done.stdout[-2000:]}")
